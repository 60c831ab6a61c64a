/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_expect: what is not in the changeset must be as before, what is in it as it says, and there
 * must be nothing else. Octet by octet: no tolerance for what a parser might have taken otherwise.
 */
#include "backends/zonefile/zone_expect.h"

#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
fail(char *error, const uint8_t *owner, uint16_t type)
{
	char name[ZONE_NAME_TEXT_MAX], type_text[ZONE_TYPE_TEXT_MAX];

	snprintf(error, BACKEND_ERROR_OCTETS,
		"%.200s %s would not have become what was asked for; nothing was changed, edit the "
		"file by hand",
		zone_name_text(name, owner), zone_type_text(type_text, type));
	return -EINVAL;
}

/* --- the changes, to be looked up --- */

static int
name_compare(const uint8_t *a, const uint8_t *b)
{
	int a_len = (int)name_octets(a), b_len = (int)name_octets(b);

	return a_len != b_len ? a_len - b_len : memcmp(a, b, (size_t)a_len);
}

static int
change_compare(const void *a, const void *b)
{
	const struct backend_change *const *x = a, *const *y = b;
	int d = name_compare((*x)->rrset.owner, (*y)->rrset.owner);

	return d ? d : (int)(*x)->rrset.type - (int)(*y)->rrset.type;
}

struct changes_by_name {
	const struct backend_change **change;
	size_t n;
};

static bool
is_changed(const struct changes_by_name *c, const uint8_t *owner, uint16_t type)
{
	const struct backend_change key = {.rrset = {.owner = owner, .type = type}};
	const struct backend_change *at = &key;

	return bsearch(&at, c->change, c->n, sizeof *c->change, change_compare) != NULL;
}

/* --- RRsets --- */

static const struct zone_record *
find_rrset(const struct zone_model *z, const uint8_t *owner, uint16_t type, uint32_t *n)
{
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};
	unsigned len = name_octets(owner);
	const struct zone_name *name;

	*n = 0;
	memcpy(padded, owner, len);
	name = zone_model_find(z, name_hash(z->seed, padded), padded, len);
	return name ? zone_model_rrset(z, name, type, n) : NULL;
}

static bool
same_records(const struct zone_model *a, const struct zone_record *x, const struct zone_model *b,
	const struct zone_record *y, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t x_len, y_len;
		const uint8_t *x_data = zone_rdata(a, &x[i], &x_len);
		const uint8_t *y_data = zone_rdata(b, &y[i], &y_len);

		if (x[i].ttl != y[i].ttl || x_len != y_len || memcmp(x_data, y_data, x_len) != 0)
			return false;
	}
	return true;
}

struct order {
	const struct backend_record *record;
	uint16_t type;
};

static int
order_compare(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	return zone_rdata_compare(x->type, x->record->rdata, x->record->rdlength, y->record->rdata,
		y->record->rdlength);
}

static int
check_change(const struct zone_model *new, const struct backend_rrset *set, char *error)
{
	uint32_t n;
	const struct zone_record *is = find_rrset(new, set->owner, set->type, &n);
	struct order *order;
	int rc = 0;

	if (n != set->n_records)
		return fail(error, set->owner, set->type);
	order = calloc(n + 1, sizeof *order);
	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		order[i] = (struct order){&set->record[i], set->type};
	qsort(order, n, sizeof *order, order_compare);
	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		uint16_t len;
		const uint8_t *rdata = zone_rdata(new, &is[i], &len);

		if (is[i].ttl != set->ttl || len != order[i].record->rdlength ||
			memcmp(rdata, order[i].record->rdata, len) != 0)
			rc = fail(error, set->owner, set->type);
	}
	free(order);
	return rc;
}

static uint64_t
count_rrsets(const struct zone_model *z)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < z->n_names; i++)
		for (uint32_t k = 0; k < z->name[i].n; k++) {
			const struct zone_record *r = &z->record[z->name[i].first + k];

			n += k == 0 || r[-1].type != r->type;
		}
	return n;
}

/* RRsets of the old zone that nobody changed. @return how many, or -EINVAL */
static int64_t
check_kept(const struct zone_model *old, const struct zone_model *new,
	const struct changes_by_name *changes, char *error)
{
	int64_t kept = 0;

	for (uint32_t i = 0; i < old->n_names; i++) {
		const struct zone_name *name = &old->name[i];
		const uint8_t *owner = zone_owner(old, name);

		for (uint32_t k = 0; k < name->n;) {
			const struct zone_record *was = &old->record[name->first + k], *is;
			uint32_t n = 1, n_is;

			while (k + n < name->n && was[n].type == was->type)
				n++;
			k += n;
			if (is_changed(changes, owner, was->type))
				continue;
			is = find_rrset(new, owner, was->type, &n_is);
			if (n_is != n || !same_records(old, was, new, is, n))
				return fail(error, owner, was->type);
			kept++;
		}
	}
	return kept;
}

int
zone_expect(const struct zone_model *old, const struct zone_model *new,
	const struct backend_changeset *changeset, char *error)
{
	struct changes_by_name changes = {calloc(changeset->n + 1, sizeof *changes.change), 0};
	int64_t kept = 0;
	uint64_t made = 0;
	int rc = 0;

	if (!changes.change)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < changeset->n; i++) {
		const struct backend_change *c = &changeset->change[i];

		if (!c->has_records)
			continue;
		changes.change[changes.n++] = c;
		made += c->rrset.n_records > 0;
		rc = check_change(new, &c->rrset, error);
	}
	qsort(changes.change, changes.n, sizeof *changes.change, change_compare);
	if (rc == 0)
		kept = check_kept(old, new, &changes, error);
	if (rc == 0 && kept < 0)
		rc = (int)kept;
	if (rc == 0 && count_rrsets(new) != (uint64_t)kept + made) {
		snprintf(error, BACKEND_ERROR_OCTETS,
			"records would have appeared that nobody asked for; nothing was changed, "
			"edit the file by hand");
		rc = -EINVAL;
	}
	free(changes.change);
	return rc;
}
