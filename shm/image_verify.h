/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image_verify: between image_verify.c (headers, chunks, nodes) and image_verify_answer.c
 * (answers). */
#pragma once
#include "shm/image.h"

/* What an answer must be, by where it stands. */
enum image_role {
	IMAGE_ROLE_RRSET,    /* of an ordinary node, or DS of a cut */
	IMAGE_ROLE_REFERRAL, /* NS of a cut */
	IMAGE_ROLE_NEGATIVE, /* the zone's SOA */
};

/**
 * Check an answer that image_answer_at() returned.
 * @param type  of the RRset
 * @param name  the name that it was rendered for: well-formed, folded, len octets
 * @return NULL when it is right, else static text that says what is wrong
 */
const char *image_verify_answer(const struct image_answer *a, enum image_role role, uint16_t type,
	const uint8_t *name, unsigned len);

/** Octets of the folded, well-formed name at the start of `max` octets; 0 when there is none. */
unsigned image_verify_name(const uint8_t *name, unsigned max, unsigned *n_labels);
