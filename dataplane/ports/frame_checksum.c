/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame_checksum: TCP and UDP in packets that go to the kernel or come from it: checksums, refused
 * connections. Pure, any thread; off the path of queries. */
#include "dataplane/ports/frame.h"
#include "dataplane/ports/frame_octets.h"

#include <arpa/inet.h>

#define TCP_HEADER 20u
#define TCP_SEQUENCE_AT 4u
#define TCP_FLAGS_AT 13u
#define TCP_RST_ACK 0x14u
#define TCP_CHECKSUM_AT 16u
#define UDP_CHECKSUM_AT 6u

uint16_t
frame_checksum(const uint8_t *octets, uint32_t len)
{
	return (uint16_t)~sum_fold(sum_octets(octets, len, 0));
}

/* Where the TCP or UDP header of a frame is, and what its checksum covers. */
struct segment {
	uint32_t at, len;
	uint8_t protocol;
	const uint8_t *addresses; /* source and destination, in one piece */
	uint32_t addresses_len;
};

static bool
find_segment4(const uint8_t *frame, uint32_t at, uint32_t left, struct segment *s)
{
	const uint8_t *ip = frame + at;
	uint32_t header, total;

	if (left < FRAME_IP4_HEADER || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	if (header < FRAME_IP4_HEADER || total < header || total > left ||
		(get16(ip + 6) & IP4_FRAGMENT) != 0)
		return false;
	*s = (struct segment){at + header, total - header, ip[9], ip + 12, 8};
	return true;
}

static bool
find_segment6(const uint8_t *frame, uint32_t at, uint32_t left, struct segment *s)
{
	const uint8_t *ip = frame + at;
	uint32_t len;

	if (left < FRAME_IP6_HEADER || ip[0] >> 4 != 6)
		return false;
	len = get16(ip + 4);
	if (len > left - FRAME_IP6_HEADER)
		return false;
	*s = (struct segment){at + FRAME_IP6_HEADER, len, ip[6], ip + 8, 32};
	return true;
}

static bool
find_segment(const uint8_t *frame, uint32_t len, struct segment *s)
{
	uint32_t at = ETHER_HEADER;
	unsigned type;

	if (len < ETHER_HEADER)
		return false;
	type = get16(frame + 12);
	for (unsigned n = 0; type == ETHER_TAG || type == ETHER_TAG_OUTER; n++) {
		if (n == FRAME_TAGS_MAX || len - at < 4)
			return false;
		type = get16(frame + at + 2);
		at += 4;
	}
	if (type == ETHER_IP4)
		return find_segment4(frame, at, len - at, s);
	return type == ETHER_IP6 && find_segment6(frame, at, len - at, s);
}

bool
frame_complete_checksum(uint8_t *frame, uint32_t len)
{
	struct segment s;
	uint64_t pseudo;
	uint16_t sum;
	uint8_t *field;

	if (!find_segment(frame, len, &s))
		return false;
	if (s.protocol == IP_TCP && s.len >= TCP_HEADER)
		field = frame + s.at + TCP_CHECKSUM_AT;
	else if (s.protocol == IP_UDP && s.len >= FRAME_UDP_HEADER)
		field = frame + s.at + UDP_CHECKSUM_AT;
	else
		return false;
	pseudo = sum_octets(
		s.addresses, s.addresses_len, (uint64_t)htons((uint16_t)s.len) + htons(s.protocol));
	if (load16(field) != sum_fold(pseudo))
		return false;
	/* the field holds the pseudo-header's sum already. For a packet that is complete and has
	 * that value by chance, the same value comes out */
	sum = (uint16_t)~sum_fold(sum_octets(frame + s.at, s.len, 0));
	if (sum == 0)
		sum = 0xffff; /* for UDP 0 would mean "none"; for TCP both are 0 */
	memcpy(field, &sum, 2);
	return true;
}

static bool
is_dns_port(const struct frame_filter *f, uint16_t port_be)
{
	bool found = f->n_ip4 + f->n_ip6 == 0 && port_be == htons(FRAME_DNS_PORT);

	for (unsigned i = 0; i < f->n_ip4 && !found; i++)
		found = f->ip4[i].port_be == port_be;
	for (unsigned i = 0; i < f->n_ip6 && !found; i++)
		found = f->ip6[i].port_be == port_be;
	return found;
}

bool
frame_refuses_tcp(const struct frame_filter *f, const uint8_t *frame, uint32_t len)
{
	const uint8_t *tcp;
	struct segment s;

	if (!find_segment(frame, len, &s) || s.protocol != IP_TCP || s.len < TCP_HEADER)
		return false;
	tcp = frame + s.at;
	return (tcp[TCP_FLAGS_AT] & TCP_RST_ACK) == TCP_RST_ACK &&
	       (load16(tcp + TCP_SEQUENCE_AT) | load16(tcp + TCP_SEQUENCE_AT + 2)) == 0 &&
	       is_dns_port(f, load16(tcp));
}
