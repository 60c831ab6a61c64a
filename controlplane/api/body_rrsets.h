/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_rrsets: RRsets as a client of the API sends them -> edits, with PowerDNS's words for what is
 * wrong with them. What depends on the zone's other records is the engine's to check
 * (controlplane/changes). Parses what a client sent, so: memory in proportion to the body, fuzzed.
 * Pure, any thread. */
#pragma once
#include "controlplane/changes/changes.h"
#include "controlplane/manager/zone_names.h"

#include <jansson.h>

#define BODY_ERROR_OCTETS 1024u
#define BODY_RRSETS_SPARE 2u
#define BODY_TEXT_SHOWN 300 /* octets of a client's text in a message */

/* Blocks of memory that are freed together. Zeroed at first. */
struct body_memory {
	struct body_block *block;
	size_t room; /* left in the first one */
};
/** Zeroed octets, aligned for anything; NULL: out of memory. */
void *body_take(struct body_memory *m, size_t octets);
void body_free(struct body_memory *m);

struct body_rrsets {
	struct body_memory memory;
	struct zone_edit *edit; /* `owner` has NAME_PAD octets behind it */
	size_t n;
};

enum body_rrsets_kind {
	BODY_CHANGES, /* of PATCH: each has a changetype */
	BODY_CONTENT, /* of a whole zone: each is there once, or its parts become one */
};

/**
 * @param rrsets  an array
 * @param apex    of the zone, or its key (shm/zone_key.h); folded
 * @param now_s   for comments that do not say when they were made
 * @param[out] out  the caller ends it with body_rrsets_free(), also after a failure
 * @param[out] error  what is wrong; it may quote the client, as PowerDNS does
 * @return 0, -EINVAL (422) or -ENOMEM
 */
int body_rrsets_parse(struct body_rrsets *out, const json_t *rrsets, const uint8_t *apex,
	enum body_rrsets_kind kind, int64_t now_s, char error[BODY_ERROR_OCTETS])
	__attribute__((warn_unused_result));
void body_rrsets_free(struct body_rrsets *b);

/** One more RRset, for the SOA and the NS that a new zone is given: at most BODY_RRSETS_SPARE of
 * them. Nothing is copied. */
void body_rrsets_add(struct body_rrsets *b, const struct backend_rrset *rrset);
/** The RRset of this owner and type; NULL: there is none. */
const struct backend_rrset *body_rrsets_find(
	const struct body_rrsets *b, const uint8_t *owner, uint16_t type);

/** A name as PowerDNS's API takes it: with its final dot. @param[out] wire  folded
 * @return octets, or -EINVAL with `error` set */
int body_name(uint8_t wire[ZONE_WIRE_OCTETS], const char *text, char error[BODY_ERROR_OCTETS]);
/** The name of a zone, which may be that of a variant: "example.org..internal", with no dot behind.
 * @param[out] key  of it. @return octets, or -EINVAL with `error` set */
int body_zone_name(uint8_t key[ZONE_WIRE_OCTETS], const char *text, char error[BODY_ERROR_OCTETS]);
/** Is it of letters, digits and "_-/" (and "*" as its first label) only? Others may be in zone
 * files, but PowerDNS's API makes none. */
bool body_name_is_plain(const uint8_t *wire, bool wildcard);

/** The string of this key; NULL with `error` set when it is none. */
const char *body_string(const json_t *object, const char *key, char error[BODY_ERROR_OCTETS]);
