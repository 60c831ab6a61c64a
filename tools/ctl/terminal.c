/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/terminal: questions, and how far something is. */
#include "tools/ctl/ctl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_CELLS 24u
#define REDRAW_NS 100000000u

bool
ctl_may_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

char
ctl_choose(const char *letters, const char *format, ...)
{
	char line[64];
	va_list args;

	for (;;) {
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fflush(stderr);
		if (fgets(line, sizeof line, stdin) == NULL) {
			fputc('\n', stderr);
			return '\0';
		}
		if (line[0] == '\n') /* what is safe is the last one */
			return letters[strlen(letters) - 1];
		line[0] = (char)tolower((unsigned char)line[0]);
		if (strchr(letters, line[0]) != NULL)
			return line[0];
	}
}

bool
ctl_confirm(const struct ctl *c, const char *format, ...)
{
	va_list args;
	char *question;
	bool yes;

	if (ctl_given(c, "yes") || !ctl_may_ask())
		return true;
	va_start(args, format);
	if (vasprintf(&question, format, args) < 0)
		abort();
	va_end(args);
	yes = ctl_choose("yn", "%s [y/N] ", question) == 'y';
	free(question);
	if (!yes)
		fprintf(stderr, "Nothing was changed.\n");
	return yes;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void
ctl_progress_start(struct ctl_progress *p, const char *what, uint64_t total)
{
	*p = (struct ctl_progress){.what = what, .total = total, .started_ns = now_ns()};
	p->on = isatty(STDERR_FILENO);
}

static void
draw(const struct ctl_progress *p, uint64_t now)
{
	double s = (double)(now - p->started_ns) / 1e9;
	double rate = s > 0 ? (double)p->done / s : 0;
	unsigned full = p->total == 0 ? 0 : (unsigned)(p->done * BAR_CELLS / p->total);
	char bar[BAR_CELLS + 1];

	for (unsigned i = 0; i < BAR_CELLS; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_CELLS] = '\0';
	fprintf(stderr, "\r[%s] %s/%s %s, %.0f/s", bar, ctl_number(p->done), ctl_number(p->total),
		p->what, rate);
	if (rate > 0 && p->done < p->total)
		fprintf(stderr, ", %s left",
			ctl_duration((uint64_t)((double)(p->total - p->done) / rate) + 1));
	fprintf(stderr, "\033[K");
}

void
ctl_progress_add(struct ctl_progress *p, uint64_t n)
{
	uint64_t now;

	p->done += n;
	if (!p->on)
		return;
	now = now_ns();
	if (now - p->drawn_ns < REDRAW_NS)
		return;
	p->drawn_ns = now;
	draw(p, now);
}

void
ctl_progress_hide(struct ctl_progress *p)
{
	if (p->on && p->drawn_ns != 0)
		fprintf(stderr, "\r\033[K");
	p->drawn_ns = 0;
}

double
ctl_progress_seconds(const struct ctl_progress *p)
{
	return (double)(now_ns() - p->started_ns) / 1e9;
}
