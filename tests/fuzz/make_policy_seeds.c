/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make_policy_seeds FOLDER: heads of policy blocks for fuzz_policy, good ones and some with one
 * thing wrong; the fuzz target makes the tables itself, from what little follows. */
#include "shm/policy.h"

#include <stdio.h>

#define TABLE_OCTETS 96u

static void
write_seed(const char *folder, const char *name, const struct policy *p, uint8_t fill)
{
	uint64_t key[2] = {0x20010db800000000ull, 1};
	uint8_t table[TABLE_OCTETS];
	char path[512];
	FILE *f;

	for (unsigned i = 0; i < TABLE_OCTETS; i++)
		table[i] = (uint8_t)(fill == 1 ? i : fill);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "we");
	if (f == NULL || fwrite(key, sizeof key, 1, f) != 1 || fwrite(p, sizeof *p, 1, f) != 1 ||
		fwrite(table, sizeof table, 1, f) != 1 || fclose(f) != 0)
		perror(path);
}

int
main(int argc, char **argv)
{
	uint32_t at = (sizeof(struct policy) + 63) / 64 * 64, index = POLICY_INDEX_ENTRIES * 4 + 60;
	struct policy p = {
		.magic = POLICY_MAGIC,
		.limit = {.v4_bits = 24, .v6_bits = 56},
		.acl = 1,
		.v4 = {.n = 1000, .index_at = at, .range_at = at + index},
	};
	struct policy bad;

	if (argc != 2)
		return 2;
	at += index + 9024;
	p.v6 = (struct policy_ranges){.n = 100, .index_at = at, .range_at = at + index};
	at += index + 1024;
	p.parts = (struct policy_parts){
		.n = 50, .upper_at = at, .lower_at = at + 400, .action_at = at + 800};
	p.octets = at + 896;
	write_seed(argv[1], "zeros", &p, 0);
	write_seed(argv[1], "ones", &p, 0xff);
	write_seed(argv[1], "ascending", &p, 1);
	write_seed(argv[1], "divided", &p, POLICY_DIVIDED);
	bad = p;
	bad.v6.n = 1000;
	write_seed(argv[1], "too-many", &bad, 1);
	bad = p;
	bad.parts.action_at = UINT32_MAX;
	write_seed(argv[1], "outside", &bad, 1);
	bad = p;
	bad.v4.n = 0;
	write_seed(argv[1], "none", &bad, 1);
	bad = p;
	bad.octets = 1ull << 40;
	write_seed(argv[1], "octets", &bad, 1);
	bad = p;
	bad.parts.n = 0;
	write_seed(argv[1], "no-parts", &bad, POLICY_DIVIDED);
	return 0;
}
