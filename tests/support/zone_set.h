/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_set: an arena with published zones, from text, for tests, fuzzers and benchmarks. One
 * thread. */
#pragma once
#include "controlplane/zones/zone_publish.h"
#include "shm/arena.h"

struct zone_set {
	struct arena arena;
	struct zone_publisher *publisher;
	char path[64]; /* the arena's file; unlinked as soon as it is open */
};

/** A new, empty arena of `size` octets of address space. Aborts when it cannot be had. */
void zone_set_open(struct zone_set *s, uint64_t size);
/** Load, compile and publish one zone. Returns 0, or prints the findings and returns a negative
 * errno. */
int zone_set_add(struct zone_set *s, const char *apex, const char *text);
/** Publish a placeholder: a zone without data. */
int zone_set_add_unavailable(struct zone_set *s, const char *apex);
void zone_set_close(struct zone_set *s);
