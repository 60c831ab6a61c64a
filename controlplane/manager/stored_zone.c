/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stored_zone: the store's cursor as a source of records. */
#include "controlplane/manager/stored_zone.h"
#include "controlplane/manager/manager_internal.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_source.h"

#include <errno.h>

#define TYPE_SOA 6

struct reading {
	struct store_txn *txn;
	const struct store_zone *zone;
};

static int
each_rrset(void *arg, int (*take)(void *to, const struct backend_rrset *rrset), void *to)
{
	const struct reading *r = arg;
	struct store_cursor *cursor;
	struct backend_rrset rrset;
	int ret = store_cursor_open(r->txn, r->zone, NULL, true, &cursor);

	if (ret != 0)
		return ret;
	while ((ret = store_cursor_next(cursor, &rrset)) == 0)
		if ((ret = take(to, &rrset)) != 0)
			break;
	store_cursor_close(cursor);
	return ret == -ENOENT ? 0 : ret;
}

/* Does it have an SOA that is not disabled? @return 1, 0 or a negative errno */
static int
has_soa(struct store_txn *t, const struct store_zone *zone)
{
	struct store_decoder d = {0};
	struct backend_rrset soa;
	int ret = store_rrset_get(t, zone, zone_key_apex(zone->apex), TYPE_SOA, &d, &soa);

	if (ret == 0)
		for (uint32_t i = 0; i < soa.n_records; i++)
			ret |= !soa.record[i].disabled;
	store_decoder_free(&d);
	return ret == -ENOENT ? 0 : ret;
}

static int
compile(struct arena *a, struct reading *r, struct zone_scratch *scratch,
	struct zone_report *report, struct stored_image *out)
{
	struct zone_source source = {.each = each_rrset, .arg = r, .name = "store"};
	struct zone_load_options options = {
		.seed = arena_header(a)->seed,
		.scratch = scratch,
	};
	struct zone_model model = {0};
	int ret = zone_load_source(&model, &source, r->zone->apex, &options, report);

	if (ret != 0)
		return ret;
	ret = zone_compile(a, &model, &out->image);
	zone_model_destroy(&model);
	return ret;
}

int
stored_zone_compile(struct arena *a, struct store_txn *t, const uint8_t *apex,
	struct zone_scratch *scratch, struct zone_report *report, struct stored_image *out)
{
	struct store_zone zone;
	struct reading r = {.txn = t, .zone = &zone};
	int ret = store_zone_get(t, apex, &zone);

	*out = (struct stored_image){0};
	if (ret == -ENOENT)
		return ret;
	if (ret == 0)
		ret = has_soa(t, &zone);
	if (ret == 0) {
		out->is_empty = true;
		ret = zone_compile_unavailable(a, apex, &out->image);
	} else if (ret > 0) {
		ret = compile(a, &r, scratch, report, out);
	}
	if (ret != 0) {
		out->image = 0;
		if (report->n_errors == 0)
			manager_report_error(report, "store", ret);
		if (ret == -ENOENT) /* of something in the zone, not the zone */
			ret = -EPROTO;
	}
	return ret;
}
