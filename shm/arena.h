/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena: one file in shared memory that holds everything the workers answer from. The control plane
 * alone writes it; everybody else maps it read-only. All references inside are octet offsets from
 * the start of the file; 0 means "none". Nothing in it is a pointer or a lock. Secrets: the cookie
 * secret (settings.h) and the seed of the name hash, no TSIG key and no private key.
 *
 * The file is sparse: `size` is the span that is mapped, and the writer gives memory to a segment
 * (fallocate) before it writes there, so a reader never meets SIGBUS. */
#pragma once
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_MAGIC 0x616e6572614c494dull /* "MILarena", read little-endian */
/* Layout version of everything in the arena. Programs of one ARENA_VERSION work together, whatever
 * ARENA_MINOR: a minor version only adds to reserved room, where 0 means "not told", and only what
 * an older reader may leave out (docs/decisions/0017). So no struct in the arena changes its size.
 */
#define ARENA_VERSION 1u
#define ARENA_MINOR 4u
#define ARENA_SEGMENT (2u << 20) /* octets; one huge page */
#define ARENA_ALIGN 64u          /* every block starts on a cache line */
#define ARENA_SIZE_MIN (16ull << 20)
#define ARENA_SIZE_MAX (1ull << 47) /* directory slots keep offsets in 48 bits */

/* The first octets of the file. Written by the control plane; the atomic ones change while
 * readers read, everything else only before `magic` is set. */
struct arena_header {
	uint64_t magic;      /* ARENA_MAGIC once the rest is valid */
	uint32_t version;    /* ARENA_VERSION of the writer */
	uint32_t header_len; /* sizeof(struct arena_header) */
	uint64_t size;       /* octets mapped */
	uint64_t seed;       /* hash of the root name; random, secret from clients */
	uint32_t minor;      /* ARENA_MINOR of the last writer */
	_Alignas(64) _Atomic uint64_t directory; /* struct zone_directory, or 0 */
	_Atomic uint64_t settings;               /* struct settings, or 0 */
	_Atomic uint64_t generation;             /* counts publications */
	_Atomic uint64_t policy;                 /* struct policy, or 0; since minor version 2 */
	_Atomic uint64_t variants;    /* struct zone_directory of variants of zones, or 0 */
	_Atomic uint64_t views;       /* struct views, or 0; both since minor version 4 */
	_Atomic uint64_t reserved[2]; /* of later versions; an older writer that takes over clears
					 them, as it keeps nothing that they lead to */
};

static_assert(sizeof(struct arena_header) == 128, "the layout of arenas that are in use");

/* A mapped arena, writer's or reader's. */
struct arena {
	const uint8_t *base; /* start of the mapping */
	uint64_t size;       /* octets mapped */
	int fd;
	bool writable;
	uint64_t page_octets;        /* 2 MiB on hugetlbfs, else the base page size */
	struct arena_writer *writer; /* allocation state; NULL for readers */
};

/**
 * Map an arena that exists, read-only. Thread: any, before use. No EAL needed.
 * @param[out] out  unmapped with arena_close(); untouched on error
 * @param path      file on hugetlbfs or tmpfs
 * @return 0; -ENOENT; -EAGAIN (its creator has not finished); -EPROTO (no arena, or another
 *         layout version: arena_error() says what to restart); another negative errno
 */
int arena_attach(struct arena *out, const char *path) __attribute__((warn_unused_result));

/**
 * Map an arena for writing; create it if it is not there. Only one writer at a time: a lock on the
 * file is taken, and a second writer gets -EBUSY. When the file exists and is valid its content is
 * kept, and the caller must tell the allocator what is live (arena_adopt) before it allocates.
 * @param size  octets; a multiple of ARENA_SEGMENT; used only on creation
 * @param[out] fresh  true when it was created (or was unusable and was made anew)
 * @return 0, -EBUSY, -EINVAL, -EPROTO, -ENOMEM or another negative errno
 */
int arena_open_writer(struct arena *out, const char *path, uint64_t size, bool *fresh)
	__attribute__((warn_unused_result));

/** Unmap, and forget the writer's state. The file stays. */
void arena_close(struct arena *a);

/** Text for the last error of arena_attach/arena_open_writer in this thread: what, and what would
 * be right. */
const char *arena_error(void);

/** Header of a mapped arena. */
static inline const struct arena_header *
arena_header(const struct arena *a)
{
	return (const struct arena_header *)a->base;
}

/**
 * Checked reference: `len` octets at `off`, or NULL when that leaves the arena. For readers.
 */
static inline const void *
arena_at(const struct arena *a, uint64_t off, uint64_t len)
{
	if (__builtin_expect(off == 0 || off > a->size || len > a->size - off, 0))
		return NULL;
	return a->base + off;
}

/* --- writer's side; thread: any of the control plane's, serialised inside --- */

/**
 * Allocate a block. Content is undefined.
 * @param len  octets, > 0; rounded up to ARENA_ALIGN
 * @return offset, a multiple of ARENA_ALIGN; 0 when the arena or the memory behind it is exhausted
 */
uint64_t arena_alloc(struct arena *a, uint64_t len) __attribute__((warn_unused_result));

/** Writable address of a block that arena_alloc() returned. */
static inline void *
arena_writable(struct arena *a, uint64_t off)
{
	return (void *)(uintptr_t)(a->base + off);
}

/** Return a block at once: nobody can read it (never published, or past its grace period). */
void arena_free(struct arena *a, uint64_t off, uint64_t len);

/**
 * After arena_open_writer() of an existing arena: this block is live. Before the first
 * arena_alloc().
 * @return 0; -EINVAL (no block can lie there, or one that was adopted does); -ENOMEM
 */
int arena_adopt(struct arena *a, uint64_t off, uint64_t len) __attribute__((warn_unused_result));

struct arena_usage {
	uint64_t size_octets;   /* span */
	uint64_t backed_octets; /* segments that have memory */
	uint64_t live_octets;   /* in blocks that are allocated */
};
void arena_usage(const struct arena *a, struct arena_usage *out);
