/* SPDX-License-Identifier: GPL-3.0-or-later */
/* schema: the table of configuration keys. A new key is one row here and one field in config.h. */
#include "config/schema.h"

#include "config/config.h"
#include "shm/policy.h"

#include <string.h>

#define CONFIG_TEXT_MAX 4095u  /* octets of a path or of device arguments */
#define CONFIG_RUN_DIR_MAX 80u /* leaves room for a socket's name in sun_path */
#define CONFIG_ADDRESSES_MAX 256u
#define CONFIG_ZONES_MAX 10000000u
#define CONFIG_BACKENDS_MAX 32u
#define CONFIG_OPTIONS_MAX 4096u    /* of a backend; a long list of zones belongs in a file */
#define CONFIG_PREFIXES_MAX 100000u /* in the file itself; long lists belong in files */

#define AT(member) .offset = offsetof(struct config, member)
#define LIST_AT(member)                                          \
	.list = true, .offset = offsetof(struct config, member), \
	.set_offset = offsetof(struct config, member##_count),   \
	.octets = sizeof(*((struct config *)0)->member)
#define LIVE .change = SCHEMA_LIVE
#define RESTART(processes) .change = (processes)
#define WIDTH(structure, member) .octets = sizeof(((structure *)0)->member)

static const char *const exception_choices[] = {"auto", "tap", "none", NULL};

/* clang-format off */
static const struct schema_key arena_keys[] = {
	{"path", SCHEMA_PATH, RESTART(CONFIG_DATAPLANE | CONFIG_CONTROLPLANE), AT(arena.path), .min = 1, .max = CONFIG_TEXT_MAX,
	 .otherwise = "`arena` in the run directory", .example = "/dev/hugepages/millrace",
	 .help = "File in shared memory from which the workers answer. On hugetlbfs it uses huge pages, "
		 "which makes look-ups in large zones faster."},
	{"size", SCHEMA_SIZE, RESTART(CONFIG_DATAPLANE | CONFIG_CONTROLPLANE), AT(arena.size), .min = 16ull << 20, .max = 1ull << 47, .fallback = "64GiB",
	 .help = "Address space kept for zones; a multiple of 2MiB. The file is sparse: memory is taken "
		 "only as zones need it."},
	{0}
};

static const struct schema_key port_keys[] = {
	{"device", SCHEMA_TEXT, .offset = offsetof(struct config_port, device), .required = true,
	 .min = 1, .max = CONFIG_TEXT_MAX, .example = "0000:01:00.0",
	 .help = "DPDK device arguments: the PCI address of a network card (`0000:01:00.0`), or a virtual "
		 "device (`net_af_xdp0,iface=eth1`, `net_af_packet0,iface=eth1`, `net_memif0,role=client`, "
		 "`net_tap0`)."},
	{"queues", SCHEMA_UINT, .offset = offsetof(struct config_port, queues),
	 WIDTH(struct config_port, queues), .max = 64, .fallback = "0",
	 .help = "Receive and transmit queues; 0: one for each worker."},
	{"ring-size", SCHEMA_UINT, .offset = offsetof(struct config_port, ring_size),
	 WIDTH(struct config_port, ring_size), .max = 32768, .fallback = "0",
	 .help = "Descriptors in a queue; 0: the driver's choice, at least 512."},
	{"addresses", SCHEMA_ADDRESS, .list = true, .offset = offsetof(struct config_port, addresses),
	 .set_offset = offsetof(struct config_port, addresses_count),
	 .octets = sizeof(struct config_address), .entries_max = CONFIG_ADDRESSES_MAX,
	 .otherwise = "any address, port 53", .powerdns = "local-address",
	 .help = "Addresses that are ours on this port; queries to others are not answered."},
	{"mtu", SCHEMA_UINT, .offset = offsetof(struct config_port, mtu), WIDTH(struct config_port, mtu),
	 .max = 9600, .fallback = "0",
	 .help = "Octets of the largest IP packet, 1280 or more; 0: the device's, 1500 as a rule. Jumbo frames need it "
		 "here, and take as much more memory."},
	{"exception", SCHEMA_CHOICE, .offset = offsetof(struct config_port, exception), .choices = exception_choices,
	 .fallback = "auto",
	 .help = "Where packets go that are not DNS queries to `addresses` (ARP, ICMP, TCP, BGP, ...). `tap`: to the "
		 "kernel, through a network interface of its own, the port's twin, and what the kernel sends there "
		 "leaves through the port. `none`: they are dropped and counted. `auto`: `tap` for devices that the "
		 "kernel does not have itself (all but AF_XDP and AF_PACKET), as far as permitted."},
	{"exception-interface", SCHEMA_TEXT, .offset = offsetof(struct config_port, exception_interface),
	 .min = 1, .max = 15, .example = "dns0", .otherwise = "made from the device, such as `mrp1s0f0` or `mrmemif0`",
	 .help = "Name of the twin interface. It stays when the dataplane ends, with its addresses, and is used again; "
		 "`ip link delete NAME` removes it."},
	{0}
};

static const struct schema_key dataplane_keys[] = {
	{"workers", SCHEMA_UINT, RESTART(CONFIG_DATAPLANE | CONFIG_STREAM), AT(dataplane.workers), WIDTH(struct config, dataplane.workers), .min = 1,
	 .max = 64, .otherwise = "one for each entry of `cores`, or 1", .powerdns = "receiver-threads",
	 .help = "Worker threads. Each answers on its own, on a queue of every port."},
	{"cores", SCHEMA_UINT, RESTART(CONFIG_DATAPLANE), LIST_AT(dataplane.cores), .max = 1023, .entries_max = 64,
	 .otherwise = "workers are not pinned, unless there are ports",
	 .help = "CPU numbers that the workers run on, one for each."},
	{"listen", SCHEMA_ADDRESS, RESTART(CONFIG_DATAPLANE), LIST_AT(dataplane.listen), .entries_max = CONFIG_ADDRESSES_MAX,
	 .otherwise = "no kernel sockets", .powerdns = "local-address, local-port",
	 .help = "Addresses to answer on through the kernel's UDP sockets: no privileges or network card "
		 "of our own needed. Without a port number it is 53."},
	{"ports", SCHEMA_SECTION, RESTART(CONFIG_DATAPLANE), LIST_AT(dataplane.ports), .entries_max = 32, .keys = port_keys,
	 .otherwise = "none", .help = "Network devices driven by DPDK, past the kernel."},
	{"eal", SCHEMA_TEXT, RESTART(CONFIG_DATAPLANE), LIST_AT(dataplane.eal), .min = 1, .max = CONFIG_TEXT_MAX, .entries_max = 64,
	 .example = "--socket-mem=1024", .otherwise = "none",
	 .help = "Further arguments for DPDK's environment layer, one an entry."},
	{"huge-pages", SCHEMA_BOOL, RESTART(CONFIG_DATAPLANE), AT(dataplane.huge_pages),
	 .set_offset = offsetof(struct config, dataplane.huge_pages_set), .otherwise = "true if the system has free ones",
	 .help = "Take packet memory from huge pages. Network cards need them."},
	{0}
};

static const struct schema_key stream_keys[] = {
	{"listen", SCHEMA_ADDRESS, RESTART(CONFIG_STREAM), LIST_AT(stream.listen), .entries_max = 2 * CONFIG_ADDRESSES_MAX,
	 .otherwise = "the addresses of `dataplane.listen` and of the ports",
	 .powerdns = "local-address, local-port", .help = "Addresses to answer on over TCP."},
	{"connections-max", SCHEMA_UINT, LIVE, AT(stream.connections_max),
	 WIDTH(struct config, stream.connections_max), .min = 1, .max = 1000000, .fallback = "20000",
	 .powerdns = "max-tcp-connections",
	 .help = "Connections open at a time. When there are more, the one that was idle longest is closed."},
	{"connections-per-client-max", SCHEMA_UINT, LIVE, AT(stream.connections_per_client_max),
	 WIDTH(struct config, stream.connections_per_client_max), .min = 1, .max = 1000000,
	 .fallback = "200", .powerdns = "max-tcp-connections-per-client",
	 .help = "Connections open at a time for one IPv4 address or IPv6 /64."},
	{"queries-per-connection-max", SCHEMA_UINT, LIVE, AT(stream.queries_per_connection_max),
	 WIDTH(struct config, stream.queries_per_connection_max), .min = 1, .max = 65535,
	 .fallback = "100",
	 .help = "Queries in flight on one connection; further ones wait in the kernel."},
	{"idle-timeout", SCHEMA_DURATION, LIVE, AT(stream.idle_timeout_ms), .min = 100, .max = 3600000,
	 .fallback = "10s", .powerdns = "tcp-idle-timeout",
	 .help = "A connection without a query in flight is closed after this time (RFC 7766 6.2.3)."},
	{"read-timeout", SCHEMA_DURATION, LIVE, AT(stream.read_timeout_ms), .min = 100, .max = 3600000,
	 .fallback = "5s",
	 .help = "A message that was begun must be complete within this time."},
	{"write-timeout", SCHEMA_DURATION, LIVE, AT(stream.write_timeout_ms), .min = 100, .max = 3600000,
	 .fallback = "5s", .help = "A response must be taken by the client within this time."},
	{0}
};

static const struct schema_key zone_keys[] = {
	{"zone", SCHEMA_ZONE, .offset = offsetof(struct config_zone, zone), .required = true,
	 .help = "Name of the zone."},
	{"file", SCHEMA_FILE, .offset = offsetof(struct config_zone, file), .required = true, .min = 1,
	 .max = CONFIG_TEXT_MAX, .example = "example.com.zone",
	 .help = "Its zone file. A relative path starts at the folder of the configuration file."},
	{0}
};

static const struct schema_key zones_keys[] = {
	{"list", SCHEMA_SECTION, LIVE, LIST_AT(zones.list), .entries_max = CONFIG_ZONES_MAX, .keys = zone_keys,
	 .otherwise = "none", .powerdns = "bind-config", .help = "Zones, one by one."},
	{"directory", SCHEMA_FILE, LIVE, AT(zones.directory), .min = 1, .max = CONFIG_TEXT_MAX,
	 .example = "/etc/millrace/zones", .otherwise = "none",
	 .help = "Folder of zone files: every file `NAME.zone` in it is the zone NAME. A zone that is "
		 "also in `list` is taken from there."},
	{"watch", SCHEMA_BOOL, LIVE, AT(zones.watch), .fallback = "false", .powerdns = "bind-check-interval",
	 .help = "Load a zone file again when it changes; otherwise only when told to "
		 "(`millracectl zone reload`, SIGHUP)."},
	{"default-ttl", SCHEMA_UINT, LIVE, AT(zones.default_ttl), WIDTH(struct config, zones.default_ttl),
	 .max = INT32_MAX, .fallback = "3600", .powerdns = "default-ttl",
	 .help = "Seconds: TTL of records that have none, in files without $TTL and before the SOA."},
	{"threads", SCHEMA_UINT, LIVE, AT(zones.threads), WIDTH(struct config, zones.threads), .max = 256,
	 .fallback = "0", .help = "Threads that load zones; 0: one for each CPU."},
	{0}
};

static const struct schema_key store_keys[] = {
	{"path", SCHEMA_PATH, RESTART(CONFIG_CONTROLPLANE), AT(store.path), .min = 1, .max = CONFIG_TEXT_MAX,
	 .otherwise = "`store.mdb` in the folder that systemd keeps for the service, else in `/var/lib/millrace` (root) or "
		 "`$XDG_STATE_HOME/millrace` (`~/.local/state/millrace`)",
	 .example = "/var/lib/millrace/store.mdb", .powerdns = "lmdb-filename",
	 .help = "File of the store, and `PATH-lock` beside it. A folder that is missing is made. One control plane uses it at a time. "
		 "On a disk, not on tmpfs: what the API has acknowledged is in it."},
	{0}
};

static const struct schema_key transfer_keys[] = {
	{"timeout", SCHEMA_DURATION, LIVE, AT(transfer.timeout_ms), .min = 100, .max = 3600000, .fallback = "10s",
	 .powerdns = "axfr-fetch-timeout",
	 .help = "A primary must take the connection within this time, and send each message of a transfer, whole and with records, within it of the one "
		 "before; and from the second such time on at least 8 KiB within each, on the average."},
	{"time-max", SCHEMA_DURATION, LIVE, AT(transfer.time_max_ms), .min = 1000, .max = 86400000, .fallback = "10m",
	 .help = "A transfer must have come within this time, from whichever of the zone's primaries."},
	{"octets-max", SCHEMA_SIZE, LIVE, AT(transfer.octets_max), .min = 64ull << 10, .max = 1ull << 40, .fallback = "256MiB",
	 .powerdns = "xfr-max-received-mbytes", .help = "A transfer of more octets is given up."},
	{"records-max", SCHEMA_UINT, LIVE, AT(transfer.records_max), WIDTH(struct config, transfer.records_max), .min = 1,
	 .max = 1000000000, .fallback = "5000000", .help = "A transfer of more records is given up."},
	{"memory-max", SCHEMA_SIZE, LIVE, AT(transfer.memory_max), .min = 1ull << 20, .max = 1ull << 40, .fallback = "1GiB",
	 .help = "A transfer that would take more memory, writing it to the store included, is given up; about 640 octets an RRset. "
		 "All transfers together take `parallel` times as much at most."},
	{"parallel", SCHEMA_UINT, LIVE, AT(transfer.parallel), WIDTH(struct config, transfer.parallel), .min = 1, .max = 64,
	 .fallback = "2", .powerdns = "retrieval-threads", .help = "Transfers at a time; further ones wait. "
		 "Primaries take turns, and while zones of others wait, the zones of one address have all places but one at most."},
	{0}
};

static const struct schema_key answers_keys[] = {
	{"udp-payload-max", SCHEMA_UINT, LIVE, AT(answers.udp_payload_max),
	 WIDTH(struct config, answers.udp_payload_max), .min = 512, .max = 4096, .fallback = "1232",
	 .powerdns = "udp-truncation-threshold",
	 .help = "Octets of the largest UDP response, whatever a client offers (EDNS, RFC 6891)."},
	{"nsid", SCHEMA_NSID, LIVE, AT(answers.nsid), .min = 1, .max = 255, .otherwise = "no NSID option",
	 .powerdns = "server-id",
	 .help = "Name server identifier for clients that ask (RFC 5001): text, or `0x` and hex digits."},
	{"version", SCHEMA_TEXT, LIVE, AT(answers.version), .min = 1, .max = 255, .example = "Millrace",
	 .otherwise = "refused", .powerdns = "version-string",
	 .help = "Answer to `version.bind. CH TXT` and `version.server.`"},
	{"identity", SCHEMA_TEXT, LIVE, AT(answers.identity), .min = 1, .max = 255, .example = "ns1-fra",
	 .otherwise = "refused", .powerdns = "server-id",
	 .help = "Answer to `id.server. CH TXT` and `hostname.bind.` (RFC 4892)."},
	{"cookies", SCHEMA_BOOL, LIVE, AT(answers.cookies), .fallback = "true",
	 .help = "Answer DNS cookies (RFC 7873, RFC 9018)."},
	{"cookie-secret", SCHEMA_SECRET, LIVE, AT(answers.cookie_secret),
	 .set_offset = offsetof(struct config, answers.cookie_secret_set),
	 .otherwise = "random at each start", .powerdns = "edns-cookie-secret",
	 .help = "Secret from which server cookies are made; the same on every server of an anycast set."},
	{"cookie-secret-old", SCHEMA_SECRET, LIVE, AT(answers.cookie_secret_old),
	 .set_offset = offsetof(struct config, answers.cookie_secret_old_set), .otherwise = "none",
	 .help = "The secret before this one. Cookies made with it are counted apart (cookies_total), which shows when no client has one any more."},
	{0}
};

static const char *const action_words[] = {
#define X(id, word) (word),
	POLICY_ACTION_LIST(X)
#undef X
	NULL
};

static const struct schema_key acl_rule_keys[] = {
	{"action", SCHEMA_CHOICE, .offset = offsetof(struct config_acl_rule, action), .required = true,
	 .choices = action_words,
	 .help = "What becomes of queries from these prefixes. `deny`: no response. `refuse`: REFUSED. "
		 "`tcp-only`: over UDP the answer is TC and nothing else, so that only who can use TCP is "
		 "answered. `unlimited`: answered, and not rate limited. `allow`: answered."},
	{"prefixes", SCHEMA_PREFIX, .list = true, .offset = offsetof(struct config_acl_rule, prefixes),
	 .set_offset = offsetof(struct config_acl_rule, prefixes_count),
	 .octets = sizeof(struct config_prefix), .entries_max = CONFIG_PREFIXES_MAX, .otherwise = "none",
	 .powerdns = "allow-from (Recursor), setACL (dnsdist)",
	 .help = "Client addresses. Where prefixes lie within one another the longest decides. IPv6 prefixes "
		 "do not concern IPv4: `0.0.0.0/0` is all of it, `::/0` all of IPv6."},
	{"file", SCHEMA_FILE, .offset = offsetof(struct config_acl_rule, file), .min = 1, .max = CONFIG_TEXT_MAX,
	 .example = "/etc/millrace/denied.prefixes", .otherwise = "none", .powerdns = "allow-from-file (Recursor)",
	 .help = "And those in this file: one prefix a line, `#` and `;` begin comments. A relative path "
		 "starts at the folder of the configuration file. Read at start, with every reload of the configuration, and with `millracectl acl reload`."},
	{0}
};

static const struct schema_key acl_keys[] = {
	{"default", SCHEMA_CHOICE, LIVE, AT(acl.default_action), .fallback = "allow", .choices = action_words,
	 .help = "What becomes of queries from addresses that no prefix matches; see `rules[].action`."},
	{"rules", SCHEMA_SECTION, LIVE, LIST_AT(acl.rules), .entries_max = 1024, .keys = acl_rule_keys,
	 .otherwise = "none", .help = "Prefixes and what becomes of queries from there. Their order does not count."},
	{0}
};

static const struct schema_key rrl_keys[] = {
	{"enabled", SCHEMA_BOOL, LIVE, AT(rrl.enabled), .fallback = "true",
	 .help = "Limit how many UDP responses go to one client prefix. Queries with a valid cookie and TCP are never "
		 "limited."},
	{"rate", SCHEMA_UINT, LIVE, AT(rrl.rate), WIDTH(struct config, rrl.rate), .max = POLICY_RATE_MAX,
	 .fallback = "1000", .powerdns = "MaxQPSIPRule (dnsdist)",
	 .help = "Responses a second for one client prefix; 0: no limit. It is the machine's: with n workers each gives "
		 "an n-th of it."},
	{"nxdomain-rate", SCHEMA_UINT, LIVE, AT(rrl.nxdomain_rate), WIDTH(struct config, rrl.nxdomain_rate),
	 .max = POLICY_RATE_MAX, .fallback = "1000", .help = "The same for NXDOMAIN, which is counted apart."},
	{"error-rate", SCHEMA_UINT, LIVE, AT(rrl.error_rate), WIDTH(struct config, rrl.error_rate),
	 .max = POLICY_RATE_MAX, .fallback = "1000",
	 .help = "The same for REFUSED, FORMERR, SERVFAIL and NOTIMP, which are counted together and apart from others."},
	{"window", SCHEMA_DURATION, LIVE, AT(rrl.window_ms), .min = 1, .max = POLICY_WINDOW_MAX_MS, .fallback = "1s",
	 .help = "A prefix that was quiet may get what its rate allows for this time at once."},
	{"slip", SCHEMA_UINT, LIVE, AT(rrl.slip), WIDTH(struct config, rrl.slip), .max = 100, .fallback = "1",
	 .help = "Each how manieth response over the limit is sent with TC and without records, so that a client whose "
		 "address is real comes back over TCP; the others are dropped. 1: all, 0: none."},
	{"ipv4-prefix", SCHEMA_UINT, LIVE, AT(rrl.ipv4_prefix), WIDTH(struct config, rrl.ipv4_prefix), .min = 1,
	 .max = 32, .fallback = "24", .help = "Bits of an IPv4 address that make its client prefix."},
	{"ipv6-prefix", SCHEMA_UINT, LIVE, AT(rrl.ipv6_prefix), WIDTH(struct config, rrl.ipv6_prefix), .min = 1,
	 .max = POLICY_V6_BITS_MAX, .fallback = "56", .help = "And of an IPv6 address."},
	{"limit-loopback", SCHEMA_BOOL, LIVE, AT(rrl.limit_loopback), .fallback = "false",
	 .help = "Limit 127.0.0.0/8 and ::1 too, which otherwise are not: nobody else can send from there."},
	{0}
};

static const struct schema_key metrics_keys[] = {
	{"listen", SCHEMA_ADDRESS, LIST_AT(metrics.listen), RESTART(CONFIG_CONTROLPLANE), .entries_max = 8, .max = 9453,
	 .otherwise = "nobody listens", .powerdns = "webserver-address, webserver-port",
	 .help = "Addresses to serve `/metrics`, `/health/live` and `/health/ready` on over HTTP, and nothing "
		 "else: for Prometheus and for probes. Without a port number it is 9453."},
	{"allow-from", SCHEMA_PREFIX, LIST_AT(metrics.allow_from), RESTART(CONFIG_CONTROLPLANE), .entries_max = 64,
	 .otherwise = "127.0.0.0/8 and ::1", .powerdns = "webserver-allow-from",
	 .help = "Who may ask there. Connections from elsewhere are closed at once."},
	{0}
};

static const struct schema_key api_keys[] = {
	{"listen", SCHEMA_ADDRESS, RESTART(CONFIG_CONTROLPLANE), LIST_AT(api.listen), .entries_max = 8, .max = 8081,
	 .otherwise = "nobody listens", .powerdns = "api, webserver, webserver-address, webserver-port",
	 .help = "Addresses to serve the HTTP API on, besides its unix socket. Without a port number it is 8081. Whoever asks "
		 "there must show `key` or a token (`docs/api-access.md`)."},
	{"key", SCHEMA_PASSWORD, LIVE, AT(api.key), .min = 1, .max = 512, .otherwise = "only tokens are accepted",
	 .powerdns = "api-key",
	 .help = "Whoever shows this in the header `X-API-Key` may do everything: the key itself, or its hash as "
		 "`pdnsutil hash-password` makes it (`$scrypt$...`)."},
	{"allow-from", SCHEMA_PREFIX, LIVE, LIST_AT(api.allow_from), .entries_max = 1024,
	 .otherwise = "127.0.0.0/8 and ::1", .powerdns = "webserver-allow-from",
	 .help = "Who may connect to `listen`. Connections from elsewhere are closed before an octet is read."},
	{"max-body", SCHEMA_SIZE, LIVE, AT(api.max_body), .min = 1024, .max = 1 << 30, .fallback = "2MiB",
	 .powerdns = "webserver-max-bodysize",
	 .help = "The longest body of a request. All requests together may have 32 times as much in memory."},
	{"max-import", SCHEMA_SIZE, LIVE, AT(api.max_import), .min = 1024, .max = 1ull << 40, .fallback = "4GiB",
	 .help = "The longest zone file that may be imported (`millracectl zone import`). While it is sent it lies in the folder of "
		 "the store; of those who may not change the zone nothing is taken. Two may be under way at a time."},
	{"connections-max", SCHEMA_UINT, RESTART(CONFIG_CONTROLPLANE), AT(api.connections_max), WIDTH(struct config, api.connections_max),
	 .min = 1, .max = 10000, .fallback = "100", .powerdns = "webserver-max-concurrent-connections",
	 .help = "Connections open at a time over `listen`. The unix socket has 100 of its own."},
	{"connections-per-client-max", SCHEMA_UINT, LIVE, AT(api.connections_per_client_max),
	 WIDTH(struct config, api.connections_per_client_max), .min = 1, .max = 10000, .fallback = "64",
	 .help = "The same for one IPv4 address or IPv6 /64."},
	{"timeout", SCHEMA_DURATION, LIVE, AT(api.timeout_ms), .min = 100, .max = 3600000, .fallback = "5s",
	 .powerdns = "webserver-connection-timeout",
	 .help = "Over `listen`: a TLS handshake, the header of a request, and the time between requests take at most this "
		 "long. Bodies and answers must move at 16 KiB a second beyond it."},
	{"tls-certificate", SCHEMA_FILE, LIVE, AT(api.tls_certificate), .min = 1, .max = CONFIG_TEXT_MAX,
	 .example = "/etc/millrace/api.crt", .otherwise = "plain HTTP",
	 .help = "Certificate (PEM) and what leads to its CA: `listen` speaks TLS (1.2 and 1.3) and nothing else. A reload "
		 "reads it anew, and connections that are open stay."},
	{"tls-key", SCHEMA_FILE, LIVE, AT(api.tls_key), .min = 1, .max = CONFIG_TEXT_MAX,
	 .example = "/etc/millrace/api.key", .otherwise = "none",
	 .help = "Its private key (PEM, without a passphrase)."},
	{"tls-client-ca", SCHEMA_FILE, LIVE, AT(api.tls_client_ca), .min = 1, .max = CONFIG_TEXT_MAX,
	 .example = "/etc/millrace/clients.crt", .otherwise = "clients need no certificate",
	 .help = "CA certificates (PEM): clients must show a certificate of one of these, besides the key or a token. A token "
		 "that names the certificate's subject needs no other proof."},
	{"extensions", SCHEMA_BOOL, LIVE, AT(api.extensions), .fallback = "false",
	 .help = "Offer what PowerDNS's API has not: `limit` and `cursor` in the list of zones, `ETag` and "
		 "`If-Match`. A request with `X-Millrace-Extensions: true` has them in any case."},
	{"cors-origin", SCHEMA_TEXT, LIVE, AT(api.cors_origin), .min = 1, .max = 255, .example = "https://ui.example.net",
	 .otherwise = "browsers' scripts of other origins are not answered", .powerdns = "webserver-cross-origin-request-header",
	 .help = "Origin whose scripts may use the API in a browser, or `*`."},
	{0}
};

static const struct schema_key backend_option_keys[] = {
	{"name", SCHEMA_TEXT, .offset = offsetof(struct config_backend_option, name), .required = true,
	 .min = 1, .max = 64, .example = "named-conf",
	 .help = "Name of the option; docs/backends.md lists those of each backend."},
	{"value", SCHEMA_TEXT, .offset = offsetof(struct config_backend_option, value), .max = CONFIG_TEXT_MAX,
	 .otherwise = "`secret` has it", .example = "/etc/bind/named.conf",
	 .help = "Its value. A path must be absolute."},
	{"secret", SCHEMA_PASSWORD, .offset = offsetof(struct config_backend_option, secret), .max = CONFIG_TEXT_MAX,
	 .otherwise = "`value` has it", .example = "a password",
	 .help = "The value of an option that is a secret. It is never shown."},
	{0}
};

static const struct schema_key backend_keys[] = {
	{"name", SCHEMA_TEXT, .offset = offsetof(struct config_backend, name), .required = true,
	 .min = 1, .max = 32, .example = "files",
	 .help = "What this instance is called: in messages and in the API. Small letters, digits and '-'."},
	{"type", SCHEMA_TEXT, .offset = offsetof(struct config_backend, type), .required = true,
	 .min = 1, .max = 32, .example = "zonefile",
	 .help = "Which backend: `zonefile`, `lmdb`, or another one whose `backend_TYPE.so` is in `backend-directory`."},
	{"options", SCHEMA_SECTION, .list = true, .offset = offsetof(struct config_backend, options),
	 .set_offset = offsetof(struct config_backend, options_count),
	 .octets = sizeof(struct config_backend_option), .entries_max = CONFIG_OPTIONS_MAX,
	 .keys = backend_option_keys, .otherwise = "none", .help = "What it is told."},
	{0}
};

const struct schema_key schema_root[] = {
	{"run-dir", SCHEMA_PATH, RESTART(CONFIG_ALL), AT(run_dir), .min = 1, .max = CONFIG_RUN_DIR_MAX,
	 .fallback = "/run/millrace", .powerdns = "socket-dir",
	 .help = "Folder for sockets and shared memory; should be on tmpfs. One for each suite that runs."},
	{"user", SCHEMA_TEXT, RESTART(CONFIG_ALL), AT(user), .min = 1, .max = 32, .example = "millrace",
	 .otherwise = "the user that started it", .powerdns = "setuid, setgid",
	 .help = "User that the processes become, with its groups and without capabilities, once they have "
		 "opened what needs privileges."},
	{"chroot", SCHEMA_PATH, RESTART(CONFIG_ALL), AT(chroot), .min = 1, .max = CONFIG_RUN_DIR_MAX, .otherwise = "none",
	 .example = "/srv/millrace", .powerdns = "chroot",
	 .help = "Folder that becomes the root folder of the processes when they have opened what lies outside "
		 "(`/`: no change); needs `user`. Paths in this file are written as they are outside; `run-dir`, `arena.path`, "
		 "`store.path` and the zone files must lie below it. Not with systemd's units, which shut the file system off by "
		 "other means. A reload needs the configuration below it as well."},
	{"log-level", SCHEMA_LOG_LEVEL, LIVE, AT(log_level), .fallback = "info", .powerdns = "loglevel",
	 .help = "The least important messages that are still written."},
	{"arena", SCHEMA_SECTION, .keys = arena_keys, .help = "Shared memory that holds the zones."},
	{"dataplane", SCHEMA_SECTION, .keys = dataplane_keys,
	 .help = "The process that answers: worker cores and where they receive."},
	{"stream", SCHEMA_SECTION, .keys = stream_keys, .help = "The process that terminates TCP."},
	{"zones", SCHEMA_SECTION, .keys = zones_keys, .help = "What is served."},
	{"store", SCHEMA_SECTION, .keys = store_keys,
	 .help = "Where the zones are kept that are made and changed through the API (docs/zones.md)."},
	{"transfer", SCHEMA_SECTION, .keys = transfer_keys,
	 .help = "What secondary zones may take when they are retrieved from their primaries (docs/transfer.md)."},
	{"answers", SCHEMA_SECTION, .keys = answers_keys, .help = "How it is answered."},
	{"acl", SCHEMA_SECTION, .keys = acl_keys, .help = "Who is answered."},
	{"rrl", SCHEMA_SECTION, .keys = rrl_keys, .help = "How much of it: response rate limiting."},
	{"api", SCHEMA_SECTION, .keys = api_keys,
	 .help = "The HTTP API over TCP. On its unix socket, which `millracectl` uses, it is always there."},
	{"backends", SCHEMA_SECTION, RESTART(CONFIG_CONTROLPLANE), LIST_AT(backends), .entries_max = CONFIG_BACKENDS_MAX,
	 .keys = backend_keys, .otherwise = "none", .powerdns = "launch",
	 .help = "Where further zones come from, beside `zones` and the store. One entry is one instance of a backend; "
		 "there may be several of one type."},
	{"backend-directory", SCHEMA_PATH, RESTART(CONFIG_CONTROLPLANE), AT(backend_directory), .min = 1, .max = CONFIG_TEXT_MAX,
	 .otherwise = "where they were installed", .example = "/usr/lib/millrace/backends", .powerdns = "module-dir",
	 .help = "Folder of the backends' shared objects. What lies in it becomes part of the control plane: nobody but root "
		 "should be able to write to it."},
	{"metrics", SCHEMA_SECTION, .keys = metrics_keys,
	 .help = "Figures for Prometheus, and health for probes. The API on its unix socket has them in any case."},
	{0}
};
/* clang-format on */

unsigned
schema_count(const struct schema_key *keys)
{
	unsigned n = 0;

	while (keys[n].name)
		n++;
	return n;
}

const struct schema_key *
schema_find(const struct schema_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}
