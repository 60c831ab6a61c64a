/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rrsets: a zone's records as texts, from the API, from a zone file, or from the control plane's
 * own reading of one; sorted, and compared. */
#pragma once
#include "tools/ctl/ctl.h"

struct rr {
	char *content; /* canonical presentation format */
	bool disabled;
};

struct rrset {
	char *name, *type; /* folded, absolute; "A" */
	uint32_t ttl;
	size_t n;
	struct rr *rr; /* sorted by content */
};

struct rrsets {
	char *zone; /* absolute */
	size_t n, room;
	struct rrset *set; /* sorted: the apex first, SOA and NS before other types */
};

/** Of the member "rrsets" of a zone of the API. @return 0, or -1 after a message */
int rrsets_from_json(struct rrsets *out, const char *zone, const json_t *array);

/** Read a zone file with the control plane's checks; what they find is said on stderr.
 * @return 0, or -1: it is refused */
int rrsets_from_file(struct rrsets *out, const char *zone, const char *path);

/** The zone that a file's name stands for: "example.org.zone", "root.zone". Allocated; NULL: none.
 */
char *rrsets_zone_of_file(const char *path);
/** Does a zone file name other files ($INCLUDE)? It is rewound. */
bool rrsets_includes_others(FILE *in);

void rrsets_free(struct rrsets *z);

/* Making one by hand; rrsets_sort() follows. */
void rrsets_copy(struct rrsets *out, const struct rrsets *from);
void rrsets_add_copy(struct rrsets *z, const struct rrset *s);
/** The name and type of `like`, without records. */
void rrsets_add_empty(struct rrsets *z, const struct rrset *like);
/** Take its records out; the set stays until rrsets_drop_empty(). */
void rrset_empty(struct rrset *s);
void rrsets_drop_empty(struct rrsets *z);

/** Put it in the order that the others expect. */
void rrsets_sort(struct rrsets *z);
/** The set of this name and type, or NULL. */
const struct rrset *rrsets_find(const struct rrsets *z, const struct rrset *like);

/** A zone file: $ORIGIN, and names relative to it. Disabled records are comments. */
void rrsets_write(FILE *to, const struct rrsets *z);

/** Do both have the same TTL and the same records? Disabled ones are not looked at. */
bool rrset_same(const struct rrset *a, const struct rrset *b);

/**
 * What changes from one to the other.
 * @param each  before or after is NULL for a set that is new or gone
 * @return how many differ
 */
size_t rrsets_compare(const struct rrsets *before, const struct rrsets *after,
	void (*each)(void *arg, const struct rrset *b, const struct rrset *a), void *arg);

/** The same as lines with "-" and "+", coloured on a terminal. @return how many sets differ */
size_t rrsets_print_diff(const struct ctl *c, const struct rrsets *before,
	const struct rrsets *after, const char *before_title, const char *after_title);
/** The same as JSON: [{"name", "type", "before": {...} or null, "after": ...}]. */
json_t *rrsets_diff_json(const struct rrsets *before, const struct rrsets *after);

/** Body of a PATCH that makes `before` into `after`; disabled records and comments stay. */
json_t *rrsets_patch(const struct rrsets *before, const struct rrsets *after);
/** All sets, as the API's member "rrsets"; changetype: "REPLACE", or NULL. */
json_t *rrsets_json(const struct rrsets *z, const char *changetype);

/** Serial of the SOA, 0 if there is none. */
uint32_t rrsets_serial(const struct rrsets *z);
size_t rrsets_records(const struct rrsets *z);
