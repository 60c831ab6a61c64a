/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_read_file: a zone file, read for somebody who wants to see it. Not what is served, when the
 * file has changed since: it is what the next change is made to. */
#include "controlplane/api/zone_read.h"

#include "controlplane/zones/zone_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/dname.h>

#define READ_OCTETS_MAX (2ull << 30) /* of records; a larger zone is not shown at once */

struct rrset_room {
	struct backend_record *record;
	uint32_t room;
};

static int
compare_names(const void *a, const void *b, void *arg)
{
	const struct zone_model *z = arg;

	return knot_dname_cmp(zone_owner(z, &z->name[*(const uint32_t *)a]),
		zone_owner(z, &z->name[*(const uint32_t *)b]));
}

/* The RRsets of one name, in the order of their types. */
static int
each_of_name(const struct zone_model *z, const struct zone_name *name, struct rrset_room *room,
	int (*each)(void *arg, const struct backend_rrset *set), void *arg)
{
	const struct zone_record *r = z->record + name->first;
	int ret = 0;

	if (name->n > room->room) {
		struct backend_record *more = reallocarray(room->record, name->n, sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		room->record = more;
		room->room = name->n;
	}
	for (uint32_t i = 0, end; i < name->n && ret == 0; i = end) {
		struct backend_rrset set = {.owner = zone_owner(z, name),
			.type = r[i].type,
			.ttl = r[i].ttl,
			.record = room->record};
		for (end = i; end < name->n && r[end].type == r[i].type; end++) {
			struct backend_record *record = &room->record[end - i];
			*record = (struct backend_record){0};
			record->rdata = zone_rdata(z, &r[end], &record->rdlength);
		}
		set.n_records = end - i;
		ret = each(arg, &set);
	}
	return ret;
}

static int
each_of_model(const struct zone_model *z, int (*each)(void *arg, const struct backend_rrset *set),
	void *arg)
{
	uint32_t *order = malloc((z->n_names + (size_t)1) * sizeof *order);
	struct rrset_room room = {0};
	int ret = 0;

	if (order == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < z->n_names; i++)
		order[i] = i;
	qsort_r(order, z->n_names, sizeof *order, compare_names, (void *)z);
	for (uint32_t i = 0; i < z->n_names && ret == 0; i++)
		ret = each_of_name(z, &z->name[order[i]], &room, each, arg);
	free(room.record);
	free(order);
	return ret;
}

/* @param ret  of loading. The model is destroyed */
static int
finish(int ret, struct zone_model *model, const struct zone_report *report, const char *place,
	int (*each)(void *arg, const struct backend_rrset *set), void *arg,
	char error[BACKEND_ERROR_OCTETS])
{
	const char *why = strerror(-ret);

	if (ret != 0) {
		for (size_t i = report->n; i > 0; i--)
			if (report->finding[i - 1].severity == ZONE_ERROR &&
				report->finding[i - 1].text != NULL)
				why = report->finding[i - 1].text; /* the first of them */
		snprintf(error, BACKEND_ERROR_OCTETS, "%s", why);
	}
	if (ret != 0)
		return ret;
	ret = each_of_model(model, each, arg);
	zone_model_destroy(model);
	if (ret == -ENOMEM)
		snprintf(error, BACKEND_ERROR_OCTETS, "%s: not enough memory", place);
	return ret;
}

int
zone_read_file(const char *path, const uint8_t *apex, uint32_t default_ttl,
	int (*each)(void *arg, const struct backend_rrset *set), void *arg,
	char error[BACKEND_ERROR_OCTETS])
{
	struct zone_load_options o = {.default_ttl = default_ttl, .octets_max = READ_OCTETS_MAX};
	struct zone_report report = {0};
	struct zone_model model;
	int ret = zone_load_file(&model, path, apex, &o, &report);

	ret = finish(ret, &model, &report, path, each, arg, error);
	zone_report_destroy(&report);
	return ret;
}

int
zone_read_text(const char *text, size_t len, const uint8_t *apex, uint32_t default_ttl,
	int (*each)(void *arg, const struct backend_rrset *set), void *arg,
	struct zone_report *report, char error[BACKEND_ERROR_OCTETS])
{
	struct zone_load_options o = {.default_ttl = default_ttl, .octets_max = READ_OCTETS_MAX};
	struct zone_model model;
	int ret = zone_load_text(&model, text, len, "zone", apex, &o, report);

	return finish(ret, &model, report, "zone", each, arg, error);
}
