/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store with many small zones, as a hoster has them: SOA, two NS, and A and MX of five RRs in
 * all. For tests/bench/control: through the API a million of them would take minutes. */
#include "controlplane/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES_A_COMMIT 50000u

struct rr {
	const char *owner; /* below the zone; "" is its apex */
	uint16_t type;
	uint32_t n;
	struct backend_record record[2];
};

#define WIRE(text) .rdata = (const uint8_t *)(text), .rdlength = sizeof(text) - 1
static const struct rr rrs[] = {
	{"", 6, 1,
		{{WIRE("\3ns1\4host\7example\0\4host\4host\7example\0\0\0\0\1\0\0\x1c\x20\0\0\3\x84"
		       "\0\x12\x75\0\0\0\1\x2c")}}},
	{"", 2, 2, {{WIRE("\3ns1\4host\7example\0")}, {WIRE("\3ns2\4host\7example\0")}}},
	{"", 15, 1, {{WIRE("\0\x0a\4mail\4host\7example\0")}}},
	{"www", 1, 1, {{WIRE("\300\0\2\1")}}},
};

static void
must(int ret, const char *what)
{
	if (ret == 0)
		return;
	fprintf(stderr, "fill_store: %s: %s\n", what, strerror(-ret));
	exit(EXIT_FAILURE);
}

static void
add_zone(struct store_txn *t, unsigned i)
{
	uint8_t apex[ZONE_WIRE_OCTETS] = {0}, owner[ZONE_WIRE_OCTETS];
	struct store_zone zone = {.apex = apex,
		.primaries = "",
		.account = "",
		.catalog = "",
		.options = "",
		.serial = 1};
	char text[64];

	snprintf(text, sizeof text, "z%u.example.", i);
	if (zone_wire_from_text(apex, text) < 0)
		abort();
	must(store_zone_create(t, &zone), "zone");
	for (size_t k = 0; k < sizeof rrs / sizeof *rrs; k++) {
		struct backend_change change = {.rrset = {.owner = owner,
							.type = rrs[k].type,
							.ttl = 3600,
							.n_records = rrs[k].n,
							.record = rrs[k].record},
			.has_records = true};

		snprintf(text, sizeof text, "%s%sz%u.example.", rrs[k].owner,
			rrs[k].owner[0] != '\0' ? "." : "", i);
		memset(owner, 0, sizeof owner);
		if (zone_wire_from_text(owner, text) < 0)
			abort();
		must(store_rrset_put(t, &zone, &change), "RRset");
	}
}

int
main(int argc, char **argv)
{
	unsigned n = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	char error[STORE_ERROR_OCTETS];
	struct store_txn *t = NULL;
	struct store *s;

	if (n == 0) {
		fprintf(stderr, "usage: bench_fill_store FILE ZONES\n");
		return EXIT_FAILURE;
	}
	if (store_open(&s, &(struct store_options){.path = argv[1]}, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	for (unsigned i = 0; i < n; i++) {
		if (t == NULL)
			must(store_write(s, &t), "transaction");
		add_zone(t, i);
		if ((i + 1) % ZONES_A_COMMIT == 0 || i + 1 == n) {
			must(store_commit(t), "commit");
			t = NULL;
		}
	}
	store_close(s);
	return EXIT_SUCCESS;
}
