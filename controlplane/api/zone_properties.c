/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_properties: kind, primaries, SOA-EDIT and the like, from a body into the store. */
#include "controlplane/api/zone_change.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

/* PowerDNS takes any word, and counts serials by none that it does not know. */
static int
check_soa_edit(struct zone_change *c)
{
	const struct body_zone *z = &c->zone;
	uint32_t serial;

	if (z->soa_edit_api != NULL && !soa_edit_serial(z->soa_edit_api, "", 1, NULL, 1, &serial)) {
		api_request_error(c->base.r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"SOA-EDIT-API kind '%.64s' must be DEFAULT, INCREASE, EPOCH, SOA-EDIT, "
			"SOA-EDIT-INCREASE, OFF or empty",
			z->soa_edit_api);
		return -1;
	}
	if (z->soa_edit != NULL && !soa_edit_told(z->soa_edit, 1, 1, &serial)) {
		api_request_error(c->base.r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"SOA-EDIT kind '%.64s' must be INCREMENT-WEEKS, INCEPTION-EPOCH, "
			"INCEPTION-INCREMENT, EPOCH, NONE or empty",
			z->soa_edit);
		return -1;
	}
	return 0;
}

int
zone_change_check_properties(struct zone_change *c)
{
	char name[ZONE_TEXT_OCTETS];

	zone_text_from_key(name, c->apex);
	if (check_soa_edit(c) != 0)
		return -1;
	if (c->zone.nsec3param != NULL && c->zone.nsec3param[0] != '\0' && !c->zone.dnssec) {
		api_request_error(c->base.r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"NSEC3PARAM value provided for zone '%s', but zone is not DNSSEC secured.",
			name);
		return -1;
	}
	if (c->zone.dnssec) {
		api_request_error(c->base.r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Zone '%s' cannot be secured: this version does not sign zones yet", name);
		return -1;
	}
	return 0;
}

static int
set_one(struct store_txn *t, const struct store_zone *zone, const char *kind, const char *value)
{
	return store_metadata_set(t, zone, kind, &value, 1);
}

/* Names of keys that must exist. */
static int
set_keys(struct zone_change *c, struct store_txn *t, const struct store_zone *zone,
	const char *kind, const char *const *name, size_t n)
{
	if (name == NULL)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *row;
		if (store_row_get(t, STORE_TSIG, name[i], &row) != 0)
			return change_refuse(&c->base.job.error, CHANGE_INVALID,
				"A TSIG key with the name '%.300s' does not exist", name[i]);
	}
	return store_metadata_set(t, zone, kind, name, n);
}

static int
set_metadata(struct zone_change *c, struct store_txn *t, const struct store_zone *zone, bool is_new)
{
	const struct body_zone *z = &c->zone;
	int ret = 0;

	/* "" is a kind as well: leave serials alone */
	if (z->soa_edit_api != NULL)
		ret = set_one(t, zone, "SOA-EDIT-API", z->soa_edit_api);
	else if (is_new)
		ret = set_one(t, zone, "SOA-EDIT-API", "DEFAULT");
	if (ret == 0 && z->soa_edit != NULL)
		ret = z->soa_edit[0] != '\0' ? set_one(t, zone, "SOA-EDIT", z->soa_edit)
					     : store_metadata_set(t, zone, "SOA-EDIT", NULL, 0);
	if (ret == 0 && z->has_rectify)
		ret = set_one(t, zone, "API-RECTIFY", z->rectify ? "1" : "0");
	if (ret == 0)
		ret = set_keys(c, t, zone, "TSIG-ALLOW-AXFR", z->primary_tsig, z->n_primary_tsig);
	if (ret == 0)
		ret = set_keys(
			c, t, zone, "AXFR-MASTER-TSIG", z->secondary_tsig, z->n_secondary_tsig);
	return ret;
}

/* --- for the audit log --- */

static void
tell(struct json_writer *w, const char *key, const char *before, const char *after)
{
	if (after == NULL || strcmp(before, after) == 0)
		return;
	json_open_object(w, key);
	json_str(w, "before", before);
	json_str(w, "after", after);
	json_close_object(w);
}

static void
tell_keys(struct json_writer *w, struct store_txn *t, const struct store_zone *zone,
	const char *kind, const char *key, const char *const *after, size_t n_after)
{
	const char **before = NULL;
	size_t n = 0;

	if (after == NULL)
		return;
	if (store_metadata_get(t, zone, kind, &before, &n) != 0)
		n = 0;
	json_open_object(w, key);
	json_open_array(w, "before");
	for (size_t i = 0; i < n; i++)
		json_str(w, NULL, before[i]);
	json_close_array(w);
	json_open_array(w, "after");
	for (size_t i = 0; i < n_after; i++)
		json_str(w, NULL, after[i]);
	json_close_array(w);
	json_close_object(w);
	free(before);
}

void
zone_change_tell_properties(const struct zone_change *c, struct store_txn *t,
	const struct store_zone *zone, struct json_writer *w)
{
	const struct body_zone *z = &c->zone;
	const char *rectify =
		strcmp(zone_metadata_one(t, zone, "API-RECTIFY"), "1") == 0 ? "1" : "0";

	json_open_object(w, NULL);
	tell(w, "kind", body_kind_word[zone->kind], z->has_kind ? body_kind_word[z->kind] : NULL);
	tell(w, "masters", zone->primaries, z->primaries);
	tell(w, "account", zone->account, z->account);
	tell(w, "catalog", zone->catalog, z->catalog);
	tell(w, "soa_edit", zone_metadata_one(t, zone, "SOA-EDIT"), z->soa_edit);
	tell(w, "soa_edit_api", zone_metadata_one(t, zone, "SOA-EDIT-API"), z->soa_edit_api);
	tell(w, "api_rectify", rectify, !z->has_rectify ? NULL : z->rectify ? "1" : "0");
	tell_keys(w, t, zone, "TSIG-ALLOW-AXFR", "master_tsig_key_ids", z->primary_tsig,
		z->n_primary_tsig);
	tell_keys(w, t, zone, "AXFR-MASTER-TSIG", "slave_tsig_key_ids", z->secondary_tsig,
		z->n_secondary_tsig);
	json_close_object(w);
	json_raw(w, "%c", 0);
}

int
zone_change_properties(
	struct zone_change *c, struct store_txn *t, struct store_zone *zone, bool is_new)
{
	const struct body_zone *z = &c->zone;
	int ret = 0;

	if (z->has_kind)
		zone->kind = z->kind;
	if (z->primaries != NULL)
		zone->primaries = z->primaries;
	if (z->account != NULL)
		zone->account = z->account;
	if (z->catalog != NULL)
		zone->catalog = z->catalog;
	if (is_new)
		ret = store_zone_create(t, zone);
	else if (z->has_kind || z->primaries != NULL || z->account != NULL || z->catalog != NULL)
		ret = store_zone_update(t, zone);
	if (ret != 0)
		return ret;
	/* what was read of it before may have moved */
	ret = store_zone_get(t, c->apex, zone);
	return ret != 0 ? ret : set_metadata(c, t, zone, is_new);
}
