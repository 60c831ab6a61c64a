/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_render: one RRset of a zone -> the octets that follow the question in a response,
 * compressed, with the additional data (format: struct image_answer). One renderer a thread;
 * scratch space only, some 900 KiB of which a small zone touches a few pages; a few of them are
 * kept for the next one who needs one. */
#pragma once
#include "controlplane/zones/zone_model.h"
#include "shm/image.h"

/* Octets of RRs in an answer: 65535 less header, longest question, and 512 for the OPT. */
#define RENDER_OCTETS_MAX (65535u - 12 - (255 + 4) - 512)

enum zone_type {
	ZONE_A = 1,
	ZONE_NS = 2,
	ZONE_MD = 3,
	ZONE_MF = 4,
	ZONE_CNAME = 5,
	ZONE_SOA = 6,
	ZONE_MB = 7,
	ZONE_MG = 8,
	ZONE_MR = 9,
	ZONE_PTR = 12,
	ZONE_MINFO = 14,
	ZONE_MX = 15,
	ZONE_RT = 21,
	ZONE_AAAA = 28,
	ZONE_SRV = 33,
	ZONE_KX = 36,
	ZONE_DNAME = 39,
	ZONE_DS = 43,
	ZONE_SVCB = 64,
	ZONE_HTTPS = 65,
};

struct zone_render;

/** @return NULL when out of memory; ended with zone_render_destroy(). The model outlives it. */
struct zone_render *zone_render_create(const struct zone_model *z);
void zone_render_destroy(struct zone_render *r);

/**
 * Render an RRset of a node for that node: as answer, or as referral when it is the NS of a cut.
 * @param owner  not occluded
 * @param rr     its n records of one type; n > 0
 * @return octets that zone_render_copy() writes; a multiple of 2
 */
uint32_t zone_render_rrset(struct zone_render *r, const struct zone_name *owner,
	const struct zone_record *rr, uint32_t n);

/** Render the negative answer of the zone: its SOA as authority, with the TTL of RFC 2308 5. */
uint32_t zone_render_negative(
	struct zone_render *r, const struct zone_name *apex, const struct zone_record *soa);

/** Copy what was rendered last, as a struct image_answer. `out` is 2-aligned. */
void zone_render_copy(const struct zone_render *r, uint8_t *out);
