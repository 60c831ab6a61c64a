/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any octets as the policy in an arena: a worker that looks addresses up in it reads nothing
 * outside. Input: a key's two halves, then the block. The tables of an accepted head are filled up
 * with what follows, so that small inputs get past the size of the index. */
#include "fuzz.h"

#include "shm/policy.h"

#define INPUT_MAX 65536u
#define BLOCK_MAX (2u << 20)
#define START ((uint64_t)(sizeof(struct arena_header) + 63) / 64 * 64)

static void
look_up(const struct policy *p, uint64_t upper, uint64_t lower)
{
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct policy_key k = {.upper = upper, .lower = lower, .v4 = v4 != 0};
		struct policy_span span = policy_span_of(p, &k);
		FUZZ_CHECK(span.n >= 1);
		FUZZ_CHECK(policy_action_of(p, &k, &span) < POLICY_ACTIONS);
		(void)policy_part_action(p, &k);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t key[2];
	struct policy head;
	void *base;

	if (len < sizeof key + sizeof head || len > INPUT_MAX)
		return 0;
	memcpy(key, data, sizeof key);
	data += sizeof key;
	len -= sizeof key;
	memcpy(&head, data, sizeof head);
	/* of exactly the size that the head claims, so that a sanitizer sees what is read behind it
	 */
	uint64_t octets = head.octets <= BLOCK_MAX && head.octets >= len ? head.octets : len;
	if (posix_memalign(&base, 64, START + octets) != 0)
		abort();
	memset(base, 0, START);
	for (uint64_t at = 0; at < octets; at += len)
		memcpy((uint8_t *)base + START + at, data, octets - at < len ? octets - at : len);
	struct arena a = {.base = base, .size = START + octets, .fd = -1};
	const struct policy *p = policy_at(&a, START);
	if (p != NULL && p->acl) {
		look_up(p, key[0], key[1]);
		look_up(p, 0, 0);
		look_up(p, UINT64_MAX, UINT64_MAX);
		for (unsigned i = 0; i < 64; i++)
			look_up(p, key[0] << i, key[1] >> i);
	}
	free(base);
	return 0;
}
