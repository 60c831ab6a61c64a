/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_report: collects findings. Keeps ZONE_REPORT_MAX texts of a severity, so that a hostile file
 * costs a bounded amount of memory; the counts go on. Any thread, one at a time for one report. */
#include "controlplane/zones/zone_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OCTETS_MAX \
	2048u /* room for a path, a domain name in presentation format and the advice */

void
zone_report_add(struct zone_report *r, enum zone_severity s, const char *file, uint32_t line,
	const char *format, ...)
{
	char text[TEXT_OCTETS_MAX];
	size_t at = 0;
	va_list args;

	size_t *total = s == ZONE_ERROR ? &r->n_errors : &r->n_warnings;
	if ((*total)++ >= ZONE_REPORT_MAX)
		return;
	struct zone_finding *more = realloc(r->finding, (r->n + 1) * sizeof *more);
	if (more == NULL)
		return;
	r->finding = more;
	if (file != NULL && line != 0)
		at = (size_t)snprintf(text, sizeof text, "%s:%u: ", file, line);
	else if (file != NULL)
		at = (size_t)snprintf(text, sizeof text, "%s: ", file);
	if (at < sizeof text) {
		va_start(args, format);
		vsnprintf(text + at, sizeof text - at, format, args);
		va_end(args);
	}
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?'; /* a path or a zone's text must not draw on an operator's terminal
				   */
	char *copy = strdup(text);
	if (copy == NULL)
		return;
	r->finding[r->n++] = (struct zone_finding){.severity = s, .text = copy};
}

void
zone_report_destroy(struct zone_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->finding[i].text);
	free(r->finding);
	*r = (struct zone_report){0};
}
