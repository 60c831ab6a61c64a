/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clients: see clients.h. Chains of indices; an entry that nobody uses is in the free chain. */
#include "controlplane/stream/clients.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct client {
	uint64_t key;
	uint32_t next, count;
};

struct clients {
	uint64_t seed;
	uint32_t mask, free;
	uint32_t *bucket;
	struct client entry[];
};

/* An IPv4 address whole (in a range no unicast /64 falls into), or the upper half of an IPv6 one.
 */
static uint64_t
client_key(const uint8_t address[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint64_t key;
	uint32_t v4;

	if (memcmp(address, mapped, sizeof mapped) == 0) {
		memcpy(&v4, address + 12, sizeof v4);
		return (uint64_t)v4 << 32 | 0xffff0000u;
	}
	memcpy(&key, address, sizeof key);
	return key;
}

/* A keyed 64-bit mix: two rounds of multiply and fold, so that nobody who lacks the seed can choose
 * addresses that share a chain. */
static uint64_t
mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;
	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint32_t *
client_bucket(struct clients *t, uint64_t key)
{
	uint64_t h = mix(key ^ t->seed, 0x9e3779b97f4a7c15ull ^ (t->seed >> 32 | t->seed << 32));

	return &t->bucket[mix(h ^ 0xe7037ed1a0b428dbull, t->seed | 1) & t->mask];
}

struct clients *
clients_create(uint32_t n, uint64_t seed)
{
	struct clients *t = calloc(1, sizeof *t + (size_t)n * sizeof t->entry[0]);
	uint32_t n_buckets = 16;

	while (n_buckets < n && n_buckets < 1u << 31)
		n_buckets *= 2;
	if (t == NULL)
		return NULL;
	t->bucket = malloc(n_buckets * sizeof *t->bucket);
	if (t->bucket == NULL) {
		free(t);
		return NULL;
	}
	t->seed = seed;
	t->mask = n_buckets - 1;
	memset(t->bucket, 0xff, n_buckets * sizeof *t->bucket);
	for (uint32_t i = 0; i < n; i++)
		t->entry[i].next = i + 1 < n ? i + 1 : CLIENT_NONE;
	t->free = n > 0 ? 0 : CLIENT_NONE;
	return t;
}

void
clients_destroy(struct clients *t)
{
	if (t != NULL)
		free(t->bucket);
	free(t);
}

uint32_t
clients_enter(struct clients *t, const uint8_t address[16], uint32_t max)
{
	uint64_t key = client_key(address);
	uint32_t *bucket = client_bucket(t, key), i;
	struct client *c;

	for (i = *bucket; i != CLIENT_NONE; i = t->entry[i].next)
		if (t->entry[i].key == key)
			break;
	if (i == CLIENT_NONE) {
		i = t->free;
		if (i == CLIENT_NONE || max == 0)
			return CLIENT_NONE;
		c = &t->entry[i];
		t->free = c->next;
		*c = (struct client){.key = key, .next = *bucket};
		*bucket = i;
	}
	c = &t->entry[i];
	if (c->count >= max)
		return CLIENT_NONE;
	c->count++;
	return i;
}

void
clients_leave(struct clients *t, uint32_t entry)
{
	struct client *c = &t->entry[entry];
	uint32_t *p = client_bucket(t, c->key);

	assert(c->count > 0);
	if (--c->count > 0)
		return;
	while (*p != entry)
		p = &t->entry[*p].next;
	*p = c->next;
	c->next = t->free;
	t->free = entry;
}
