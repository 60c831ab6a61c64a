/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_pack: values of the store, written and read. Numbers are varints (7 bits an octet, the low
 * ones first), texts end in NUL. Reading checks every bound: whatever the file holds, a reader
 * stays inside the value and says -EPROTO. Pure functions, any thread. */
#pragma once
#include "controlplane/store/store.h"

#include <stdlib.h>
#include <string.h>

/* --- reading --- */

struct store_in {
	const uint8_t *at, *end;
	bool bad; /* what was read is not what was written */
};

static inline struct store_in
store_in(const void *octets, size_t len)
{
	/* what is not there is empty: nothing may be added to NULL, not even 0 */
	const uint8_t *at = octets != NULL ? octets : (const uint8_t *)"";

	return (struct store_in){at, at + len, false};
}

uint64_t store_in_number(struct store_in *in, uint64_t max);
const uint8_t *store_in_octets(struct store_in *in, size_t n);
/** "" when it is damaged. */
const char *store_in_text(struct store_in *in);
/** Name, uncompressed; at least NAME_PAD octets of the value follow it. NULL when it is damaged. */
const uint8_t *store_in_name(struct store_in *in);

/* --- writing: memory grows; `failed` says that it could not --- */

struct store_out {
	uint8_t *octets;
	size_t len, room;
	bool failed;
};

void store_out_free(struct store_out *o);
void store_out_octets(struct store_out *o, const void *octets, size_t n);
void store_out_number(struct store_out *o, uint64_t v);
void store_out_text(struct store_out *o, const char *text);

/* --- RRsets of one owner: type, TTL, count, records; types ascend --- */

/* One RRset as it lies there. */
struct store_packed {
	uint16_t type;
	uint32_t ttl, n;
	const uint8_t *start, *record, *end;
};

/** The next RRset. @return 0; -ENOENT: the end; -EPROTO */
int store_in_rrset(struct store_in *in, struct store_packed *out)
	__attribute__((warn_unused_result));
void store_out_rrset(struct store_out *o, const struct backend_rrset *rrset);
/** Its records into an array that has room for p->n. */
int store_fill_records(const struct store_packed *p, struct backend_record *to)
	__attribute__((warn_unused_result));
/** Its records into the decoder's memory. */
int store_unpack_records(const struct store_packed *p, struct store_decoder *d,
	struct backend_rrset *out) __attribute__((warn_unused_result));

/* --- comments of one owner: type, count, comments; types ascend --- */

/** As store_in_rrset(); ttl is 0. */
int store_in_comments(struct store_in *in, struct store_packed *out)
	__attribute__((warn_unused_result));
void store_out_comments(struct store_out *o, const struct backend_rrset *rrset);
int store_fill_comments(const struct store_packed *p, struct backend_comment *to)
	__attribute__((warn_unused_result));
int store_unpack_comments(const struct store_packed *p, struct store_decoder *d,
	struct backend_rrset *out) __attribute__((warn_unused_result));
