/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_model: one zone's records in memory between parsing and compiling: names sorted by hash,
 * records sorted by (name, type, canonical RDATA). Built by one thread, then read-only; lives only
 * while a zone is loaded. Large flat arrays, no allocation per record. */
#pragma once
#include "shm/name.h"
#include "shm/zone_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One RR. Offsets are into zone_model.heap, in units of 4 octets (so 16 GiB can be addressed). */
struct zone_record {
	uint32_t rdata; /* uint16_t RDLENGTH (host order), then RDATA, wire, uncompressed, case kept
			 */
	uint32_t ttl;   /* seconds, 0..2^31-1 (RFC 2181 8) */
	uint16_t type;  /* host order */
	uint16_t file;  /* index into zone_model.file, for messages */
	uint32_t line;
};

enum zone_name_flag {
	ZONE_NAME_APEX = 1,
	ZONE_NAME_CUT = 2,   /* NS, and not the apex, and not occluded itself */
	ZONE_NAME_DNAME = 4, /* has DNAME, not occluded */
	ZONE_NAME_CNAME = 8,
	ZONE_NAME_OCCLUDED = 16,       /* below a cut or a DNAME: glue, or hidden data */
	ZONE_NAME_ENT = 32,            /* no records; exists because a name below it does */
	ZONE_NAME_WILDCARD_CHILD = 64, /* its child "*" exists */
};

struct zone_name {
	uint64_t hash;  /* name_hash() of the folded owner, with the model's seed */
	uint32_t name;  /* heap offset/4 of: folded wire name, NAME_PAD octets readable behind it */
	uint32_t first; /* index of its first record */
	uint32_t n;     /* records */
	uint8_t flags;  /* enum zone_name_flag */
	uint8_t labels; /* without root */
	uint8_t len;    /* octets */
	uint8_t reserved;
};

struct zone_model {
	uint64_t seed; /* arena_header.seed of the arena that it will be compiled for */
	uint8_t apex[NAME_OCTETS_MAX + 1 + NAME_PAD]; /* folded, wire */
	uint8_t apex_len, apex_labels;
	uint8_t variant[ZONE_VARIANT_LABEL]; /* label of its key (shm/zone_key.h); [0] 0: none */
	uint8_t *heap;
	size_t heap_len;
	struct zone_record *record; /* sorted by name (in the order of name[]), type, canonical
				       RDATA; no duplicates */
	uint32_t n_records;
	struct zone_name *name; /* sorted by hash, then by name */
	uint32_t n_names;
	uint32_t *bucket; /* index over name[]: see zone_model_find() */
	unsigned bucket_bits;
	const char **file; /* paths: the zone file and what it includes */
	uint16_t n_files;
	size_t heap_room; /* octets that heap was allocated with; the arrays: elements */
	uint32_t record_room, name_room, bucket_room;
};

/** RDATA of a record. */
static inline const uint8_t *
zone_rdata(const struct zone_model *z, const struct zone_record *r, uint16_t *len)
{
	const uint8_t *p = z->heap + (size_t)r->rdata * 4;
	memcpy(len, p, 2);
	return p + 2;
}

/** Folded wire owner of a name. */
static inline const uint8_t *
zone_owner(const struct zone_model *z, const struct zone_name *n)
{
	return z->heap + (size_t)n->name * 4;
}

/**
 * Find a name. Any folded wire name may be asked for; names outside the zone are not found.
 * @param hash  name_hash(z->seed, folded)
 * @return NULL when no record has it as owner and it is no empty non-terminal
 */
const struct zone_name *zone_model_find(
	const struct zone_model *z, uint64_t hash, const uint8_t *folded, unsigned len);

/** First record of this type at a name, or NULL; *n gets the number of records in the RRset. */
const struct zone_record *zone_model_rrset(
	const struct zone_model *z, const struct zone_name *name, uint16_t type, uint32_t *n);

/** Release everything. A zeroed model may be destroyed. */
void zone_model_destroy(struct zone_model *z);
