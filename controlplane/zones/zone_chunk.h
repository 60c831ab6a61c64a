/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_chunk: one chunk of an image (shm/image.h) while it is put together in private memory: nodes
 * that are rendered, and nodes that are copied from a chunk of an earlier image. Internal to
 * zone_compile and zone_patch; one thread a chunk. */
#pragma once
#include "controlplane/zones/zone_render.h"

struct zone_chunk {
	uint8_t *p; /* buckets, nodes, answers */
	size_t len, cap;
	size_t last_answer; /* where the last one begins; 0: there is none */
	uint32_t bucket_mask;
};

/** Names that a chunk has at most, on average of a zone that was compiled as a whole. Tests make it
 * smaller, so that small zones have many chunks; nobody else writes it. */
extern unsigned zone_chunk_names;

/** The number of chunks for so many nodes, as a power of two. */
unsigned zone_chunk_bits(uint64_t n_nodes);
/** Buckets that so many nodes of one chunk should have. */
uint32_t zone_chunk_buckets(uint64_t n_nodes);

/** Start a chunk, in the memory of the one before. @return 0 or -ENOMEM */
int zone_chunk_begin(struct zone_chunk *c, uint32_t n_buckets) __attribute__((warn_unused_result));
/**
 * Add a node and its answers.
 * @param r     made for z
 * @param name  not occluded
 * @return 0; -ENOMEM; -ENOSPC (more octets than a chunk can have); -EAGAIN (a look-up would have to
 * go too far: it needs more buckets)
 */
int zone_chunk_render(struct zone_chunk *c, const struct zone_model *z, struct zone_render *r,
	const struct zone_name *name) __attribute__((warn_unused_result));
/**
 * Add a copy of a node of another chunk, with its answers.
 * @return as zone_chunk_render(), and -EPROTO (the answers do not lie behind their node one by one,
 * as this module puts them)
 */
int zone_chunk_copy(struct zone_chunk *c, const struct image_chunk *from,
	const struct image_node *node, uint64_t hash) __attribute__((warn_unused_result));
/**
 * Start a chunk as a copy of another one, to take nodes away from it and add others. What they took
 * is not used again; it is noted in the chunk (image_bucket.unused), so that whoever does this can
 * copy node by node when it gets too much.
 * @return 0 or -ENOMEM
 */
int zone_chunk_take(struct zone_chunk *c, const struct image_chunk *from)
	__attribute__((warn_unused_result));
/** Take a node of the chunk that was taken away again. @param node  in `from`. @return 0, or
 * -EPROTO (its buckets do not lead to it) */
int zone_chunk_remove(struct zone_chunk *c, const struct image_chunk *from,
	const struct image_node *node, uint64_t hash) __attribute__((warn_unused_result));
/** Octets of a node with its answers; 0: they do not lie one behind the other. */
size_t zone_chunk_node_octets(const struct image_chunk *from, const struct image_node *node);

/** After the last node. @return 0, -ENOMEM or -ENOSPC */
int zone_chunk_end(struct zone_chunk *c) __attribute__((warn_unused_result));
void zone_chunk_destroy(struct zone_chunk *c);

/** Is this name of a model a node? */
static inline bool
zone_name_is_node(const struct zone_name *n)
{
	return !(n->flags & ZONE_NAME_OCCLUDED);
}
