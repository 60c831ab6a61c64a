/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_zonegen: writes a generated zone file, or names of it as queries, for the benchmarks that
 * talk to whole servers. */
#include "tests/bench/zonegen.h"

#include <stdlib.h>
#include <string.h>

static int
usage(void)
{
	fputs("usage: bench_zonegen zone ORIGIN HOSTS DELEGATIONS CNAMES WILDCARDS [varied] > "
	      "FILE\n"
	      "       bench_zonegen queries ORIGIN HOSTS DELEGATIONS COUNT [varied] > FILE\n"
	      "       bench_zonegen hits ORIGIN HOSTS DELEGATIONS COUNT [varied] > FILE\n"
	      "Queries: 70 % hosts, 15 % names below delegations, 15 % names that do not exist.\n"
	      "Hits: hosts only.\n",
		stderr);
	return 2;
}

static void
write_queries(const struct zonegen *z, unsigned long count, bool hits)
{
	uint64_t state = 88172645463325252u;
	char label[ZONEGEN_LABEL_MAX];

	for (unsigned long k = 0; k < count; k++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		uint32_t r = (uint32_t)(state >> 32), what = hits ? 100 : (uint32_t)state % 100;
		if (what < 15 && z->n[ZONEGEN_DELEGATION] != 0) {
			zonegen_label(z, ZONEGEN_DELEGATION, r % z->n[ZONEGEN_DELEGATION], label);
			printf("www.%s.%s A\n", label, z->origin);
		} else if (what < 30 || z->n[ZONEGEN_HOST] == 0) {
			zonegen_label(z, ZONEGEN_ABSENT, r, label);
			printf("%s.%s A\n", label, z->origin);
		} else {
			zonegen_label(z, ZONEGEN_HOST, r % z->n[ZONEGEN_HOST], label);
			printf("%s.%s A\n", label, z->origin);
		}
	}
}

int
main(int argc, char **argv)
{
	struct zonegen z = {0};
	unsigned long n[4];

	if (argc < 6)
		return usage();
	z.origin = argv[2];
	z.varied = strcmp(argv[argc - 1], "varied") == 0;
	for (int i = 0; i < 4 && i + 3 < argc - z.varied; i++)
		n[i] = strtoul(argv[i + 3], NULL, 10);
	z.n[ZONEGEN_HOST] = (uint32_t)n[0];
	z.n[ZONEGEN_DELEGATION] = (uint32_t)n[1];
	bool hits = strcmp(argv[1], "hits") == 0;
	if ((hits || strcmp(argv[1], "queries") == 0) && argc - z.varied == 6) {
		write_queries(&z, n[2], hits);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (strcmp(argv[1], "zone") != 0 || argc - z.varied != 7)
		return usage();
	z.n[ZONEGEN_CNAME] = (uint32_t)n[2];
	z.n[ZONEGEN_WILDCARD] = (uint32_t)n[3];
	return zonegen_write(stdout, &z) == 0 ? 0 : 1;
}
