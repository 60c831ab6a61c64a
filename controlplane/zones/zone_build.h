/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_build: a zone_model while it grows. Internal to the loader (zone_load, zone_generate,
 * zone_source, zone_patch, zone_index, zone_check). One thread a build. While records arrive,
 * name[] holds runs: consecutive records of one owner; zone_index() sorts and merges them. */
#pragma once
#include "controlplane/zones/zone_load.h"

#define ZONE_TTL_MAX 0x7fffffffu /* RFC 2181 8 */
#define ZONE_NO_LINE 0u
#define ZONE_NAME_IS_WILDCARD \
	128 /* in zone_name.flags until zone_index() is done: begins with "*" */

/* In zone_record.file until zone_check() is done: the RR's target needs no look-up any more,
 * because it lies outside the zone, or because its address followed closely in the file. */
#define ZONE_TARGET_SEEN 0x8000u
#define ZONE_SOURCES_MAX 0x7fffu
#define ZONE_PENDING 4u

/* A target inside the zone, not long ago. */
struct zone_pending {
	uint32_t record;
	uint8_t len;
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD]; /* folded */
};

/* One opening of one file. A file that is included twice is two sources. */
struct zone_opening {
	uint32_t parent_line; /* line of the $INCLUDE */
	uint16_t parent; /* index of the including source; own index for the zone file itself */
};

struct zone_build {
	struct zone_model
		z; /* what is being built; counts are current, arrays have the room below */
	uint64_t octets_max;
	uint64_t apex_hash;
	struct zone_opening *source; /* [z.n_files], beside z.file */
	struct zone_report *report;
	void *scratch; /* used memory to sort in: fresh pages cost more than sorting does */
	size_t scratch_octets;
	bool has_dname, has_wildcard; /* somewhere in the zone */
	bool is_file;       /* for messages; else from a backend, where there are no lines */
	uint64_t n_outside; /* records ignored because they lie outside the zone */
	/* Zone files mostly are in an order: glue stands behind its delegation. What is seen so
	 * while reading needs no look-up in the index, which would miss the cache. */
	uint32_t cut; /* name of the last owner of NS below the apex: heap offset/4 */
	uint8_t cut_len;
	uint32_t n_pending; /* ever; the newest ZONE_PENDING are kept */
	struct zone_pending pending[ZONE_PENDING];
	uint32_t last_len; /* octets of last[]; 0 before the first record */
	uint8_t last[NAME_OCTETS_MAX + 1 + NAME_PAD]; /* owner of the last run, as written */
};

/**
 * Start a build.
 * @param apex  wire name, folded or not; checked. Or the key of a variant (shm/zone_key.h)
 * @return 0, -EINVAL (apex is no wire name) or -ENOMEM
 */
int zone_build_init(struct zone_build *b, const uint8_t *apex, const struct zone_load_options *o,
	struct zone_report *report) __attribute__((warn_unused_result));
void zone_build_destroy(struct zone_build *b);

/** Register a source. @return its index, -ENOMEM, or -EMFILE (more than ZONE_SOURCES_MAX openings).
 */
int zone_build_source(
	struct zone_build *b, const char *path, uint16_t parent, uint32_t parent_line);

/** One RR as the file has it. */
struct zone_rr {
	const uint8_t *owner; /* wire, as written; 32 octets behind it readable */
	const uint8_t *rdata;
	uint32_t ttl;
	uint32_t line;
	uint16_t owner_len;
	uint16_t rdata_len;
	uint16_t type;
	uint16_t source;
};

/** Append a record; one outside the zone is ignored with a warning. @return 0, -ENOMEM, or -EFBIG
 * (octets_max). */
int zone_build_add(struct zone_build *b, const struct zone_rr *rr)
	__attribute__((warn_unused_result));

struct backend_rrset;
/** Append the records of an RRset that are not disabled. What cannot stand in a zone is an error in
 * the report. @return as zone_build_add() */
int zone_source_take(struct zone_build *b, const struct backend_rrset *set)
	__attribute__((warn_unused_result));

/** Append octets to the heap, 4-aligned. @return offset/4, or UINT32_MAX with *error set. */
uint32_t zone_build_store(struct zone_build *b, const uint8_t *octets, size_t len, int *error);

/** A finding at a place, with the chain of includes that led there. */
void zone_build_finding(struct zone_build *b, enum zone_severity s, uint16_t source, uint32_t line,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Sort, merge, remove duplicates, set flags, add empty non-terminals. @return 0 or -ENOMEM. */
int zone_index(struct zone_build *b) __attribute__((warn_unused_result));

/**
 * After the last record: index, check, report why a build failed, hand out the model.
 * @param rc      how the build went so far: 0, or -EINVAL (it is indexed all the same, for what
 * else is wrong), or another negative errno
 * @param errors  report->n_errors before the build
 * @param path    for messages
 * @return 0 (*out has the model), -EINVAL, or a negative errno
 */
int zone_build_finish(struct zone_build *b, struct zone_model *out, int rc, size_t errors,
	const char *path) __attribute__((warn_unused_result));

/** What is wrong with the indexed zone as a whole; findings go to the report. */
void zone_check(struct zone_build *b);

#define ZONE_NAME_TEXT_MAX 1024u /* 255 octets, each as \DDD, and dots */
/** Presentation format of a wire name, with a final dot. @return text */
const char *zone_name_text(char text[ZONE_NAME_TEXT_MAX], const uint8_t *name);
#define ZONE_TYPE_TEXT_MAX 16u
const char *zone_type_text(char text[ZONE_TYPE_TEXT_MAX], uint16_t type);
