/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_zone: see the header. */
#include "controlplane/api/body_zone.h"

#include "controlplane/zones/rdata_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <libknot/descriptor.h>

#define DNS_PORT 53u
#define ADDRESS_TEXT_OCTETS (INET6_ADDRSTRLEN + 10u) /* brackets, colon, port and comma */

const char *const body_kind_word[BACKEND_KINDS] = {
	[BACKEND_NATIVE] = "Native",
	[BACKEND_PRIMARY] = "Master",
	[BACKEND_SECONDARY] = "Slave",
	[BACKEND_PRODUCER] = "Producer",
	[BACKEND_CONSUMER] = "Consumer",
};

/* "Master" and the like; PowerDNS's newer words are taken too. @return 0 or -EINVAL */
int
body_kind_from_text(const char *text, enum backend_kind *kind)
{
	if (strcasecmp(text, "Primary") == 0)
		return *kind = BACKEND_PRIMARY, 0;
	if (strcasecmp(text, "Secondary") == 0)
		return *kind = BACKEND_SECONDARY, 0;
	for (unsigned i = 0; i < BACKEND_KINDS; i++)
		if (strcasecmp(text, body_kind_word[i]) == 0)
			return *kind = (enum backend_kind)i, 0;
	return -EINVAL;
}

/* --- addresses of primaries --- */

/* "192.0.2.1", "192.0.2.1:5300", "2001:db8::1", "[2001:db8::1]:5300". @param[out] out  the same,
 * without a port that is 53. @return 0 or -EINVAL */
static int
canonical_address(char out[ADDRESS_TEXT_OCTETS], const char *text)
{
	char address[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];
	const char *port = NULL, *from = text, *end;
	unsigned char wire[16];
	unsigned long number = DNS_PORT;
	int family;

	if (text[0] == '[') {
		from = text + 1;
		end = strchr(from, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		port = end[1] == ':' ? end + 2 : NULL;
		family = AF_INET6;
	} else {
		end = strchr(text, ':');
		family = end == NULL || strchr(end + 1, ':') == NULL ? AF_INET : AF_INET6;
		if (end == NULL || family == AF_INET6)
			end = text + strlen(text);
		port = *end == ':' ? end + 1 : NULL;
	}
	if ((size_t)(end - from) >= sizeof address)
		return -EINVAL;
	memcpy(address, from, (size_t)(end - from));
	address[end - from] = '\0';
	if (inet_pton(family, address, wire) != 1 ||
		inet_ntop(family, wire, canonical, sizeof canonical) == NULL)
		return -EINVAL;
	if (port != NULL) {
		char *behind;
		if (*port < '0' || *port > '9')
			return -EINVAL;
		number = strtoul(port, &behind, 10);
		if (*behind != '\0' || number == 0 || number > 65535)
			return -EINVAL;
	}
	if (number == DNS_PORT)
		snprintf(out, ADDRESS_TEXT_OCTETS, "%s", canonical);
	else
		snprintf(out, ADDRESS_TEXT_OCTETS, family == AF_INET6 ? "[%s]:%lu" : "%s:%lu",
			canonical, number);
	return 0;
}

static int
take_primaries(struct body_zone *z, const json_t *list, char error[BODY_ERROR_OCTETS])
{
	size_t n = json_array_size(list), at = 0;
	char *text = body_take(&z->memory, n * ADDRESS_TEXT_OCTETS + 1);

	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *address = json_string_value(json_array_get(list, i));
		char canonical[ADDRESS_TEXT_OCTETS];
		if (address == NULL || address[0] == '\0') {
			snprintf(error, BODY_ERROR_OCTETS, "Master can not be an empty string");
			return -EINVAL;
		}
		if (canonical_address(canonical, address) != 0) {
			snprintf(error, BODY_ERROR_OCTETS,
				"Master (%.*s) is not an IP address: Unable to convert "
				"presentation address '%.*s'",
				BODY_TEXT_SHOWN, address, BODY_TEXT_SHOWN, address);
			return -EINVAL;
		}
		at += (size_t)sprintf(text + at, "%s%s", i == 0 ? "" : ",", canonical);
	}
	z->primaries = text;
	return 0;
}

/* --- the rest --- */

/* Ids of TSIG keys: their names, the final dot or not. */
static int
take_tsig(struct body_zone *z, const json_t *list, const char ***out, size_t *n,
	char error[BODY_ERROR_OCTETS])
{
	size_t size = json_array_size(list);

	if (!json_is_array(list))
		return 0;
	*out = body_take(&z->memory, (size + 1) * sizeof **out);
	if (*out == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		const char *id = json_string_value(json_array_get(list, i));
		uint8_t wire[ZONE_WIRE_OCTETS];
		char text[ZONE_TEXT_OCTETS], *copy;
		if (id == NULL || zone_key_from_id(wire, id) < 0 || zone_key_variant(wire) > 0) {
			snprintf(error, BODY_ERROR_OCTETS,
				"A TSIG key with the name '%.*s' does not exist", BODY_TEXT_SHOWN,
				id == NULL ? "" : id);
			return -EINVAL;
		}
		zone_text_from_wire(text, wire);
		copy = body_take(&z->memory, strlen(text) + 1);
		if (copy == NULL)
			return -ENOMEM;
		(*out)[i] = strcpy(copy, text);
	}
	*n = size;
	return 0;
}

static int
take_catalog(struct body_zone *z, const char *text, char error[BODY_ERROR_OCTETS])
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	char canonical[ZONE_TEXT_OCTETS] = "", *copy;

	if (text[0] != '\0') {
		if (zone_wire_from_text(wire, text) < 0) {
			snprintf(error, BODY_ERROR_OCTETS, "Unable to parse DNS Name '%.*s'",
				BODY_TEXT_SHOWN, text);
			return -EINVAL;
		}
		zone_text_from_wire(canonical, wire);
	}
	copy = body_take(&z->memory, strlen(canonical) + 1);
	if (copy == NULL)
		return -ENOMEM;
	z->catalog = strcpy(copy, canonical);
	return 0;
}

static int
take_kind(struct body_zone *z, const char *text, char error[BODY_ERROR_OCTETS])
{
	z->has_kind = true;
	if (body_kind_from_text(text, &z->kind) == 0)
		return 0;
	/* PowerDNS makes "Native" of a word that it does not know */
	snprintf(error, BODY_ERROR_OCTETS,
		"Kind '%.*s' must be Native, Master, Slave, Producer or Consumer", BODY_TEXT_SHOWN,
		text);
	return -EINVAL;
}

int
body_zone_parse(struct body_zone *out, const json_t *document, char error[BODY_ERROR_OCTETS])
{
	const char *kind = json_string_value(json_object_get(document, "kind"));
	const char *catalog = json_string_value(json_object_get(document, "catalog"));
	const json_t *primaries = json_object_get(document, "masters");
	const json_t *rectify = json_object_get(document, "api_rectify");
	int ret = 0;

	*out = (struct body_zone){
		.account = json_string_value(json_object_get(document, "account")),
		.soa_edit = json_string_value(json_object_get(document, "soa_edit")),
		.soa_edit_api = json_string_value(json_object_get(document, "soa_edit_api")),
		.nsec3param = json_string_value(json_object_get(document, "nsec3param")),
		.has_rectify = json_is_boolean(rectify),
		.rectify = json_is_true(rectify),
		.dnssec = json_is_true(json_object_get(document, "dnssec")),
	};
	if (kind != NULL)
		ret = take_kind(out, kind, error);
	if (ret == 0 && json_is_array(primaries))
		ret = take_primaries(out, primaries, error);
	if (ret == 0 && catalog != NULL)
		ret = take_catalog(out, catalog, error);
	if (ret == 0)
		ret = take_tsig(out, json_object_get(document, "master_tsig_key_ids"),
			&out->primary_tsig, &out->n_primary_tsig, error);
	if (ret == 0)
		ret = take_tsig(out, json_object_get(document, "slave_tsig_key_ids"),
			&out->secondary_tsig, &out->n_secondary_tsig, error);
	if (ret == -ENOMEM)
		snprintf(error, BODY_ERROR_OCTETS, "Out of memory");
	return ret;
}

/* --- what a new zone is given --- */

static int
take_nameserver(struct body_rrsets *b, const char *text, struct backend_record *out,
	char error[BODY_ERROR_OCTETS])
{
	uint8_t wire[ZONE_WIRE_OCTETS], *copy;
	char why[RDATA_TEXT_ERROR_OCTETS];
	uint8_t *rdata;
	int ret;

	if (text == NULL || text[0] == '\0') {
		snprintf(error, BODY_ERROR_OCTETS, "Nameservers must be non-empty strings");
		return -EINVAL;
	}
	if (text[strlen(text) - 1] != '.') {
		snprintf(error, BODY_ERROR_OCTETS, "Nameserver is not canonical: '%.*s'",
			BODY_TEXT_SHOWN, text);
		return -EINVAL;
	}
	/* the case of its letters is kept, so it is no zone_wire_from_text() */
	rdata = zone_wire_from_text(wire, text) < 0 ? NULL : malloc(RDATA_WIRE_MAX);
	ret = rdata == NULL ? -EINVAL
			    : rdata_from_text(KNOT_RRTYPE_NS, text, rdata, &out->rdlength, why);
	if (ret != 0) {
		free(rdata);
		snprintf(error, BODY_ERROR_OCTETS, "Unable to parse DNS Name for NS '%.*s'",
			BODY_TEXT_SHOWN, text);
		return -EINVAL;
	}
	copy = body_take(&b->memory, out->rdlength);
	if (copy != NULL)
		memcpy(copy, rdata, out->rdlength);
	free(rdata);
	out->rdata = copy;
	return copy == NULL ? -ENOMEM : 0;
}

static uint8_t *
copy_name(struct body_rrsets *b, const uint8_t *name)
{
	unsigned len = name_octets(name);
	uint8_t *copy = body_take(&b->memory, len + NAME_PAD);

	return copy == NULL ? NULL : memcpy(copy, name, len);
}

int
body_nameservers(struct body_rrsets *b, const json_t *document, const uint8_t *apex, uint32_t ttl,
	struct backend_rrset *set, char error[BODY_ERROR_OCTETS])
{
	const json_t *list = json_object_get(document, "nameservers");
	size_t n = json_array_size(list);
	struct backend_record *record;
	int ret = 0;

	*set = (struct backend_rrset){.type = KNOT_RRTYPE_NS, .ttl = ttl};
	if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
		snprintf(error, BODY_ERROR_OCTETS, "Nameservers is not a list");
		return -EINVAL;
	}
	if (n == 0)
		return 0;
	set->owner = copy_name(b, zone_key_apex(apex));
	record = body_take(&b->memory, n * sizeof *record);
	if (record == NULL || set->owner == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && ret == 0; i++)
		ret = take_nameserver(
			b, json_string_value(json_array_get(list, i)), &record[i], error);
	set->record = record;
	set->n_records = (uint32_t)n;
	return ret;
}

/* @param to  room for each '@' as the zone's name without its final dot, as PowerDNS replaces it */
static void
put_zone(char *to, const char *content, const char *zone)
{
	size_t len = strlen(zone);

	if (len > 0 && zone[len - 1] == '.')
		len--;
	for (; *content != '\0'; content++) {
		if (*content != '@') {
			*to++ = *content;
			continue;
		}
		memcpy(to, zone, len);
		to += len;
		/* "hostmaster.@ 0": PowerDNS completes names there. The root's is there already */
		if ((content[1] == ' ' || content[1] == '\t') && len > 0)
			*to++ = '.';
	}
	*to = '\0';
}

int
body_soa(struct body_rrsets *b, const char *content, const uint8_t *apex, uint32_t serial,
	uint32_t ttl, struct backend_rrset *set, char error[BODY_ERROR_OCTETS])
{
	char zone[ZONE_TEXT_OCTETS], why[RDATA_TEXT_ERROR_OCTETS];
	struct backend_record *record = body_take(&b->memory, sizeof *record);
	char *text = malloc((strlen(content) + 1) * (ZONE_TEXT_OCTETS + 1));
	uint8_t *rdata = malloc(RDATA_WIRE_MAX), *copy = NULL;
	int ret = text == NULL || rdata == NULL || record == NULL ? -ENOMEM : 0;

	*set = (struct backend_rrset){.type = KNOT_RRTYPE_SOA,
		.ttl = ttl,
		.owner = copy_name(b, zone_key_apex(apex)),
		.n_records = 1,
		.record = record};
	if (ret == 0) {
		zone_text_from_wire(zone, zone_key_apex(apex));
		put_zone(text, content, zone);
		ret = rdata_from_text(KNOT_RRTYPE_SOA, text, rdata, &record->rdlength, why);
		if (ret != 0)
			snprintf(error, BODY_ERROR_OCTETS, "SOA for new zones '%.*s': %s",
				BODY_TEXT_SHOWN, text, why);
	}
	if (ret == 0) {
		uint8_t *p = rdata + record->rdlength - 20; /* five numbers, the serial first */
		for (int i = 0; i < 4; i++)
			p[i] = (uint8_t)(serial >> (24 - 8 * i));
		copy = body_take(&b->memory, record->rdlength);
		if (copy == NULL || set->owner == NULL)
			ret = -ENOMEM;
		else
			record->rdata = memcpy(copy, rdata, record->rdlength);
	}
	free(text);
	free(rdata);
	return ret;
}
