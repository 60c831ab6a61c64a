/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_make PATH ZONE...: a store with these zones, for tests of what becomes of it: each with an
 * SOA of serial 7, an NS, and the address 192.0.2.1 at www. One with '-' in front has no records.
 */
#include "controlplane/manager/zone_names.h"
#include "controlplane/store/store.h"
#include "controlplane/zones/rdata_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
check(int ret, const char *what)
{
	if (ret == 0)
		return;
	fprintf(stderr, "store_make: %s: %s\n", what, strerror(ret < 0 ? -ret : ret));
	exit(1);
}

static void
put(struct store_txn *t, const struct store_zone *zone, const char *owner, const char *type,
	const char *text)
{
	uint8_t name[ZONE_WIRE_OCTETS], *rdata = malloc(RDATA_WIRE_MAX);
	char error[RDATA_TEXT_ERROR_OCTETS];
	struct backend_record record = {.rdata = rdata};
	struct backend_change change = {
		.rrset = {.owner = name, .ttl = 60, .n_records = 1, .record = &record},
		.has_records = true};

	check(zone_wire_from_text(name, owner) < 0, owner);
	check(rrtype_from_text(type, &change.rrset.type), type);
	check(rdata_from_text(change.rrset.type, text, rdata, &record.rdlength, error), text);
	check(store_rrset_put(t, zone, &change), owner);
	free(rdata);
}

static void
make(struct store_txn *t, const char *name)
{
	bool is_empty = name[0] == '-';
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone zone = {.apex = apex,
		.serial = is_empty ? 0 : 7,
		.primaries = "",
		.account = "",
		.catalog = "",
		.options = ""};
	char text[600];

	name += is_empty;
	check(zone_wire_from_text(apex, name) < 0, name);
	check(store_zone_create(t, &zone), name);
	zone.apex = apex;
	if (is_empty)
		return;
	snprintf(text, sizeof text, "ns.%s host.%s 7 2 3 4 5", name, name);
	put(t, &zone, name, "SOA", text);
	snprintf(text, sizeof text, "ns.%s", name);
	put(t, &zone, name, "NS", text);
	snprintf(text, sizeof text, "www.%s", name);
	put(t, &zone, text, "A", "192.0.2.1");
}

int
main(int argc, char **argv)
{
	struct store_options options = {.path = argc > 1 ? argv[1] : ""};
	char error[STORE_ERROR_OCTETS];
	struct store_txn *t;
	struct store *s;

	if (argc < 3 || store_open(&s, &options, error) != 0) {
		fprintf(stderr, "store_make: %s\n", argc < 3 ? "PATH ZONE..." : error);
		return 1;
	}
	check(store_write(s, &t), "writing");
	for (int i = 2; i < argc; i++)
		make(t, argv[i]);
	check(store_commit(t), "writing");
	store_close(s);
	return 0;
}
