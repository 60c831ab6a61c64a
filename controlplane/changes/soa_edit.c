/* SPDX-License-Identifier: GPL-3.0-or-later */
/* soa_edit: serials as PowerDNS counts them (pdns/serialtweaker.cc says what its documentation
 * leaves open: comparisons are those of numbers, days are local time, weeks begin on Thursday). */
#include "controlplane/changes/changes.h"

#include <strings.h>
#include <time.h>

#define DAY_S 86400
#define WEEK_S (7 * DAY_S)

/* YYYYMMDD and a count of two digits. */
static uint32_t
day_serial(int64_t at_s, uint32_t count)
{
	time_t at = (time_t)at_s;
	struct tm tm;

	localtime_r(&at, &tm);
	return (uint32_t)(tm.tm_year + 1900) * 1000000u + (uint32_t)(tm.tm_mon + 1) * 10000u +
	       (uint32_t)tm.tm_mday * 100u + count;
}

/* Counts 00 and 01 of the day on which signatures begin are the week's own. */
static uint32_t
inception_increment(uint32_t serial, int64_t week_s)
{
	uint32_t first = day_serial(week_s, 1), last = day_serial(week_s + 2 * DAY_S, 99);

	if (serial < first - 1)
		return first;
	if (serial < first + 1)
		return first + 1;
	return serial <= last ? serial + 1 : serial;
}

bool
soa_edit_told(const char *soa_edit, uint32_t serial, int64_t now_s, uint32_t *out)
{
	int64_t week_s = now_s - now_s % WEEK_S;

	*out = serial;
	if (*soa_edit == '\0' || strcasecmp(soa_edit, "NONE") == 0)
		return true;
	if (strcasecmp(soa_edit, "INCEPTION-INCREMENT") == 0)
		*out = inception_increment(serial, week_s);
	else if (strcasecmp(soa_edit, "INCREMENT-WEEKS") == 0)
		*out = serial + (uint32_t)(week_s / WEEK_S);
	else if (strcasecmp(soa_edit, "EPOCH") == 0)
		*out = (uint32_t)now_s;
	else if (strcasecmp(soa_edit, "INCEPTION-EPOCH") == 0)
		*out = serial < (uint32_t)week_s ? (uint32_t)week_s : serial;
	else
		return false;
	return true;
}

/* SOA-EDIT-INCREASE: as SOA-EDIT says, but never less than one more. */
static bool
edit_increase(const char *soa_edit, uint32_t serial, int64_t now_s, uint32_t *out)
{
	bool known =
		soa_edit_told(strcasecmp(soa_edit, "INCEPTION-EPOCH") == 0 ? "EPOCH" : soa_edit,
			serial, now_s, out);

	if (*out <= serial)
		*out = serial + 1;
	return known;
}

bool
soa_edit_serial(const char *kind, const char *soa_edit, uint32_t now_serial, const uint32_t *given,
	int64_t now_s, uint32_t *out)
{
	uint32_t serial = given != NULL ? *given : now_serial;

	*out = serial;
	if (*kind == '\0' || strcasecmp(kind, "OFF") == 0)
		return true;
	if (strcasecmp(kind, "DEFAULT") == 0) {
		*out = day_serial(now_s, 1);
		if (*out <= serial)
			*out = serial + 1;
	} else if (strcasecmp(kind, "INCREASE") == 0) {
		*out = serial + 1;
	} else if (strcasecmp(kind, "EPOCH") == 0) {
		*out = (uint32_t)now_s;
	} else if (strcasecmp(kind, "SOA-EDIT") == 0) {
		return soa_edit_told(soa_edit, serial, now_s, out);
	} else if (strcasecmp(kind, "SOA-EDIT-INCREASE") == 0) {
		return edit_increase(soa_edit, serial, now_s, out);
	} else {
		return false;
	}
	return true;
}
