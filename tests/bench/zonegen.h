/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zonegen: zones of any size for benchmarks, always the same for the same numbers, and the names in
 * them, so that queries can be made without reading the zone back. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ZONEGEN_LABEL_MAX 24u /* octets of a label made here, end of string included */

enum zonegen_kind {
	ZONEGEN_HOST,       /* LABEL A */
	ZONEGEN_DELEGATION, /* LABEL NS ns.LABEL; ns.LABEL A */
	ZONEGEN_CNAME,      /* LABEL CNAME a host */
	ZONEGEN_WILDCARD,   /* *.LABEL A */
	ZONEGEN_KINDS,
	ZONEGEN_ABSENT = ZONEGEN_KINDS, /* labels that are not in the zone */
};

struct zonegen {
	const char *origin; /* with the dot at its end */
	uint32_t n[ZONEGEN_KINDS];
	bool varied; /* labels of 8 to 19 octets instead of 8: what real names do to branch
			prediction */
};

/** Write the label of one name; returns its octets. */
unsigned zonegen_label(
	const struct zonegen *z, enum zonegen_kind kind, uint32_t i, char out[ZONEGEN_LABEL_MAX]);

/** The address in the A record of name i: of the host, the glue, or the wildcard. */
uint32_t zonegen_address(uint32_t i);

/** The host that CNAME i points to. */
static inline uint32_t
zonegen_target(const struct zonegen *z, uint32_t i)
{
	return (uint32_t)((uint64_t)i * 2654435761u % z->n[ZONEGEN_HOST]);
}

/** Write the zone as a zone file. Returns 0, or -1 when the stream failed. */
int zonegen_write(FILE *f, const struct zonegen *z);
