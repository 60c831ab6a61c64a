/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metadata_kind: the table, and what its words mean. */
#include "controlplane/api/metadata_kind.h"

#include "config/config.h"
#include "controlplane/manager/zone_names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* name, read-only, hidden, several, acts */
/* clang-format off */
const struct metadata_kind metadata_kind[] = {
	{"ALLOW-AXFR-FROM", false, false, true, false, METADATA_NETMASK_OR_AUTO, "Who may transfer the zone; AUTO-NS: its name servers."},
	{"ALLOW-DNSUPDATE-FROM", false, false, true, false, METADATA_NETMASK, "Who may send UPDATE."},
	{"ALSO-NOTIFY", false, false, true, true, METADATA_ADDRESS_PORT, "Who is sent NOTIFY beside the zone's name servers."},
	{"API-RECTIFY", true, true, false, false, METADATA_SWITCH, "The zone's `api_rectify`."},
	{"AXFR-MASTER-TSIG", true, false, false, true, METADATA_NAME, "The zone's `slave_tsig_key_ids`."},
	{"AXFR-SOURCE", false, false, false, true, METADATA_ADDRESS, "The address that transfers are asked for from."},
	{"CATALOG-HASH", true, true, false, false, METADATA_TEXT, "What a producer zone had as members; the server's own."},
	{"ENABLE-LUA-RECORDS", true, true, false, false, METADATA_SWITCH, "Whether LUA records of the zone run."},
	{"FORWARD-DNSUPDATE", false, false, false, false, METADATA_TEXT, "UPDATE is passed on to the primary."},
	{"GSS-ACCEPTOR-PRINCIPAL", false, false, true, false, METADATA_TEXT, "GSS-TSIG: who we are."},
	{"GSS-ALLOW-AXFR-PRINCIPAL", false, false, true, false, METADATA_TEXT, "GSS-TSIG: who may transfer the zone."},
	{"IXFR", false, false, false, false, METADATA_SWITCH, "Ask for incremental transfers."},
	{"LUA-AXFR-SCRIPT", true, false, false, false, METADATA_TEXT, "A script that edits what is transferred."},
	{"NOTIFY-DNSUPDATE", false, false, false, false, METADATA_SWITCH, "Send NOTIFY after UPDATE."},
	{"NSEC3NARROW", true, false, false, false, METADATA_SWITCH, "The zone's `nsec3narrow`."},
	{"NSEC3PARAM", true, false, false, false, METADATA_TEXT, "The zone's `nsec3param`."},
	{"PRESIGNED", true, false, false, false, METADATA_SWITCH, "The zone comes signed."},
	{"PUBLISH-CDNSKEY", false, false, false, false, METADATA_NUMBERS, "0: publish the CDNSKEY that deletes; 1: publish CDNSKEY."},
	{"PUBLISH-CDS", false, false, false, false, METADATA_NUMBERS, "Digest types of CDS that are published; 0: the one that deletes."},
	{"RFC1123-CONFORMANCE", false, false, false, false, METADATA_SWITCH, "0: underscores are allowed in names of hosts."},
	{"SIGNALING-ZONE", false, false, false, false, METADATA_TEXT, "The zone is one of RFC 9615's."},
	{"SLAVE-RENOTIFY", false, false, false, false, METADATA_SWITCH, "A secondary zone is told on with NOTIFY."},
	{"SOA-EDIT", true, false, false, true, METADATA_TEXT, "The zone's `soa_edit`."},
	{"SOA-EDIT-API", true, true, false, true, METADATA_TEXT, "The zone's `soa_edit_api`."},
	{"SOA-EDIT-DNSUPDATE", false, false, false, false, METADATA_SERIAL, "How UPDATE changes the serial."},
	{"TSIG-ALLOW-AXFR", false, false, true, false, METADATA_NAME, "Keys that transfers from here need; also `master_tsig_key_ids`."},
	{"TSIG-ALLOW-DNSUPDATE", false, false, true, false, METADATA_NAME, "Keys that UPDATE needs."},
};
/* clang-format on */
const size_t metadata_n_kinds = sizeof metadata_kind / sizeof metadata_kind[0];

/* The row of a kind, or NULL; X- kinds have none. */
static const struct metadata_kind *
find(const char *name)
{
	for (size_t i = 0; i < metadata_n_kinds; i++)
		if (strcmp(metadata_kind[i].name, name) == 0)
			return &metadata_kind[i];
	return NULL;
}

bool
metadata_kind_reachable(const char *name, bool change)
{
	const struct metadata_kind *k = find(name);

	if (k == NULL)
		return strncmp(name, "X-", 2) == 0 && strlen(name) < METADATA_KIND_OCTETS;
	return !k->hidden && !(change && k->read_only);
}

bool
metadata_count_fits(const char *kind, size_t n)
{
	const struct metadata_kind *k = find(kind);

	return n <= (k != NULL && !k->several ? 1 : METADATA_VALUES_MAX);
}

static bool
is_address(const char *text)
{
	uint8_t octets[16];

	return inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
}

/* As PowerDNS takes them: bits may be set behind the length. */
static bool
is_netmask(const char *value)
{
	const char *slash = strchr(value, '/');
	char address[INET6_ADDRSTRLEN];
	size_t len = slash == NULL ? strlen(value) : (size_t)(slash - value);
	unsigned long bits;
	uint8_t octets[16];
	char *end;

	if (len >= sizeof address)
		return false;
	memcpy(address, value, len);
	address[len] = '\0';
	if (slash == NULL)
		return is_address(address);
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0')
		return false;
	return inet_pton(AF_INET, address, octets) == 1 ? bits <= 32
							: is_address(address) && bits <= 128;
}

static bool
is_word_of_serials(const char *value)
{
	static const char *const word[] = {
		"DEFAULT", "INCREASE", "EPOCH", "SOA-EDIT", "SOA-EDIT-INCREASE"};

	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
		if (strcmp(word[i], value) == 0)
			return true;
	return false;
}

static bool
fits(enum metadata_value type, const char *value, const char **right)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	struct config_address address;

	switch (type) {
	case METADATA_TEXT:
		break;
	case METADATA_SWITCH:
		*right = "0 or 1";
		return strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
	case METADATA_NETMASK_OR_AUTO:
		*right = "ADDRESS, ADDRESS/LENGTH or AUTO-NS";
		return strcmp(value, "AUTO-NS") == 0 || is_netmask(value);
	case METADATA_NETMASK:
		*right = "ADDRESS or ADDRESS/LENGTH";
		return is_netmask(value);
	case METADATA_ADDRESS:
		*right = "an address such as 192.0.2.1 or 2001:db8::1";
		return is_address(value);
	case METADATA_ADDRESS_PORT:
		*right = "ADDRESS, IPv4ADDRESS:PORT or [IPv6ADDRESS]:PORT";
		return config_parse_address(value, 53, &address) == 0;
	case METADATA_NAME:
		*right = "a domain name";
		return zone_wire_from_text(wire, value) >= 0;
	case METADATA_SERIAL:
		*right = "DEFAULT, INCREASE, EPOCH, SOA-EDIT or SOA-EDIT-INCREASE";
		return is_word_of_serials(value);
	case METADATA_NUMBERS:
		*right = "numbers with commas between";
		return value[0] != '\0' && strspn(value, "0123456789, ") == strlen(value);
	}
	return true;
}

bool
metadata_value_fits(const char *kind, const char *value, const char **right)
{
	const struct metadata_kind *k = find(kind);

	*right = "at most 65535 octets";
	if (strlen(value) > METADATA_VALUE_OCTETS)
		return false;
	return k == NULL || fits(k->value, value, right);
}
