/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_memory: malloc below 2 MiB, mremap above. */
#include "controlplane/zones/zone_memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN ((size_t)ZONE_MEMORY_HUGE)

static bool
is_mapped(size_t size)
{
	return size >= ZONE_MEMORY_HUGE;
}

static size_t
map_octets(size_t size)
{
	return (size + ALIGN - 1) & ~(ALIGN - 1);
}

/* Address space on a huge page boundary: only aligned mappings get huge pages, and keep them when
 * moved. */
static void *
reserve(size_t octets)
{
	if (octets > SIZE_MAX - ALIGN)
		return NULL;
	uint8_t *p = mmap(NULL, octets + ALIGN, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	uint8_t *at = (uint8_t *)(((uintptr_t)p + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
	if (at != p)
		munmap(p, (size_t)(at - p));
	if (at + octets != p + octets + ALIGN)
		munmap(at + octets, (size_t)(p + ALIGN - at));
	return at;
}

static void *
map(size_t octets)
{
	void *at = reserve(octets);
	if (at == NULL)
		return NULL;
	if (mprotect(at, octets, PROT_READ | PROT_WRITE) != 0) {
		munmap(at, octets);
		return NULL;
	}
	(void)madvise(
		at, octets, MADV_HUGEPAGE); /* without THP in the kernel it is merely slower */
	return at;
}

void *
zone_memory_resize(void *p, size_t old, size_t size)
{
	if (!is_mapped(size) && !is_mapped(old))
		return realloc(p, size);
	if (is_mapped(size) && is_mapped(old)) {
		size_t from = map_octets(old), to = map_octets(size);
		if (from == to)
			return p;
		if (to < from)
			return mremap(p, from, to, 0) == MAP_FAILED ? NULL : p;
		void *at = reserve(to);
		if (at == NULL)
			return NULL;
		if (mremap(p, from, to, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED) {
			munmap(at, to);
			return NULL;
		}
		return at;
	}
	void *to = is_mapped(size) ? map(map_octets(size)) : malloc(size);
	if (to == NULL)
		return NULL;
	if (p != NULL)
		memcpy(to, p, old < size ? old : size);
	zone_memory_free(p, old);
	return to;
}

void
zone_memory_free(void *p, size_t size)
{
	if (p == NULL)
		return;
	if (is_mapped(size))
		munmap(p, map_octets(size));
	else
		free(p);
}
