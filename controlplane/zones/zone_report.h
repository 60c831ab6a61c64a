/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_report: what is wrong with a zone, for whoever loads or checks it. Bounded: after
 * ZONE_REPORT_MAX findings of a severity only the count goes on. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define ZONE_REPORT_MAX 100u

enum zone_severity {
	ZONE_WARNING, /* named-checkzone and kzonecheck would warn; the zone is served */
	ZONE_ERROR,   /* the zone is refused; what was served goes on being served */
};

struct zone_finding {
	enum zone_severity severity;
	char *text; /* "FILE:LINE: what is wrong; what would be right", without newline */
};

struct zone_report {
	struct zone_finding *finding;
	size_t n;
	size_t n_errors, n_warnings; /* all, also those not kept */
};

/** Add a finding. file may be NULL, line 0, when no place can be named. Out of memory only loses
 * the text. */
void zone_report_add(struct zone_report *r, enum zone_severity s, const char *file, uint32_t line,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
void zone_report_destroy(struct zone_report *r);
