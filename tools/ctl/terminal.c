/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/terminal: questions. */
#include "tools/ctl/ctl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
