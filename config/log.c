/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log: formats a line into a local buffer and hands it to the kernel in one write, so that lines of
 * different processes on one terminal do not mix. */
#include "config/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *program_name = "millrace";
static _Atomic enum log_level log_threshold = LOG_LEVEL_INFO;
static bool to_journal;

void
log_open(const char *program, enum log_level threshold)
{
	program_name = program;
	log_threshold = threshold;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_set_threshold(enum log_level threshold)
{
	atomic_store_explicit(&log_threshold, threshold, memory_order_relaxed);
}

bool
log_would_write(enum log_level level)
{
	return level <= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

/* A line stays one, whatever names of files and texts of strangers are in it. */
static void
keep_to_one_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = text[i] == '\t' ? ' ' : '?';
}

void
log_write(enum log_level level, const char *format, ...)
{
	static const char *const word[] = {"error: ", "warning: ", "", "debug: "};
	static const char *const priority[] = {"<3>", "<4>", "<6>", "<7>"};
	char line[2048];
	va_list args;
	int n, m;

	if (!log_would_write(level))
		return;
	n = snprintf(line, sizeof line, "%s%s: %s", to_journal ? priority[level] : "", program_name,
		word[level]);
	va_start(args, format);
	m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
	va_end(args);
	if (m < 0)
		return;
	n += m;
	if ((size_t)n > sizeof line - 2)
		n = sizeof line - 2;
	keep_to_one_line(line, (size_t)n);
	line[n++] = '\n';
	/* nothing sensible can be done about a log that cannot be written */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
