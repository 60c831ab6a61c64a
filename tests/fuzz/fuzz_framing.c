/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_framing: a client's octets through the stream process's framing. The first octet of the
 * input says how the rest is cut into pieces and how often a message is refused; whatever comes out
 * must be what a framer that sees everything at once finds, and no chunk may be lost. */
#include "controlplane/stream/framing.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define CHUNKS 80u /* a message of 65535 octets and a bit */

struct taker {
	const uint8_t *octets;
	size_t len, at;
	unsigned step, refuse_every;
	bool refused; /* not twice in a row: the harness tries at once again */
};

static enum framing_verdict
take(void *arg, const struct framing_message *m)
{
	static uint8_t copy[65535];
	struct taker *t = arg;

	if (t->refuse_every != 0 && ++t->step % t->refuse_every == 0 && !t->refused) {
		t->refused = true;
		return FRAMING_LATER;
	}
	t->refused = false;
	FUZZ_CHECK(m->len >= FRAMING_LEN_MIN && m->len <= 65535);
	FUZZ_CHECK(t->at + 2 + m->len <= t->len);
	FUZZ_CHECK((uint32_t)(t->octets[t->at] << 8 | t->octets[t->at + 1]) == m->len);
	framing_copy(m, copy);
	FUZZ_CHECK(memcmp(copy, t->octets + t->at + 2, m->len) == 0);
	t->at += 2 + m->len;
	return FRAMING_TAKEN;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct chunk_pool pool;
	struct chunk_queue q = {0};
	enum framing_state state = FRAMING_BETWEEN;
	struct taker t = {0};
	size_t at = 0, piece;

	if (pool.chunks == NULL && chunk_pool_create(&pool, CHUNKS) != 0)
		abort();
	if (len < 1)
		return 0;
	piece = (data[0] & 0x3f) == 0x3f ? SIZE_MAX : (data[0] & 0x3f) + 1u;
	t.refuse_every = data[0] >> 6;
	t.octets = data + 1;
	t.len = len - 1;
	while ((at < t.len || state == FRAMING_BLOCKED) && state <= FRAMING_BLOCKED) {
		size_t n = state == FRAMING_BLOCKED ? 0 : piece < t.len - at ? piece : t.len - at;
		state = framing_feed(&pool, &q, t.octets + at, (uint32_t)n, take, &t);
		at += n;
	}
	if (state == FRAMING_BROKEN)
		FUZZ_CHECK(t.octets[t.at] == 0 && t.octets[t.at + 1] < FRAMING_LEN_MIN);
	else if (state != FRAMING_NO_ROOM)
		FUZZ_CHECK(t.at + q.len == t.len && (q.len > 0) == (state == FRAMING_PARTIAL));
	chunk_queue_consume(&pool, &q, q.len);
	FUZZ_CHECK(pool.n_free == CHUNKS);
	return 0;
}
