/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any octets as a file of prefixes: what the parser takes compiles to a block that workers accept,
 * and at the edges of every prefix both sides say the same. */
#include "fuzz.h"

#include "controlplane/policy/acl_compile.h"

#include <string.h>

#define INPUT_MAX 4096u /* the check below is quadratic */
#define START ((uint64_t)(sizeof(struct arena_header) + 63) / 64 * 64)

static void
check_address(const struct policy *p, const struct acl_rules *r, const uint8_t address[16])
{
	const struct acl_rule *match = acl_rules_match(r, address);
	struct policy_key key = policy_key_of(address);
	struct policy_span span = policy_span_of(p, &key);

	FUZZ_CHECK(policy_action_of(p, &key, &span) ==
		   (match != NULL ? match->action : POLICY_REFUSE));
}

static void
check_edges(const struct policy *p, const struct acl_rules *r, const struct acl_rule *rule)
{
	uint8_t address[16];

	memcpy(address, rule->address, 16);
	check_address(p, r, address);
	for (unsigned bit = rule->bits; bit < 128; bit++)
		address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	check_address(p, r, address);
	for (int i = 15; i >= 0 && ++address[i] == 0; i--)
		;
	check_address(p, r, address);
	memcpy(address, rule->address, 16);
	for (int i = 15; i >= 0 && address[i]-- == 0; i--)
		;
	check_address(p, r, address);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct policy_rate_limit limit = {.v4_bits = 24, .v6_bits = 56};
	char error[ACL_ERROR_OCTETS] = "";
	struct acl_rules r = {0};
	struct config_prefix twice;
	struct policy *block = NULL;

	if (len > INPUT_MAX)
		return 0;
	int ret = acl_rules_parse(&r, (const char *)data, len, "f", POLICY_DENY, error);
	FUZZ_CHECK((ret != 0) == (error[0] != '\0'));
	/* what came before a bad line is compiled all the same; actions vary */
	for (size_t i = 0; i < r.n; i++)
		r.rule[i].action =
			(uint8_t)((r.rule[i].bits ^ r.rule[i].address[13]) % POLICY_ACTIONS);
	if (acl_rules_sort(&r, &twice) == 0 &&
		acl_compile(&block, &r, POLICY_REFUSE, &limit) == 0) {
		void *base;
		if (posix_memalign(&base, 64, START + block->octets) != 0)
			abort();
		memset(base, 0, START);
		memcpy((uint8_t *)base + START, block, block->octets);
		struct arena a = {.base = base, .size = START + block->octets, .fd = -1};
		const struct policy *p = policy_at(&a, START);
		FUZZ_CHECK(p != NULL && p->acl);
		for (size_t i = 0; i < r.n; i++)
			check_edges(p, &r, &r.rule[i]);
		free(base);
		free(block);
	}
	acl_rules_free(&r);
	return 0;
}
