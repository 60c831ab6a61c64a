/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame: checks of Ethernet, IP and UDP headers, and their making. Every octet of the input is the
 * internet's; every loop over it has a bound that frame.h names. */
#include "dataplane/ports/frame.h"

#include "dataplane/ports/frame_octets.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>

#define unlikely(x) __builtin_expect(!!(x), 0)

#define IP4_DONT_FRAGMENT 0x4000u
#define RESPONSE_TTL 64u

/* IPv6 extension headers (RFC 8200 4) */
enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_ESP = 50,
	NEXT_AUTHENTICATION = 51,
	NEXT_NONE = 59,
	NEXT_DESTINATION = 60,
	NEXT_MOBILITY = 135,
	NEXT_HIP = 139,
	NEXT_SHIM6 = 140
};

const enum counter frame_verdict_counter[FRAME_VERDICTS] = {
	[FRAME_QUERY] = CTR_N,
	[FRAME_NOT_IP] = CTR_D_NOT_IP,
	[FRAME_NOT_UDP] = CTR_D_NOT_UDP,
	[FRAME_NOT_OURS] = CTR_D_NOT_OURS,
	[FRAME_IP_HEADER] = CTR_D_IP_HEADER,
	[FRAME_IP_CHECKSUM] = CTR_D_IP_CHECKSUM,
	[FRAME_UDP_LENGTH] = CTR_D_UDP_LENGTH,
	[FRAME_UDP_CHECKSUM] = CTR_D_UDP_CHECKSUM,
	[FRAME_FRAGMENT] = CTR_D_FRAGMENT,
	[FRAME_EXTENSION] = CTR_D_EXTENSION,
	[FRAME_SOURCE_ADDRESS] = CTR_D_SOURCE_ADDRESS,
	[FRAME_PORT0] = CTR_D_PORT0,
};

/* Sum of the pseudo-header. addresses: source and destination, in one piece. */
static inline uint64_t
sum_pseudo(const uint8_t *addresses, unsigned octets, uint32_t udp_len)
{
	return sum_words(addresses, octets, (uint64_t)htons((uint16_t)udp_len) + htons(IP_UDP));
}

static bool
udp_checksum_ok(const uint8_t *udp, uint32_t len, uint64_t pseudo, unsigned flags)
{
	if (sum_fold(sum_octets(udp, len, pseudo)) == 0xffff)
		return true;
	return (flags & FRAME_PARTIAL_OK) && load16(udp + 6) == sum_fold(pseudo);
}

/* The UDP header at `at`: common to both versions once the addresses are known to be good. */
static inline enum frame_verdict
check_udp(const uint8_t *frame, uint32_t at, uint32_t octets, const uint8_t *addresses, bool ip6,
	unsigned flags, struct frame_info *out)
{
	const uint8_t *udp = frame + at;
	unsigned len = get16(udp + 4);

	if (unlikely(load16(udp) == 0))
		return FRAME_PORT0;
	if (unlikely(len < FRAME_UDP_HEADER || len > octets))
		return FRAME_UDP_LENGTH;
	if (load16(udp + 6) == 0) {
		/* none was made: allowed over IPv4 (RFC 768), not over IPv6 (RFC 8200 8.1) */
		if (ip6)
			return FRAME_UDP_CHECKSUM;
	} else if (!(flags & FRAME_UDP_GOOD) &&
		   unlikely(!udp_checksum_ok(
			   udp, len, sum_pseudo(addresses, ip6 ? 32 : 8, len), flags))) {
		return FRAME_UDP_CHECKSUM;
	}
	out->dns_at = (uint16_t)(at + FRAME_UDP_HEADER);
	out->dns_len = (uint16_t)(len - FRAME_UDP_HEADER);
	out->ip6 = ip6;
	return FRAME_QUERY;
}

/* Ours to answer? And from an address that may ask? (RFC 1122 3.2.1.3) */
static enum frame_verdict
check_addresses4(const struct frame_filter *f, uint32_t src_be, uint32_t dst_be, uint16_t port_be)
{
	uint32_t src = ntohl(src_be), dst = ntohl(dst_be);
	bool ours = false, own = false;

	if (dst >> 28 == 0xe || dst == 0xffffffff || dst >> 24 == 127 || dst >> 24 == 0)
		return FRAME_NOT_OURS;
	if (f->n_ip4 + f->n_ip6 == 0)
		ours = port_be == htons(FRAME_DNS_PORT);
	for (unsigned i = 0; i < f->n_ip4; i++) {
		uint32_t a = f->ip4[i].address_be;
		ours |= (a == dst_be || a == 0) && f->ip4[i].port_be == port_be;
		own |= a == src_be;
	}
	if (!ours)
		return FRAME_NOT_OURS;
	if (unlikely(own || src_be == dst_be || src >> 28 == 0xe || src == 0xffffffff ||
		     src >> 24 == 127 || src >> 24 == 0))
		return FRAME_SOURCE_ADDRESS;
	return FRAME_QUERY;
}

static inline bool
is_zero16(const uint8_t a[16])
{
	return (load64(a) | load64(a + 8)) == 0;
}

/* ::, ::1 and ::ffff:0:0/96 must not be on a wire (RFC 4291 2.5, RFC 6890) */
static inline bool
is_unroutable6(const uint8_t a[16])
{
	if (load64(a) != 0)
		return a[0] == 0xff; /* multicast */
	if (load32(a + 8) == 0)
		return ntohl(load32(a + 12)) <= 1;
	return load32(a + 8) == htonl(0xffff);
}

static enum frame_verdict
check_addresses6(
	const struct frame_filter *f, const uint8_t *src, const uint8_t *dst, uint16_t port_be)
{
	bool ours = false, own = false;

	if (is_unroutable6(dst))
		return FRAME_NOT_OURS;
	if (f->n_ip4 + f->n_ip6 == 0)
		ours = port_be == htons(FRAME_DNS_PORT);
	for (unsigned i = 0; i < f->n_ip6; i++) {
		const uint8_t *a = f->ip6[i].address;
		ours |= (memcmp(a, dst, 16) == 0 || is_zero16(a)) && f->ip6[i].port_be == port_be;
		own |= memcmp(a, src, 16) == 0;
	}
	if (!ours)
		return FRAME_NOT_OURS;
	if (unlikely(own || is_unroutable6(src) || memcmp(src, dst, 16) == 0))
		return FRAME_SOURCE_ADDRESS;
	return FRAME_QUERY;
}

static inline bool
ip4_checksum_ok(const uint8_t *ip, uint32_t header)
{
	uint64_t sum = sum_words(ip, FRAME_IP4_HEADER, 0);
	if (unlikely(header > FRAME_IP4_HEADER))
		sum = sum_words(ip + FRAME_IP4_HEADER, header - FRAME_IP4_HEADER, sum);
	return sum_fold(sum) == 0xffff;
}

static enum frame_verdict
parse_ip4(const struct frame_filter *f, const uint8_t *frame, uint32_t len, uint32_t at,
	unsigned flags, struct frame_info *out)
{
	const uint8_t *ip = frame + at;
	uint32_t left = len - at, header, total;
	enum frame_verdict v;

	if (unlikely(left < FRAME_IP4_HEADER || ip[0] >> 4 != 4))
		return FRAME_IP_HEADER;
	header = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	/* the frame may be longer: Ethernet pads to 60 octets */
	if (unlikely(header < FRAME_IP4_HEADER || total < header || total > left))
		return FRAME_IP_HEADER;
	if (!(flags & FRAME_IP_GOOD) && unlikely(!ip4_checksum_ok(ip, header)))
		return FRAME_IP_CHECKSUM;
	if (unlikely(get16(ip + 6) & IP4_FRAGMENT))
		return FRAME_FRAGMENT;
	if (unlikely(ip[9] != IP_UDP))
		return FRAME_NOT_UDP;
	if (unlikely(total - header < FRAME_UDP_HEADER))
		return FRAME_UDP_LENGTH;
	v = check_addresses4(f, load32(ip + 12), load32(ip + 16), load16(ip + header + 2));
	if (unlikely(v != FRAME_QUERY))
		return v;
	return check_udp(frame, at + header, total - header, ip + 12, false, flags, out);
}

/* The options of a hop-by-hop or destination header: those unknown to us must allow to be skipped
 * (upper two bits of the type 00, RFC 8200 4.2). */
static bool
options_ok(const uint8_t *p, uint32_t len)
{
	uint32_t at = 2;

	for (unsigned n = 0; n < FRAME_OPTIONS_MAX; n++) {
		if (at == len)
			return true;
		if (p[at] == 0) { /* Pad1 */
			at++;
			continue;
		}
		if (p[at] >> 6 != 0 || len - at < 2 || len - at - 2 < p[at + 1])
			return false;
		at += 2u + p[at + 1];
	}
	return at == len;
}

/* Walk the extension headers from `*at` up to `end`. Leaves *at at the UDP header. */
static enum frame_verdict
skip_extensions(const uint8_t *frame, uint32_t *at, uint32_t end, uint8_t next)
{
	uint32_t first = *at;

	for (unsigned n = 0;; n++) {
		const uint8_t *p = frame + *at;
		uint32_t octets;

		switch (next) {
		case IP_UDP:
			return FRAME_QUERY;
		case NEXT_FRAGMENT:
			return FRAME_FRAGMENT;
		case NEXT_HOP_BY_HOP:
			if (n != 0)
				return FRAME_EXTENSION;
			break;
		case NEXT_DESTINATION:
		case NEXT_ROUTING:
			break;
		case NEXT_ESP:
		case NEXT_AUTHENTICATION:
		case NEXT_MOBILITY:
		case NEXT_HIP:
		case NEXT_SHIM6:
			return FRAME_EXTENSION;
		case NEXT_NONE:
		default:
			return FRAME_NOT_UDP;
		}
		if (n == FRAME_EXTENSIONS_MAX || end - *at < 8)
			return FRAME_EXTENSION;
		octets = p[1] * 8u + 8;
		if (octets > end - *at || *at + octets - first > FRAME_EXTENSION_OCTETS_MAX)
			return FRAME_EXTENSION;
		/* a source route that is not at its end, or options with orders: not for a DNS
		 * server */
		if (next == NEXT_ROUTING ? p[3] != 0 : !options_ok(p, octets))
			return FRAME_EXTENSION;
		next = p[0];
		*at += octets;
	}
}

static enum frame_verdict
parse_ip6(const struct frame_filter *f, const uint8_t *frame, uint32_t len, uint32_t at,
	unsigned flags, struct frame_info *out)
{
	const uint8_t *ip = frame + at;
	uint32_t left = len - at, end, udp_at;
	enum frame_verdict v;

	if (unlikely(left < FRAME_IP6_HEADER || ip[0] >> 4 != 6))
		return FRAME_IP_HEADER;
	end = get16(ip + 4) + FRAME_IP6_HEADER;
	if (unlikely(end > left))
		return FRAME_IP_HEADER;
	end += at;
	udp_at = at + FRAME_IP6_HEADER;
	if (unlikely(ip[6] != IP_UDP)) {
		v = skip_extensions(frame, &udp_at, end, ip[6]);
		if (v != FRAME_QUERY)
			return v;
	}
	if (unlikely(end - udp_at < FRAME_UDP_HEADER))
		return FRAME_UDP_LENGTH;
	v = check_addresses6(f, ip + 8, ip + 24, load16(frame + udp_at + 2));
	if (unlikely(v != FRAME_QUERY))
		return v;
	return check_udp(frame, udp_at, end - udp_at, ip + 8, true, flags, out);
}

enum frame_verdict
frame_parse(const struct frame_filter *f, const uint8_t *frame, uint32_t len, unsigned flags,
	struct frame_info *out)
{
	struct frame_info info = {0};
	uint32_t at = ETHER_HEADER;
	enum frame_verdict v;
	unsigned type;

	if (unlikely(len < ETHER_HEADER))
		return FRAME_NOT_IP;
	type = get16(frame + 12);
	for (unsigned n = 0; unlikely(type == ETHER_TAG || type == ETHER_TAG_OUTER); n++) {
		if (n == FRAME_TAGS_MAX || len - at < 4)
			return FRAME_NOT_IP;
		type = get16(frame + at + 2);
		at += 4;
	}
	info.l3_at = (uint16_t)at;
	if (type == ETHER_IP4)
		v = parse_ip4(f, frame, len, at, flags, &info);
	else if (type == ETHER_IP6)
		v = parse_ip6(f, frame, len, at, flags, &info);
	else
		return FRAME_NOT_IP;
	if (unlikely(v != FRAME_QUERY))
		return v;
	/* a group address cannot be the source of the response, nor a group its destination */
	if (unlikely(frame[0] & 1))
		return FRAME_NOT_OURS;
	if (unlikely(frame[6] & 1))
		return FRAME_SOURCE_ADDRESS;
	*out = info;
	return FRAME_QUERY;
}

/* What of the query's headers goes into the response's, in values: headers that were just written
 * must not be read again (the loads would wait for the stores), and the new ones may lie over the
 * old. */
struct reply {
	uint8_t to[16], from[16]; /* addresses; IPv4 in the first four */
	uint16_t to_port_be, from_port_be;
};

static inline void
write_udp(uint8_t *udp, const struct reply *r, uint32_t dns_len, uint64_t addresses,
	unsigned offloads)
{
	uint16_t len_be = htons((uint16_t)(FRAME_UDP_HEADER + dns_len)), sum;
	uint64_t pseudo = addresses + len_be + htons(IP_UDP);

	memcpy(udp, &r->from_port_be, 2);
	memcpy(udp + 2, &r->to_port_be, 2);
	memcpy(udp + 4, &len_be, 2);
	if (offloads & FRAME_OFFLOAD_UDP) {
		sum = sum_fold(pseudo);
	} else {
		pseudo += (uint64_t)len_be + r->from_port_be + r->to_port_be;
		sum = (uint16_t)~sum_fold(sum_octets(udp + FRAME_UDP_HEADER, dns_len, pseudo));
		if (sum == 0)
			sum = 0xffff; /* 0 would mean "none" (RFC 768) */
	}
	memcpy(udp + 6, &sum, 2);
}

static inline void
write_ip4(uint8_t *ip, const struct reply *r, uint32_t dns_len, unsigned offloads)
{
	uint16_t total_be = htons((uint16_t)(FRAME_IP4_HEADER + FRAME_UDP_HEADER + dns_len)),
		 sum = 0;
	uint64_t addresses = (uint64_t)load32(r->from) + load32(r->to);

	if (!(offloads & FRAME_OFFLOAD_IP))
		sum = (uint16_t)~sum_fold(addresses + total_be + htons(0x4500) +
					  htons(IP4_DONT_FRAGMENT) +
					  htons(RESPONSE_TTL << 8 | IP_UDP));
	put16(ip, 0x4500);
	memcpy(ip + 2, &total_be, 2);
	put16(ip + 4, 0); /* no identification is needed: never a fragment (RFC 6864 4.1) */
	put16(ip + 6, IP4_DONT_FRAGMENT);
	put16(ip + 8, RESPONSE_TTL << 8 | IP_UDP);
	memcpy(ip + 10, &sum, 2);
	memcpy(ip + 12, r->from, 4);
	memcpy(ip + 16, r->to, 4);
	write_udp(ip + FRAME_IP4_HEADER, r, dns_len, addresses, offloads);
}

static inline void
write_ip6(uint8_t *ip, const struct reply *r, uint32_t dns_len, unsigned offloads)
{
	uint64_t addresses = sum_words(r->to, 16, sum_words(r->from, 16, 0));

	put16(ip, 0x6000);
	put16(ip + 2, 0);
	put16(ip + 4, FRAME_UDP_HEADER + dns_len);
	put16(ip + 6, IP_UDP << 8 | RESPONSE_TTL);
	memcpy(ip + 8, r->from, 16);
	memcpy(ip + 24, r->to, 16);
	write_udp(ip + FRAME_IP6_HEADER, r, dns_len, addresses, offloads);
}

/* MAC addresses swapped; tags and EtherType as they were, `start` octets further on. */
static inline void
write_ether(uint8_t *frame, uint32_t start, uint32_t octets)
{
	uint8_t macs[12];

	memcpy(macs, frame + 6, 6);
	memcpy(macs + 6, frame, 6);
	if (unlikely(start != 0))
		memmove(frame + start + 12, frame + 12, octets - 12);
	memcpy(frame + start, macs, 6);
	memcpy(frame + start + 6, macs + 6, 6);
}

uint32_t
frame_respond(uint8_t *frame, const struct frame_info *i, uint32_t dns_len, unsigned offloads)
{
	const uint8_t *ip = frame + i->l3_at, *udp = frame + i->dns_at - FRAME_UDP_HEADER;
	uint32_t start = i->dns_at - frame_header_octets(i);
	struct reply r;

	r.to_port_be = load16(udp);
	r.from_port_be = load16(udp + 2);
	if (i->ip6) {
		memcpy(r.to, ip + 8, 16);
		memcpy(r.from, ip + 24, 16);
		write_ether(frame, start, i->l3_at);
		write_ip6(frame + start + i->l3_at, &r, dns_len, offloads);
	} else {
		memcpy(r.to, ip + 12, 4);
		memcpy(r.from, ip + 16, 4);
		write_ether(frame, start, i->l3_at);
		write_ip4(frame + start + i->l3_at, &r, dns_len, offloads);
	}
	return start;
}
