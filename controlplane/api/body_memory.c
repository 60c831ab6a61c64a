/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_memory: memory of a parsed body, freed at once. */
#include "controlplane/api/body_rrsets.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_OCTETS 16384u

struct body_block {
	struct body_block *next;
	alignas(max_align_t) char octets[];
};

void *
body_take(struct body_memory *m, size_t octets)
{
	size_t want = (octets + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

	if (want < octets)
		return NULL;
	if (want > m->room) {
		size_t size = want > BLOCK_OCTETS ? want : BLOCK_OCTETS;
		struct body_block *b = calloc(1, sizeof *b + size);
		if (b == NULL)
			return NULL;
		b->next = m->block;
		m->block = b;
		m->room = size;
	}
	/* taken from the end: only what is left must be known */
	m->room -= want;
	return m->block->octets + m->room;
}

void
body_free(struct body_memory *m)
{
	while (m->block != NULL) {
		struct body_block *next = m->block->next;
		free(m->block);
		m->block = next;
	}
	m->room = 0;
}
