/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_settings: read in one transaction when the transfer begins, so that it follows what was
 * changed since it was asked for. */
#include "controlplane/transfer/transfer_settings.h"
#include "config/config.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53u

bool
transfer_is_secondary(const struct store_zone *zone)
{
	return zone->kind == BACKEND_SECONDARY;
}

unsigned
transfer_primaries(const char *text, struct sockaddr_storage out[TRANSFER_PRIMARIES_MAX])
{
	struct config_address address;
	unsigned n = 0;
	char one[128];

	while (*text != '\0' && n < TRANSFER_PRIMARIES_MAX) {
		size_t len = strcspn(text, ",");
		snprintf(one, sizeof one, "%.*s", (int)(len < 127 ? len : 127), text);
		if (config_parse_address(one, DNS_PORT, &address) == 0)
			out[n++] = address.sa;
		text += len + (text[len] == ',');
	}
	return n;
}

void
transfer_format_address(const struct sockaddr_storage *sa, char out[TRANSFER_ADDRESS_OCTETS])
{
	struct config_address address = {.sa = *sa};
	size_t len;

	config_format_address(&address, out);
	len = strlen(out);
	if (len < 4 || strcmp(out + len - 3, ":53") != 0)
		return;
	out[len - 3] = '\0';
	if (out[0] == '[') {
		out[len - 4] = '\0';
		memmove(out, out + 1, len - 4);
	}
}

/* --- metadata --- */

/* The first value of a kind. @return allocated; NULL: there is none */
static char *
first_value(struct store_txn *t, const struct store_zone *zone, const char *kind, int *ret)
{
	const char **value = NULL;
	char *copy = NULL;
	size_t n = 0;

	*ret = store_metadata_get(t, zone, kind, &value, &n);
	if (*ret == 0 && n > 0)
		copy = strdup(value[0]);
	if (*ret == -ENOENT)
		*ret = 0;
	free(value);
	return copy;
}

static int
read_source(struct store_txn *t, const struct store_zone *zone, struct transfer_settings *s,
	struct transfer_error *e)
{
	struct config_address address;
	int ret;
	char *text = first_value(t, zone, "AXFR-SOURCE", &ret);

	if (ret == 0 && text != NULL) {
		ret = config_parse_address(text, 0, &address);
		if (ret == 0)
			s->source = address.sa;
	}
	if (ret != 0)
		transfer_fail(e, TRANSFER_FAILED, "AXFR-SOURCE is no address: %.100s",
			text != NULL ? text : "?");
	free(text);
	return ret == 0 ? 0 : -EPROTO;
}

/* A row of the table of keys. The secret is cleared where it was copied to. */
static int
take_key(struct transfer_settings *s, const char *name, const char *row)
{
	json_t *document = json_loads(row, 0, NULL);
	const char *algorithm = json_string_value(json_object_get(document, "algorithm")),
		   *secret = json_string_value(json_object_get(document, "key"));
	int ret = -EINVAL;

	if (algorithm != NULL && secret != NULL) {
		ret = transfer_tsig_init(&s->tsig, name, algorithm, secret);
		explicit_bzero((char *)(uintptr_t)secret, strlen(secret));
	}
	s->is_signed = ret == 0;
	json_decref(document);
	return ret;
}

static int
read_key(struct store_txn *t, const struct store_zone *zone, struct transfer_settings *s,
	struct transfer_error *e)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	char name[ZONE_TEXT_OCTETS];
	const char *row;
	int ret;
	char *text = first_value(t, zone, "AXFR-MASTER-TSIG", &ret);

	if (ret == 0 && text == NULL)
		return 0;
	s->key_text = text; /* which is kept */
	if (ret == 0 && zone_wire_from_text(wire, text) < 0)
		ret = -EINVAL;
	if (ret == 0) {
		zone_text_from_wire(name, wire);
		ret = store_row_get(t, STORE_TSIG, name, &row);
	}
	if (ret == 0)
		ret = take_key(s, name, row);
	if (ret == -ENOENT)
		transfer_fail(e, TRANSFER_FAILED,
			"AXFR-MASTER-TSIG names the TSIG key '%.200s', and there is none", text);
	else if (ret != 0)
		transfer_fail(e, TRANSFER_FAILED, "TSIG key '%.200s' cannot be used: %s",
			text != NULL ? text : "?", strerror(-ret));
	return ret == 0 ? 0 : -EPROTO;
}

/* --- */

static int
read_zone(struct store_txn *t, const uint8_t *apex, uint64_t id,
	const struct sockaddr_storage *primary, struct transfer_settings *s,
	struct transfer_error *e)
{
	struct store_zone zone;
	int ret = store_zone_get(t, apex, &zone);

	if (ret == -ENOENT || (ret == 0 && zone.id != id))
		return transfer_fail(e, TRANSFER_FAILED, "there is no such zone any more");
	if (ret != 0)
		return transfer_fail(
			e, TRANSFER_FAILED, "the zone cannot be read: %s", strerror(-ret));
	if (!transfer_is_secondary(&zone))
		return transfer_fail(e, TRANSFER_FAILED, "it is no secondary zone any more");
	if (primary != NULL) {
		s->primary[0] = *primary;
		s->n_primaries = 1;
	} else {
		s->n_primaries = transfer_primaries(zone.primaries, s->primary);
	}
	if (s->n_primaries == 0)
		return transfer_fail(e, TRANSFER_FAILED, "it has no primaries");
	s->zone = zone.id;
	s->named = primary != NULL;
	s->primaries_text = strdup(zone.primaries);
	if (s->primaries_text == NULL)
		return transfer_fail(e, TRANSFER_FAILED, "out of memory");
	s->serial = zone.serial;
	ret = read_source(t, &zone, s, e);
	return ret == 0 ? read_key(t, &zone, s, e) : ret;
}

int
transfer_settings_read(struct store *store, const uint8_t *apex, uint64_t zone,
	const struct sockaddr_storage *primary, struct transfer_settings *out,
	struct transfer_error *e)
{
	struct store_txn *t;
	int ret;

	*out = (struct transfer_settings){0};
	ret = store == NULL ? -EAGAIN : store_read(store, &t);
	if (ret != 0)
		return transfer_fail(e, TRANSFER_FAILED, "the store is not open");
	ret = read_zone(t, apex, zone, primary, out, e);
	store_end(t);
	if (ret != 0)
		transfer_settings_end(out);
	return ret;
}

int
transfer_settings_hold(const struct transfer_settings *s, struct store_txn *t,
	const struct store_zone *zone, const char **changed)
{
	bool same_key;
	char *key;
	int ret;

	*changed = NULL;
	if (zone->id != s->zone)
		*changed = "the zone was made anew";
	else if (!s->named && strcmp(zone->primaries, s->primaries_text) != 0)
		*changed = "its primaries were changed";
	if (*changed != NULL)
		return 0;
	key = first_value(t, zone, "AXFR-MASTER-TSIG", &ret);
	same_key = (key == NULL) == (s->key_text == NULL) &&
		   (key == NULL || strcmp(key, s->key_text) == 0);
	free(key);
	if (ret == 0 && !same_key)
		*changed = "its TSIG key was changed";
	return ret;
}

void
transfer_settings_end(struct transfer_settings *s)
{
	free(s->primaries_text);
	free(s->key_text);
	s->primaries_text = s->key_text = NULL;
	transfer_tsig_end(&s->tsig);
	s->is_signed = false;
}
