/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_set: RRsets of one zone that edits name, as they are and as they are to be; found by owner
 * and type. Lives for one call of changes_edit(), in memory of its own that is freed at once.
 * Private to changes/. One thread. */
#pragma once
#include "controlplane/changes/changes.h"

/* --- memory --- */

struct edit_memory {
	struct edit_chunk *chunk;
	size_t used;
	bool failed; /* there was none: what was made since is incomplete */
};

/** Zeroed, aligned for anything; NULL when there is none. */
void *edit_alloc(struct edit_memory *m, size_t octets);
void edit_memory_free(struct edit_memory *m);
/** All of it, RDATA and comments included. The owner gets NAME_PAD octets behind it. @return false:
 * no memory */
bool edit_copy_rrset(
	struct edit_memory *m, struct backend_rrset *to, const struct backend_rrset *from);

/* --- RRsets --- */

/* An RRset. */
struct edited {
	struct edited *next;    /* in the order in which they came */
	struct edited *sibling; /* of the same owner */
	struct edit_owner *at;
	uint16_t type;
	uint8_t kinds;      /* 1 << enum edit_kind of the edits that name it */
	bool sets_comments; /* an edit says what they are to be */
	bool records_differ, comments_differ;
	struct backend_rrset before, after; /* no records and no comments: it is not there */
};

struct edit_owner {
	struct edit_owner *chain; /* of the hash */
	struct edit_owner *next;  /* in the order in which they came */
	struct edited *first;     /* RRsets */
	bool is_read;             /* everything that the zone has here is among them */
	uint64_t hash;
	size_t n;            /* RRsets */
	const uint8_t *name; /* NAME_PAD readable behind it */
};

struct edit_set {
	struct edit_memory memory;
	struct edit_owner **bucket;
	unsigned bits;
	uint64_t seed;
	size_t n, n_owners;
	struct edited *first, **last;
	struct edit_owner *first_owner, **last_owner;
};

/** @param n  owners that are expected; it grows with those that come. @return 0 or -ENOMEM */
int edit_set_init(struct edit_set *s, size_t n) __attribute__((warn_unused_result));
void edit_set_free(struct edit_set *s);
/** Find it or add it. @return NULL: no memory */
struct edit_owner *edit_set_owner(struct edit_set *s, const uint8_t *name);
/** @return NULL: it is not there */
struct edited *edit_set_find(const struct edit_owner *at, uint16_t type);
/** Find it or add it, with nothing before and nothing after. @return NULL: no memory */
struct edited *edit_set_get(struct edit_set *s, struct edit_owner *at, uint16_t type);

/* --- records --- */

/** The same TTL and records, in whatever order. @return 1, 0 or -ENOMEM */
int edit_same_records(
	struct edit_memory *m, const struct backend_rrset *a, const struct backend_rrset *b);
bool edit_same_comments(const struct backend_rrset *a, const struct backend_rrset *b);
/** What of a is not in b, with its TTL. @return records; or -1: no memory */
int edit_difference(struct edit_memory *m, const struct backend_rrset *a,
	const struct backend_rrset *b, struct backend_rrset *out);
/** Add records of b to a whose RDATA is not there yet, in their order; or take those away from a
 * whose RDATA is in b. a's records are new ones then, unless nothing changes.
 * @return how many came or went, or -ENOMEM */
int edit_extend(struct edit_memory *m, struct backend_rrset *a, const struct backend_rrset *b);
int edit_prune(struct edit_memory *m, struct backend_rrset *a, const struct backend_rrset *b);
/** Records of which two are the same: the second one; NULL: there are none. @param failed  no
 * memory */
const struct backend_record *edit_find_double(
	struct edit_memory *m, const struct backend_rrset *set, bool *failed);
/** Is one of them served? */
bool edit_is_live(const struct backend_rrset *set);
