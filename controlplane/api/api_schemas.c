/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_schemas: what requests and answers look like. Names are PowerDNS's where it has them. */
#include "controlplane/api/openapi.h"

#define FIELDS(...) ((const struct api_field[]){__VA_ARGS__, {NULL, NULL, NULL}})

/* one row a field; openapi.h tells how types are written */
/* clang-format off */
const struct api_schema api_schema[] = {
	{"Error", "Why something was not done.", FIELDS(
		{"error", "!string", "What is wrong, for people"},
		{"errors", "[string]", "All that is wrong, where it is more than one thing"}), NULL, false},
	{"Result", "What was done.", FIELDS(
		{"result", "!string", "For people"}), NULL, false},

	{"Retrieval", "From where a zone is to be retrieved.", FIELDS(
		{"primary", "string", "ADDRESS or ADDRESS:PORT; without it the zone's primaries, in their order"}), NULL, false},

	/* --- the server --- */
	{"ApiVersion", "A version of the API.", FIELDS(
		{"version", "!integer", ""},
		{"url", "!string", ""}), NULL, false},
	{"ApiDiscovery", "Where version 1 begins.", FIELDS(
		{"server_url", "!string", ""},
		{"api_features", "![string]", ""}), NULL, false},
	{"Server", "A server.", FIELDS(
		{"type", "!'Server'", ""},
		{"id", "!string", "\"localhost\""},
		{"daemon_type", "!'authoritative'", ""},
		{"version", "!string", "PowerDNS's, whose API this is; behind it ours"},
		{"url", "!string", ""},
		{"config_url", "!string", ""},
		{"zones_url", "!string", ""},
		{"autoprimaries_url", "!string", ""}), NULL, false},
	{"ConfigSetting", "A setting.", FIELDS(
		{"name", "!string", "PowerDNS's"},
		{"type", "!'ConfigSetting'", ""},
		{"value", "!string", ""}), NULL, false},
	{"CacheFlushResult", "What was forgotten.", FIELDS(
		{"count", "!integer", ""},
		{"result", "!string", ""}), NULL, false},

	/* --- zones --- */
	{"Zone", "A zone. A list of zones leaves out what takes a look into each.", FIELDS(
		{"id", "string", "Opaque; safe in URLs"},
		{"name", "string", "With its final dot"},
		{"type", "string", "\"Zone\""},
		{"url", "string", ""},
		{"kind", "'Native'|'Master'|'Slave'|'Producer'|'Consumer'", ""},
		{"record_count", "integer", "Records in `rrsets`, where that was asked for"},
		{"rrsets", "[RRSet]", ""},
		{"serial", "integer", ""},
		{"notified_serial", "integer", "The serial that NOTIFY was sent for last"},
		{"edited_serial", "integer", "What `soa_edit` makes of the serial. Answers have `serial`: zones are not signed here yet"},
		{"masters", "[string]", "Addresses of the primaries of a secondary zone"},
		{"dnssec", "boolean", "Whether it is signed here"},
		{"nsec3param", "string", ""},
		{"nsec3narrow", "boolean", ""},
		{"presigned", "boolean", ""},
		{"soa_edit", "string", ""},
		{"soa_edit_api", "string", ""},
		{"api_rectify", "boolean", "Kept, without effect yet"},
		{"zone", "string", "A zone file, when a zone is created"},
		{"catalog", "string", "The catalog zone that it is a member of; kept, without effect yet"},
		{"account", "string", ""},
		{"nameservers", "[string]", "Names for NS records, when a zone is created"},
		{"master_tsig_key_ids", "[string]", "Keys that transfers from here need; kept, without effect yet"},
		{"slave_tsig_key_ids", "[string]", "The key that transfers to here are made with"},
		{"last_check", "integer", "When a secondary zone was last looked after; seconds since 1970"},
		{"millrace", "ZoneState", ""}), NULL, false},
	{"RRSet", "All records of one name and type.", FIELDS(
		{"name", "!string", "With its final dot"},
		{"type", "!string", ""},
		{"ttl", "integer", "Seconds"},
		{"changetype", "'REPLACE'|'DELETE'|'EXTEND'|'PRUNE'", "In a change: what to do"},
		{"records", "[Record]", ""},
		{"comments", "[Comment]", ""},
		{"write_unchanged", "boolean", "For PowerDNS's clients"}), NULL, false},
	{"Record", "One record.", FIELDS(
		{"content", "!string", "In presentation format; names with their final dot"},
		{"disabled", "boolean", "It is kept, and not served"},
		{"modified_at", "integer", "Seconds since 1970"},
		{"set-ptr", "boolean", "Gone since PowerDNS 4.3"}), NULL, false},
	{"Comment", "A comment on an RRset.", FIELDS(
		{"content", "!string", ""},
		{"account", "string", "Who made it"},
		{"modified_at", "integer", "Seconds since 1970"}), NULL, false},
	{"ZoneState", "How a zone is served.", FIELDS(
		{"state", "!'configured'|'loading'|'loaded'|'failed'|'empty'", "Of the last load; empty: of the store, and without records yet"},
		{"serving", "!boolean", "Whether it is answered from"},
		{"records", "!integer", ""},
		{"names", "!integer", ""},
		{"octets", "!integer", "Of its image"},
		{"errors", "!integer", "Findings that refuse it"},
		{"warnings", "!integer", ""},
		{"file", "string?", ""},
		{"includes", "[string]", "Files that it includes"},
		{"load_ms", "integer", ""},
		{"loaded_at", "integer", "Seconds since 1970"},
		{"findings", "[Finding]", ""},
		{"transfer", "ZoneTransfer", "Of a secondary zone that was retrieved since the control plane was started; in a list of zones only while it waits or runs"}), NULL, true},
	{"ZoneTransfer", "How the last transfers of a zone to here went.", FIELDS(
		{"state", "!'idle'|'waiting'|'running'", ""},
		{"primary", "!string", "That was asked last"},
		{"named", "string", "Of one that waits: the primary that was named with the request"},
		{"last_check", "!integer", "When the last one ended; seconds since 1970, 0: never"},
		{"last_success", "!integer", "Likewise, of the last good one"},
		{"result", "!string", "Of the last one: \"replaced\", \"unchanged\", or a kind of failure"},
		{"last_error", "!string", "Why the last one failed; empty if it did not"},
		{"serial", "integer", "Of the last good one, as the next four"},
		{"records", "integer", ""},
		{"dropped", "integer", "Records outside the zone"},
		{"octets", "integer", "Received"},
		{"ms", "integer", "From its begin to being served"}), NULL, true},
	{"SearchResult", "Something that was found.", FIELDS(
		{"object_type", "!'zone'|'record'|'comment'", ""},
		{"name", "!string", "Of the zone or the RRset"},
		{"zone_id", "string", ""},
		{"zone", "string", "Not of a zone"},
		{"type", "string", "Of an RRset"},
		{"ttl", "integer", "Of a record"},
		{"content", "string", "Of a record or a comment"},
		{"disabled", "boolean", "Of a record"}), NULL, false},
	{"ZoneHistory", "Changesets of a zone.", FIELDS(
		{"serial", "!integer", "That it has now"},
		{"changes", "![Changeset]", "The newest first"},
		{"next_before", "integer", "For `before`, when there are more"}), NULL, false},
	{"Changeset", "One change of a zone.", FIELDS(
		{"sequence", "!integer", "Ascends within the zone"},
		{"at_ms", "!integer", "Milliseconds since 1970"},
		{"who", "!string", ""},
		{"origin", "!string", "\"api\", \"revert\", ..."},
		{"serial_before", "!integer", ""},
		{"serial_after", "!integer", ""},
		{"removed", "![RRSet]", "Records that went"},
		{"added", "![RRSet]", "Records that came"}), NULL, false},
	{"ZoneDiff", "What two versions of a zone differ in.", FIELDS(
		{"from", "!integer", "A serial"},
		{"to", "!integer", "A serial"},
		{"removed", "![RRSet]", "Records that only the first has"},
		{"added", "![RRSet]", "Records that only the second has"}), NULL, false},
	{"Reverted", "A zone is as it was.", FIELDS(
		{"result", "!string", "For people"},
		{"serial_before", "!integer", ""},
		{"serial_after", "!integer", ""},
		{"rrsets", "!integer", "That were changed"}), NULL, false},
	{"ZoneImport", "A zone was imported.", FIELDS(
		{"result", "!string", "For people"},
		{"created", "!boolean", "It was not there before"},
		{"serial", "!integer", ""},
		{"rrsets", "!integer", "That the file has"},
		{"records", "!integer", "That the file has"},
		{"warnings", "!integer", "How many there were"},
		{"findings", "![Finding]", "The first 100 of them"}), NULL, false},
	{"Finding", "Something that was seen in a zone.", FIELDS(
		{"severity", "!'error'|'warning'", ""},
		{"text", "!string", "FILE:LINE: what"}), NULL, false},
	{"ZoneReload", "A zone was loaded.", FIELDS(
		{"result", "!string", ""},
		{"serial", "!integer", ""},
		{"millrace", "!ZoneState", ""}), NULL, false},
	{"Reload", "Zones were loaded.", FIELDS(
		{"result", "!string", ""},
		{"zones", "!integer", "All that there are"},
		{"added", "!integer", ""},
		{"removed", "!integer", ""},
		{"reloaded", "!integer", ""},
		{"unchanged", "!integer", ""},
		{"file_errors", "!integer", "Folders and files that could not be read"},
		{"failed", "!integer", "Zones whose last load was refused"},
		{"refused", "![RefusedZone]", "The first hundred of them"}), NULL, false},
	{"RefusedZone", "A zone whose load was refused.", FIELDS(
		{"name", "!string", ""},
		{"serving", "!boolean", "Whether a version from before is"},
		{"errors", "![string]", "FILE:LINE: what"}), NULL, false},

	/* --- beside zones --- */
	{"Metadata", "Values of one kind of metadata.", FIELDS(
		{"type", "'Metadata'", ""},
		{"kind", "string", "Not needed where the path says it"},
		{"metadata", "![string]", ""}), NULL, false},
	{"Cryptokey", "A DNSSEC key.", FIELDS(
		{"type", "'Cryptokey'", ""},
		{"id", "integer", ""},
		{"keytype", "'ksk'|'zsk'|'csk'", ""},
		{"active", "boolean", "It signs"},
		{"published", "boolean", "Its DNSKEY is in the zone"},
		{"flags", "integer", "Of the DNSKEY"},
		{"dnskey", "string", "Its DNSKEY record; not in this version"},
		{"ds", "[string]", "DS records; not in this version"},
		{"cds", "[string]", ""},
		{"privatekey", "string", "In BIND's format"},
		{"content", "string", "The same, in requests"},
		{"algorithm", "string/integer", "A mnemonic, or in requests a number"},
		{"bits", "integer", ""}), NULL, false},
	{"TSIGKey", "A key of transactions.", FIELDS(
		{"type", "'TSIGKey'", ""},
		{"id", "string", "Its name with the final dot; not in requests"},
		{"name", "string", ""},
		{"algorithm", "string", "hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512"},
		{"key", "string", "The secret in base64; empty in lists"}), NULL, false},
	{"Autoprimary", "A server that may make this one a secondary.", FIELDS(
		{"ip", "!string", ""},
		{"nameserver", "!string", ""},
		{"account", "string", ""}), NULL, false},
	{"Networks", "Networks and the views that they see.", FIELDS(
		{"networks", "![Network]", ""}), NULL, false},
	{"Network", "A network and the view that it sees.", FIELDS(
		{"network", "!string", "ADDRESS/LENGTH"},
		{"view", "!string", ""}), NULL, false},
	{"NetworkView", "The view that a network is to see.", FIELDS(
		{"view", "!string", ""}), NULL, false},
	{"Views", "Names of views.", FIELDS(
		{"views", "![string]", ""}), NULL, false},
	{"View", "Zones of a view.", FIELDS(
		{"zones", "![string]", ""}), NULL, false},
	{"ViewZone", "A zone for a view.", FIELDS(
		{"name", "!string", "example.org..variant; or a zone's own name, with its final dot"}), NULL, false},

	/* --- statistics --- */
	{"StatisticItem", "A number.", FIELDS(
		{"name", "!string", ""},
		{"type", "!'StatisticItem'", ""},
		{"value", "!string", "A number in digits"}), NULL, false},
	{"MapStatisticItem", "Numbers by a word.", FIELDS(
		{"name", "!string", ""},
		{"type", "!'MapStatisticItem'", ""},
		{"value", "![SimpleStatisticItem]", ""}), NULL, false},
	{"RingStatisticItem", "The most frequent of what was seen; not kept here.", FIELDS(
		{"name", "!string", ""},
		{"type", "!'RingStatisticItem'", ""},
		{"size", "!string", ""},
		{"value", "![SimpleStatisticItem]", ""}), NULL, false},
	{"SimpleStatisticItem", "A number of a map.", FIELDS(
		{"name", "!string", ""},
		{"value", "!string", "A number in digits"}), NULL, false},
	{"Counters", "All that the suite counts.", FIELDS(
		{"time_ns", "!integer", "Since 1970"},
		{"workers", "!integer", ""},
		{"tsc_hz", "![integer]", "A worker each"},
		{"counters", "![Counter]", "Of workers"},
		{"stream", "![Counter]", "Of the stream process"},
		{"ports", "![PortCounters]", ""},
		{"latency", "!Latency", ""}), NULL, false},
	{"Counter", "A counter.", FIELDS(
		{"family", "!string", ""},
		{"label", "!string", ""},
		{"value", "!string", "Of the label"},
		{"unit", "!string", ""},
		{"help", "!string", ""},
		{"sum", "!integer", ""},
		{"workers", "[integer]", "A worker each"}), NULL, false},
	{"PortCounters", "A port, and what it counts.", FIELDS(
		{"port", "!string", ""},
		{"kind", "!string", ""},
		{"up", "!boolean", ""},
		{"mbps", "!integer", ""},
		{"queues", "!integer", ""}), NULL, true},
	{"Latency", "How long answers took.", FIELDS(
		{"samples", "!integer", ""},
		{"mean_ns", "!integer", ""},
		{"p50_ns", "!integer", ""},
		{"p90_ns", "!integer", ""},
		{"p99_ns", "!integer", ""},
		{"p999_ns", "!integer", ""},
		{"buckets", "![LatencyBucket]", "Those that are not empty"}), NULL, false},
	{"LatencyBucket", "Answers that took at most so long.", FIELDS(
		{"up_to_ns", "integer", "Not there: longer than all others"},
		{"n", "!integer", ""}), NULL, false},

	/* --- the suite --- */
	{"Status", "The suite at a glance.", FIELDS(
		{"version", "!string", ""},
		{"uptime_s", "!integer", ""},
		{"ready", "!boolean", ""},
		{"busy", "!boolean", "Zones are being loaded"},
		{"starting", "!boolean", "The arena is being taken over"},
		{"config", "!string?", ""},
		{"run_dir", "!string", ""},
		{"processes", "![Process]", ""},
		{"workers", "!integer", ""},
		{"busy_percent", "![integer]", "A worker each"},
		{"dataplane_phase", "!string", "answering; or in an upgrade or after one that failed: starting, taking-over, standing-in, draining"},
		{"dataplane_started", "!integer", "Seconds since 1970"},
		{"zones", "!{integer}", "How many in which state"},
		{"loading", "Progress", ""},
		{"store", "!StoreState", ""},
		{"arena", "Arena", ""}), NULL, true},
	{"StoreState", "Where zones are kept that are made through the API.", FIELDS(
		{"path", "!string", ""},
		{"open", "!boolean", ""},
		{"error", "string", "Why it is not open"}), NULL, false},
	{"Backend", "An instance of a backend.", FIELDS(
		{"name", "!string", "Of the configuration"},
		{"type", "!string", "lmdb, zonefile, ..."},
		{"description", "!string", ""},
		{"open", "!boolean", ""},
		{"error", "!string", "Why it is not open, or is not well; or nothing"},
		{"capabilities", "![string]", "What it can do: docs/backends.md"},
		{"queued", "!integer", "Calls that wait"},
		{"running_ms", "!integer", "How long the call that runs has run"},
		{"calls", "!integer", ""},
		{"failures", "!integer", "Of them"},
		{"opens", "!integer", "Attempts to open it"}), NULL, false},
	{"Process", "A process of the suite.", FIELDS(
		{"role", "!string", ""},
		{"running", "!boolean", ""},
		{"pid", "!integer", ""}), NULL, false},
	{"Progress", "How far loading is.", FIELDS(
		{"scanning", "!boolean", ""},
		{"done", "!integer", ""},
		{"left", "!integer", ""},
		{"per_second", "!integer", ""},
		{"seconds_left", "integer", ""}), NULL, false},
	{"Arena", "The memory that zones are served from.", FIELDS(
		{"path", "!string", ""},
		{"size_octets", "!integer", ""},
		{"backed_octets", "!integer", ""},
		{"live_octets", "!integer", ""},
		{"page_octets", "!integer", ""},
		{"generation", "!integer", ""}), NULL, false},
	{"Configuration", "The configuration that holds.", FIELDS(
		{"file", "!string?", ""},
		{"config", "!object", "As the file has it, defaults included"}), NULL, false},
	{"ConfigurationOutcome", "What the file changes, or changed.", FIELDS(
		{"file", "string?", ""},
		{"result", "string", ""},
		{"changes", "![ConfigurationChange]", ""},
		{"restart", "![string]", "Processes that must be restarted for it"},
		{"read_us", "!integer", ""},
		{"apply_us", "!integer", ""}), NULL, true},
	{"ConfigurationRefusal", "Why the file was not taken over.", FIELDS(
		{"error", "!string", ""},
		{"errors", "![string]", ""},
		{"changes", "![ConfigurationChange]", ""},
		{"restart", "![string]", ""},
		{"read_us", "!integer", ""},
		{"apply_us", "!integer", ""}), NULL, false},
	{"ConfigurationChange", "A key that changes.", FIELDS(
		{"key", "!string", ""},
		{"before", "!string?", ""},
		{"after", "!string?", ""},
		{"applied", "!boolean", ""},
		{"restart", "![string]", "Processes that must be restarted for it"}), NULL, false},

	/* --- policy --- */
	{"Change", "What was done, and for how long.", FIELDS(
		{"result", "!string", ""},
		{"lasts", "!string", ""}), NULL, false},
	{"AccessList", "Whose queries are answered.", FIELDS(
		{"rules", "![AccessRule]", ""},
		{"default", "!string", "For all others"}), NULL, false},
	{"AccessRule", "A prefix, and what becomes of queries from there.", FIELDS(
		{"prefix", "!string", ""},
		{"action", "!string", ""},
		{"source", "!'configuration'|'runtime'", ""}), NULL, false},
	{"AccessCheck", "What becomes of queries from an address.", FIELDS(
		{"address", "!string", ""},
		{"prefix", "string", "The one that says so"},
		{"source", "!'configuration'|'runtime'|'default'", ""},
		{"action", "!string", ""}), NULL, false},
	{"RateLimits", "Response rate limits.", FIELDS(
		{"enabled", "!boolean", ""},
		{"rate", "!integer", ""},
		{"nxdomain-rate", "!integer", ""},
		{"error-rate", "!integer", ""},
		{"window", "!string", ""},
		{"slip", "!integer", ""},
		{"ipv4-prefix", "!integer", ""},
		{"ipv6-prefix", "!integer", ""},
		{"limit-loopback", "!boolean", ""}), NULL, false},

	/* --- access --- */
	{"TokenLimits", "What a token may do; docs/api-access.md tells more.", FIELDS(
		{"name", "!string", "For logs; no two tokens the same"},
		{"full", "boolean", "Everything"},
		{"zones", "[string]", "example.org., *.example.org. (below), or *"},
		{"owners", "[string]", "Likewise, and _acme-challenge.*; none: all"},
		{"types", "[string]", "RR types; none: all"},
		{"methods", "['GET'|'POST'|'PUT'|'PATCH'|'DELETE']", "GET, unless told"},
		{"server", "boolean", "May read what is no zone's"},
		{"sources", "[string]", "Prefixes that it may be used from; none: all"},
		{"certificate", "string?", "A client certificate's subject (RFC 2253), which needs no secret then"},
		{"expires", "integer?", "Seconds since 1970"}), NULL, false},
	{"Token", "A token, without its secret: its limits, and", FIELDS(
		{"id", "!string", ""},
		{"name", "!string", ""},
		{"created", "!integer", "Seconds since 1970"},
		{"expired", "!boolean", ""},
		{"old_secret_until", "!integer?", "The secret before a rotation is good until then"},
		{"last_used", "!integer?", "Since the control plane runs"}), NULL, true},
	{"NewToken", "A token with its secret, which is told only here.", FIELDS(
		{"id", "!string", ""},
		{"name", "!string", ""},
		{"token", "!string", "What to show in X-API-Key"},
		{"created", "!integer", "Seconds since 1970"},
		{"expired", "!boolean", ""},
		{"old_secret_until", "!integer?", "The secret before a rotation is good until then"},
		{"last_used", "!integer?", "Since the control plane runs"}), NULL, true},
	{"TokenRotation", "How the secret before ends.", FIELDS(
		{"grace", "integer", "Seconds that it stays good; 3600, unless told"}), NULL, false},
	{"AuditPage", "Who did what.", FIELDS(
		{"entries", "![AuditEntry]", "Newest first"},
		{"cursor", "!integer?", "Where the next page begins"}), NULL, false},
	{"AuditEntry", "Something that was done, or refused.", FIELDS(
		{"sequence", "!integer", ""},
		{"at_ms", "!integer", "Since 1970"},
		{"action", "!string", "\"edit\", \"request\", \"token-create\", ..."},
		{"who", "string", "\"unix:USER\", \"api-key\", \"token:NAME\""},
		{"source", "string", "Address"},
		{"zone", "string", ""}), NULL, true},
};
/* clang-format on */
const size_t api_n_schemas = sizeof api_schema / sizeof api_schema[0];
