/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_content: the records of a zone that is being transferred, packed as they come, within
 * bounds; and, when all are there, as the RRsets that a change takes. One thread at a time. */
#pragma once
#include "controlplane/changes/changes.h"
#include "controlplane/transfer/transfer_result.h"

struct transfer_content;

struct transfer_content_limits {
	uint64_t records; /* with those that are dropped */
	/* octets of memory: what is held here and what the writer needs beside for it, counted as
	 * for the worst case */
	uint64_t memory;
};

/** @param apex  folded, NAME_PAD readable behind it; copied. @return NULL: no memory */
struct transfer_content *transfer_content_create(
	const uint8_t *apex, const struct transfer_content_limits *limits);
void transfer_content_destroy(struct transfer_content *c);

/**
 * Add one record. One whose owner is not in the zone is dropped and counted, as by Knot and
 * PowerDNS. A TTL with its highest bit set is 0 (RFC 2181 8).
 * @param owner  uncompressed, in whatever case; rdata: uncompressed; both are copied
 * @return 0, or a negative errno with `e`
 */
int transfer_content_add(struct transfer_content *c, const uint8_t *owner, uint16_t type,
	uint32_t ttl, const uint8_t *rdata, uint16_t len, struct transfer_error *e)
	__attribute__((warn_unused_result));

/**
 * All are there: order them (owners canonically, then types, as the store has them), drop what is
 * there twice, and make RRsets of them. An RRset has the lowest TTL of its records (RFC 2181 5.2).
 * Takes seconds for millions of records.
 */
int transfer_content_finish(struct transfer_content *c, struct transfer_error *e)
	__attribute__((warn_unused_result));

/* What it holds; after transfer_content_finish(), but for the first line. */
struct transfer_figures {
	uint64_t records, dropped, memory; /* records: without those dropped and those twice */
	const struct zone_edit *rrset;     /* EDIT_REPLACE each; lives as long as the content */
	size_t n;
	char first_dropped[300]; /* "NAME TYPE"; "" */
};
void transfer_content_figures(const struct transfer_content *c, struct transfer_figures *out);
