/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_text_fixture: loads text as zone "example." and shows what became of it. Included once by
 * each test of zone loading. */
#pragma once
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_rdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <libknot/libknot.h>
#include <libknot/rrset-dump.h>

#define HEAD                                    \
	"$TTL 300\n"                            \
	"@ SOA ns1 host 1 3600 600 86400 300\n" \
	"@ NS ns1\n"                            \
	"ns1 A 192.0.2.1\n"

static const uint8_t apex[] = "\7eXample";
static const struct zone_load_options options = {.seed = 0x0123456789abcdef, .default_ttl = 3600};

static inline int
load(struct zone_model *z, const char *text, struct zone_report *report)
{
	*z = (struct zone_model){0};
	*report = (struct zone_report){0};
	return zone_load_text(z, text, strlen(text), "zone", apex, &options, report);
}

static inline const struct zone_name *
find(const struct zone_model *z, const char *text)
{
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};

	assert_non_null(knot_dname_from_str(name, text, NAME_OCTETS_MAX));
	return zone_model_find(z, name_hash(z->seed, name), name, name_octets(name));
}

/* "TTL TYPE RDATA" of all records at a name, in order, separated by " | ". */
static inline const char *
records_text(const struct zone_model *z, const char *owner, char *text, size_t room)
{
	const struct zone_name *name = find(z, owner);
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; name != NULL && i < name->n; i++) {
		const struct zone_record *r = &z->record[name->first + i];
		char type[32], rdata[4096];
		uint16_t len;
		const uint8_t *octets = zone_rdata(z, r, &len);
		knot_rrset_t set;
		knot_rrset_init(
			&set, (knot_dname_t *)zone_owner(z, name), r->type, KNOT_CLASS_IN, r->ttl);
		assert_int_equal(knot_rrset_add_rdata(&set, octets, len, NULL), 0);
		assert_true(knot_rrset_txt_dump_data(
				    &set, 0, rdata, sizeof rdata, &KNOT_DUMP_STYLE_DEFAULT) >= 0);
		knot_rdataset_clear(&set.rrs, NULL);
		knot_rrtype_to_string(r->type, type, sizeof type);
		at += (size_t)snprintf(text + at, room - at, "%s%u %s %s", i == 0 ? "" : " | ",
			r->ttl, type, rdata);
		assert_true(at < room);
	}
	return text;
}
