/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters: one block per worker, plain 64-bit adds by that worker only; whoever reads sums them.
 * COUNTERS is the single list: enum, metric names, labels, units and help all come from it.
 * Rows are appended within their family. Programs of two versions tell their counters by key, not
 * by number (hub_layout.h), so the list may change freely as long as it fits HUB_COUNTERS_MAX. */
#pragma once
#include <stdint.h>

/* X(id, family, label, value, unit, help): family becomes the metric millrace_<family>, with the
 * label pair when label is not "". One family is one run of rows with the same help. */
#define COUNTERS(X)                                                                                \
	X(Q_UDP4, "queries_total", "transport", "udp4", "queries",                                 \
		"Queries received, by transport.")                                                 \
	X(Q_UDP6, "queries_total", "transport", "udp6", "queries",                                 \
		"Queries received, by transport.")                                                 \
	X(Q_TCP4, "queries_total", "transport", "tcp4", "queries",                                 \
		"Queries received, by transport.")                                                 \
	X(Q_TCP6, "queries_total", "transport", "tcp6", "queries",                                 \
		"Queries received, by transport.")                                                 \
	X(OP_QUERY, "opcodes_total", "opcode", "QUERY", "queries", "Queries received, by opcode.") \
	X(OP_IQUERY, "opcodes_total", "opcode", "IQUERY", "queries",                               \
		"Queries received, by opcode.")                                                    \
	X(OP_STATUS, "opcodes_total", "opcode", "STATUS", "queries",                               \
		"Queries received, by opcode.")                                                    \
	X(OP_NOTIFY, "opcodes_total", "opcode", "NOTIFY", "queries",                               \
		"Queries received, by opcode.")                                                    \
	X(OP_UPDATE, "opcodes_total", "opcode", "UPDATE", "queries",                               \
		"Queries received, by opcode.")                                                    \
	X(OP_DSO, "opcodes_total", "opcode", "DSO", "queries", "Queries received, by opcode.")     \
	X(OP_OTHER, "opcodes_total", "opcode", "other", "queries", "Queries received, by opcode.") \
	X(T_A, "qtypes_total", "qtype", "A", "queries", "Questions received, by type.")            \
	X(T_NS, "qtypes_total", "qtype", "NS", "queries", "Questions received, by type.")          \
	X(T_CNAME, "qtypes_total", "qtype", "CNAME", "queries", "Questions received, by type.")    \
	X(T_SOA, "qtypes_total", "qtype", "SOA", "queries", "Questions received, by type.")        \
	X(T_PTR, "qtypes_total", "qtype", "PTR", "queries", "Questions received, by type.")        \
	X(T_MX, "qtypes_total", "qtype", "MX", "queries", "Questions received, by type.")          \
	X(T_TXT, "qtypes_total", "qtype", "TXT", "queries", "Questions received, by type.")        \
	X(T_AAAA, "qtypes_total", "qtype", "AAAA", "queries", "Questions received, by type.")      \
	X(T_SRV, "qtypes_total", "qtype", "SRV", "queries", "Questions received, by type.")        \
	X(T_NAPTR, "qtypes_total", "qtype", "NAPTR", "queries", "Questions received, by type.")    \
	X(T_DS, "qtypes_total", "qtype", "DS", "queries", "Questions received, by type.")          \
	X(T_DNSKEY, "qtypes_total", "qtype", "DNSKEY", "queries", "Questions received, by type.")  \
	X(T_TLSA, "qtypes_total", "qtype", "TLSA", "queries", "Questions received, by type.")      \
	X(T_CDS, "qtypes_total", "qtype", "CDS", "queries", "Questions received, by type.")        \
	X(T_SVCB, "qtypes_total", "qtype", "SVCB", "queries", "Questions received, by type.")      \
	X(T_HTTPS, "qtypes_total", "qtype", "HTTPS", "queries", "Questions received, by type.")    \
	X(T_CAA, "qtypes_total", "qtype", "CAA", "queries", "Questions received, by type.")        \
	X(T_ANY, "qtypes_total", "qtype", "ANY", "queries", "Questions received, by type.")        \
	X(T_AXFR, "qtypes_total", "qtype", "AXFR", "queries", "Questions received, by type.")      \
	X(T_IXFR, "qtypes_total", "qtype", "IXFR", "queries", "Questions received, by type.")      \
	X(T_OTHER, "qtypes_total", "qtype", "other", "queries", "Questions received, by type.")    \
	X(R_NOERROR, "responses_total", "rcode", "NOERROR", "responses",                           \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_FORMERR, "responses_total", "rcode", "FORMERR", "responses",                           \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_SERVFAIL, "responses_total", "rcode", "SERVFAIL", "responses",                         \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_NXDOMAIN, "responses_total", "rcode", "NXDOMAIN", "responses",                         \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_NOTIMP, "responses_total", "rcode", "NOTIMP", "responses",                             \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_REFUSED, "responses_total", "rcode", "REFUSED", "responses",                           \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_YXDOMAIN, "responses_total", "rcode", "YXDOMAIN", "responses",                         \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_BADVERS, "responses_total", "rcode", "BADVERS", "responses",                           \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(R_OTHER, "responses_total", "rcode", "other", "responses",                               \
		"Responses made, by RCODE; dropped ones count too.")                               \
	X(TRUNCATED, "truncated_total", "", "", "responses", "Responses sent with TC set.")        \
	X(REFERRALS, "referrals_total", "", "", "responses", "Responses that were referrals.")     \
	X(IMAGE_DAMAGED, "image_damaged_total", "", "", "queries",                                 \
		"Queries answered SERVFAIL because a zone image failed a bounds check.")           \
	X(COOKIE_NEW, "cookies_total", "cookie", "none-yet", "queries",                            \
		"Queries with a COOKIE option, by what its server cookie was worth.")              \
	X(COOKIE_VALID, "cookies_total", "cookie", "valid", "queries",                             \
		"Queries with a COOKIE option, by what its server cookie was worth.")              \
	X(COOKIE_VALID_OLD, "cookies_total", "cookie", "valid-old-secret", "queries",              \
		"Queries with a COOKIE option, by what its server cookie was worth.")              \
	X(COOKIE_INVALID, "cookies_total", "cookie", "invalid", "queries",                         \
		"Queries with a COOKIE option, by what its server cookie was worth.")              \
	X(D_SHORT, "drops_total", "reason", "short", "packets",                                    \
		"Packets not answered, by reason.")                                                \
	X(D_RESPONSE, "drops_total", "reason", "response", "packets",                              \
		"Packets not answered, by reason.")                                                \
	X(D_PORT0, "drops_total", "reason", "source-port-0", "packets",                            \
		"Packets not answered, by reason.")                                                \
	X(D_NOT_IP, "drops_total", "reason", "not-ip", "packets",                                  \
		"Packets not answered, by reason.")                                                \
	X(D_NOT_UDP, "drops_total", "reason", "not-udp", "packets",                                \
		"Packets not answered, by reason.")                                                \
	X(D_NOT_OURS, "drops_total", "reason", "not-our-address", "packets",                       \
		"Packets not answered, by reason.")                                                \
	X(D_IP_HEADER, "drops_total", "reason", "ip-header", "packets",                            \
		"Packets not answered, by reason.")                                                \
	X(D_IP_CHECKSUM, "drops_total", "reason", "ip-checksum", "packets",                        \
		"Packets not answered, by reason.")                                                \
	X(D_UDP_LENGTH, "drops_total", "reason", "udp-length", "packets",                          \
		"Packets not answered, by reason.")                                                \
	X(D_UDP_CHECKSUM, "drops_total", "reason", "udp-checksum", "packets",                      \
		"Packets not answered, by reason.")                                                \
	X(D_FRAGMENT, "drops_total", "reason", "fragment", "packets",                              \
		"Packets not answered, by reason.")                                                \
	X(D_EXTENSION, "drops_total", "reason", "ipv6-extension-headers", "packets",               \
		"Packets not answered, by reason.")                                                \
	X(D_MULTI_SEGMENT, "drops_total", "reason", "multi-segment", "packets",                    \
		"Packets not answered, by reason.")                                                \
	X(D_SOURCE_ADDRESS, "drops_total", "reason", "source-address", "packets",                  \
		"Packets not answered, by reason.")                                                \
	X(D_TX_FULL, "drops_total", "reason", "transmit-full", "packets",                          \
		"Packets not answered, by reason.")                                                \
	X(D_RING_DAMAGED, "drops_total", "reason", "ring-damaged", "packets",                      \
		"Packets not answered, by reason.")                                                \
	X(D_ACL, "drops_total", "reason", "acl-deny", "packets",                                   \
		"Packets not answered, by reason.")                                                \
	X(D_RATE_LIMIT, "drops_total", "reason", "rate-limit", "packets",                          \
		"Packets not answered, by reason.")                                                \
	X(D_EXCEPTION_FULL, "drops_total", "reason", "exception-full", "packets",                  \
		"Packets not answered, by reason.")                                                \
	X(D_EXCEPTION_REFUSED, "drops_total", "reason", "exception-refused", "packets",            \
		"Packets not answered, by reason.")                                                \
	X(EXCEPTION_TO_KERNEL, "exception_packets_total", "direction", "to-kernel", "packets",     \
		"Packets that passed between a port and its twin interface in the kernel.")        \
	X(EXCEPTION_FROM_KERNEL, "exception_packets_total", "direction", "from-kernel", "packets", \
		"Packets that passed between a port and its twin interface in the kernel.")        \
	X(TCP_REFUSED, "tcp_refused_total", "", "", "connections",                                 \
		"TCP connections to addresses of a port with a twin interface that the kernel "    \
		"refused, as the stream process was not there.")                                   \
	X(SPREAD_GIVEN, "spread_packets_total", "", "", "packets",                                 \
		"Packets that a worker with too much to do handed on to others.")                  \
	X(ACL_DENY, "acl_total", "action", "deny", "queries",                                      \
		"Queries that the access list kept from being answered as usual, by action.")      \
	X(ACL_REFUSE, "acl_total", "action", "refuse", "queries",                                  \
		"Queries that the access list kept from being answered as usual, by action.")      \
	X(ACL_TCP_ONLY, "acl_total", "action", "tcp-only", "queries",                              \
		"Queries that the access list kept from being answered as usual, by action.")      \
	X(RRL_DROP, "rrl_total", "action", "drop", "responses",                                    \
		"UDP responses that rate limiting dropped, cut down to TC, or spared for a "       \
		"cookie.")                                                                         \
	X(RRL_SLIP, "rrl_total", "action", "slip", "responses",                                    \
		"UDP responses that rate limiting dropped, cut down to TC, or spared for a "       \
		"cookie.")                                                                         \
	X(RRL_COOKIE, "rrl_total", "action", "exempt-cookie", "responses",                         \
		"UDP responses that rate limiting dropped, cut down to TC, or spared for a "       \
		"cookie.")                                                                         \
	X(RX_PACKETS, "rx_packets_total", "", "", "packets", "Packets taken from ports.")          \
	X(RX_OCTETS, "rx_bytes_total", "", "", "bytes", "DNS octets in queries.")                  \
	X(TX_PACKETS, "tx_packets_total", "", "", "packets", "Responses handed to ports.")         \
	X(TX_OCTETS, "tx_bytes_total", "", "", "bytes", "DNS octets in responses.")                \
	X(BURSTS, "bursts_total", "", "", "bursts", "Bursts with at least one packet.")            \
	X(BUSY_CYCLES, "busy_cycles_total", "", "", "cycles",                                      \
		"TSC cycles spent on bursts with at least one packet.")                            \
	X(POLLS_EMPTY, "polls_empty_total", "", "", "polls",                                       \
		"Polls of all ports that found nothing.")                                          \
	X(SLEEPS, "sleeps_total", "", "", "sleeps", "Times that an idle worker slept.")            \
	X(CAPTURED, "captured_packets_total", "", "", "packets",                                   \
		"Packets copied for `millracectl capture`.")                                       \
	X(CAPTURE_LOST, "capture_lost_total", "", "", "packets",                                   \
		"Packets that should have been captured, but the ring was full.")

enum counter {
#define X(id, family, label, value, unit, help) CTR_##id,
	COUNTERS(X)
#undef X
		CTR_N,
};

struct counters {
	_Alignas(64) uint64_t v[CTR_N];
};

struct counter_info {
	const char *family, *label, *value, *unit, *help;
};

/** The table's rows, in the order of enum counter. */
extern const struct counter_info counter_info[CTR_N];

/** What a row is known by in the hub, whatever its number: a hash of family, label and value. */
uint64_t counter_key(const struct counter_info *c);

#define COUNTER_NONE UINT16_MAX

/**
 * Where a writer keeps a counter.
 * @param key   the writer's rows, n of them
 * @param hint  where it is if the writer's table is like ours
 * @return index, or COUNTER_NONE
 */
uint16_t counter_find(const uint64_t *key, unsigned n, const struct counter_info *c, unsigned hint);

static inline void
counter_add(struct counters *c, enum counter id, uint64_t n)
{
	/* one writer; readers in other processes must see whole words, no more */
	__atomic_store_n(&c->v[id], c->v[id] + n, __ATOMIC_RELAXED);
}

static inline uint64_t
counter_get(const struct counters *c, enum counter id)
{
	return __atomic_load_n(&c->v[id], __ATOMIC_RELAXED);
}
