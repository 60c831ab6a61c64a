/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_source: RRsets of a backend -> zone_build. Any thread; all state is in the build.
 */
#include "controlplane/zones/zone_source.h"

#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>

/* What a backend hands out was checked by whoever put it there, or it was not: a database is
 * anybody's. */
static bool
rrset_is_data(struct zone_build *b, const struct backend_rrset *set, const uint8_t *owner)
{
	char name[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX];
	const char *wrong = NULL;

	for (uint32_t i = 0; i < set->n_records && wrong == NULL; i++)
		if (!set->record[i].disabled &&
			!zone_rdata_blocks_valid(
				set->type, set->record[i].rdata, set->record[i].rdlength))
			wrong = "a record has RDATA that is not well-formed for its type; replace "
				"it";
	if (!zone_type_is_data(set->type))
		wrong = "this is no type of data and cannot stand in a zone; remove it";
	else if (set->ttl > ZONE_TTL_MAX)
		wrong = "the TTL is above 2147483647 (RFC 2181 8); make it smaller";
	if (wrong == NULL)
		return true;
	zone_report_add(b->report, ZONE_ERROR, b->z.file[0], ZONE_NO_LINE, "%s %s: %s",
		zone_name_text(name, owner), zone_type_text(type, set->type), wrong);
	return false;
}

int
zone_source_take(struct zone_build *b, const struct backend_rrset *set)
{
	uint8_t owner[NAME_OCTETS_MAX + 1 + NAME_PAD]; /* building reads beyond a name's end */
	unsigned len = zone_rdata_name_octets(set->owner, NAME_OCTETS_MAX);
	char type[ZONE_TYPE_TEXT_MAX];

	if (len == 0) {
		zone_report_add(b->report, ZONE_ERROR, b->z.file[0], ZONE_NO_LINE,
			"the owner of an RRset of type %s is no domain name; remove it",
			zone_type_text(type, set->type));
		return 0;
	}
	memcpy(owner, set->owner, len);
	memset(owner + len, 0, NAME_PAD);
	if (!rrset_is_data(b, set, owner))
		return 0;
	for (uint32_t i = 0; i < set->n_records; i++) {
		const struct backend_record *r = &set->record[i];
		if (r->disabled)
			continue;
		int rc = zone_build_add(b, &(struct zone_rr){
						   .owner = owner,
						   .owner_len = (uint16_t)len,
						   .rdata = r->rdata,
						   .rdata_len = r->rdlength,
						   .ttl = set->ttl,
						   .type = set->type,
						   .line = ZONE_NO_LINE,
					   });
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
take(void *to, const struct backend_rrset *set)
{
	return zone_source_take(to, set);
}

int
zone_load_source(struct zone_model *out, const struct zone_source *source, const uint8_t *apex,
	const struct zone_load_options *options, struct zone_report *report)
{
	struct zone_build b;
	size_t errors = report->n_errors;

	int rc = zone_build_init(&b, apex, options, report);
	if (rc != 0) {
		zone_report_add(report, ZONE_ERROR, source->name, 0,
			rc == -EINVAL ? "bad zone name" : "no memory");
		return rc;
	}
	rc = zone_build_source(&b, source->name, 0, ZONE_NO_LINE);
	if (rc >= 0)
		rc = source->each(source->arg, take, &b);
	/* whatever the source itself returned, it has to say why */
	rc = zone_build_finish(&b, out, rc > 0 ? -EIO : rc, errors, source->name);
	zone_build_destroy(&b);
	return rc;
}
