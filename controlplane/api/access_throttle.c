/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access_throttle: how often a client was wrong of late, in a table of fixed size. A client that is
 * not in it was never wrong, or long ago; when there is no room, the one that was wrong least is
 * forgotten, so that many sources do not make a guesser's place free. */
#include "controlplane/api/access_private.h"

#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SETS 256u
#define WAYS 8u
#define FAILURES_MAX 20u  /* at once */
#define MS_A_FAILURE 1000 /* then one in this time */

struct row {
	uint8_t source[16]; /* IPv4-mapped, or an IPv6 /64 */
	int64_t debt_ms;    /* a failure costs MS_A_FAILURE, and time pays */
	int64_t at_ms;
};

struct throttle {
	uint64_t secret; /* so that nobody chooses whose set he is in */
	struct row row[SETS][WAYS];
};

struct throttle *
throttle_create(void)
{
	struct throttle *t = calloc(1, sizeof *t);

	if (t != NULL && RAND_bytes((unsigned char *)&t->secret, sizeof t->secret) != 1) {
		free(t);
		t = NULL;
	}
	return t;
}

void
throttle_destroy(struct throttle *t)
{
	free(t);
}

static void
source_of(const struct sockaddr_storage *peer, uint8_t out[16])
{
	memset(out, 0, 16);
	if (peer->ss_family == AF_INET) {
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	} else {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 8);
	}
}

static struct row *
set_of(struct throttle *t, const uint8_t source[16])
{
	uint64_t half[2], h;

	memcpy(half, source, sizeof half);
	h = (half[0] ^ t->secret) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 29 ^ half[1]) * 0xbf58476d1ce4e5b9u;
	return t->row[(h >> 32) % SETS];
}

static int64_t
debt(const struct row *w, int64_t now_ms)
{
	int64_t left = w->debt_ms - (now_ms - w->at_ms);

	return left > 0 ? left : 0;
}

static struct row *
find(struct row *set, const uint8_t source[16], int64_t now_ms)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (debt(&set[i], now_ms) > 0 && memcmp(set[i].source, source, 16) == 0)
			return &set[i];
	return NULL;
}

bool
throttle_permits(struct throttle *t, const struct sockaddr_storage *peer, int64_t now_ms)
{
	uint8_t source[16];
	struct row *w;

	source_of(peer, source);
	w = find(set_of(t, source), source, now_ms);
	return w == NULL || debt(w, now_ms) <= (int64_t)(FAILURES_MAX - 1) * MS_A_FAILURE;
}

void
throttle_failed(struct throttle *t, const struct sockaddr_storage *peer, int64_t now_ms)
{
	uint8_t source[16];
	struct row *set, *w;

	source_of(peer, source);
	set = set_of(t, source);
	w = find(set, source, now_ms);
	if (w == NULL) {
		w = &set[0];
		for (unsigned i = 1; i < WAYS; i++)
			if (debt(&set[i], now_ms) < debt(w, now_ms))
				w = &set[i];
		*w = (struct row){.at_ms = now_ms};
		memcpy(w->source, source, sizeof w->source);
	}
	w->debt_ms = debt(w, now_ms) + MS_A_FAILURE;
	w->at_ms = now_ms;
}
