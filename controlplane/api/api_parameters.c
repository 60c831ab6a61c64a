/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_parameters: every name that may stand in a path or follow '?'. */
#include "controlplane/api/openapi.h"

/* one row a parameter */
/* clang-format off */
const struct api_parameter api_parameter[] = {
	/* paths */
	{"server_id", NULL, "!'localhost'", NULL, "The server: always localhost."},
	{"zone_id", NULL, "!string", NULL, "The zone: its `id`, or its name with or without the final dot."},
	{"config_setting_name", "config", "!string", NULL, "PowerDNS's name of the setting."},
	{"metadata_kind", "zonemetadata", "!string", NULL, "One of the kinds listed in docs/api-reference.md, or one that begins with X-."},
	{"cryptokey_id", "zonecryptokey", "!string", NULL, "The `id` of the key."},
	{"tsigkey_id", "tsigkey", "!string", NULL, "The `id` of the key: its name with the final dot."},
	{"ip", "autoprimary", "!string", NULL, "The server's address."},
	{"nameserver", "autoprimary", "!string", NULL, "The server's name."},
	{"ip", "networks", "!string", NULL, "The network's address."},
	{"prefixlen", "networks", "!string", NULL, "The length of its prefix."},
	{"view", "views", "!string", NULL, "The view's name."},
	{"id", "views", "!string", NULL, "The zone."},
	/* queries */
	{"domain", "servers", "!string", NULL, "The name, with its final dot."},
	{"zone", "zones", "string", NULL, "Only the zone of this name; an empty list if there is none."},
	{"dnssec", "zones", "boolean", "true", "false leaves out `dnssec` and `edited_serial`."},
	{"wait", NULL, "boolean", "true", "false answers at once, before it is done."},
	{"wait", "millrace", "boolean", "true", "false answers before zones are loaded."},
	{"force", "zones", "boolean", "false", "Load all zone files, changed or not."},
	{"statistic", "stats", "string", NULL, "Only the statistic of this name."},
	{"includerings", "stats", "boolean", "true", "For PowerDNS's clients: there are no rings here, so it changes nothing."},
	{"powerdns", "stats", "boolean", "false", "By PowerDNS's names as well."},
	{"filter", "millrace", "string", NULL, "Only packets that match; as tcpdump's."},
	{"sample", "millrace", "integer", "1", "One packet of so many."},
	{"snaplen", "millrace", "integer", NULL, "At most so many octets of each packet."},
	{"count", "millrace", "integer", NULL, "End after so many packets."},
	{"duration", "millrace", "integer", NULL, "End after so many seconds."},
	{"drops", "millrace", "boolean", "false", "Only packets that were dropped."},
	{"partial", "millrace", "boolean", "false", "Take over what needs no restart."},
	{"prefix", "policy", "string", NULL, "ADDRESS or ADDRESS/LENGTH."},
	{"action", "policy", "'allow'|'deny'|'refuse'|'tcp-only'|'unlimited'", NULL, "What becomes of queries from there."},
	{"default", "policy", "'allow'|'deny'|'refuse'|'tcp-only'|'unlimited'", NULL, "What becomes of queries that no prefix speaks of."},
	{"address", "policy", "!string", NULL, "A client's address."},
	{"enabled", "policy", "boolean", NULL, "Whether responses are limited at all."},
	{"rate", "policy", "integer", NULL, "Answers a second for a prefix; 0 lifts the limit."},
	{"nxdomain-rate", "policy", "integer", NULL, "NXDOMAIN a second for a prefix."},
	{"error-rate", "policy", "integer", NULL, "Errors a second for a prefix."},
	{"window", "policy", "string", NULL, "How long a burst may last: 500ms, 2s."},
	{"slip", "policy", "integer", NULL, "One of so many is answered cut down."},
	{"ipv4-prefix", "policy", "integer", NULL, "Bits of a client's IPv4 address."},
	{"ipv6-prefix", "policy", "integer", NULL, "Bits of a client's IPv6 address."},
	{"limit-loopback", "policy", "boolean", NULL, "Whether 127.0.0.0/8 and ::1 are limited."},
};
/* clang-format on */
const size_t api_n_parameters = sizeof api_parameter / sizeof api_parameter[0];
