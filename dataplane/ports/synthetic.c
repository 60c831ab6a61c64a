/* SPDX-License-Identifier: GPL-3.0-or-later */
/* synthetic: see synthetic.h. Checksums are right, so that nobody looks for a fault there. */
#include "dataplane/ports/synthetic.h"

#include "dataplane/ports/frame.h"
#include "dataplane/ports/frame_octets.h"

#include <arpa/inet.h>

#define TTL 64u

static void
write_ip4(uint8_t *ip, const struct synthetic_end *from, const struct synthetic_end *to,
	uint32_t udp_len)
{
	uint16_t sum;

	memset(ip, 0, FRAME_IP4_HEADER);
	put16(ip, 0x4500);
	put16(ip + 2, FRAME_IP4_HEADER + udp_len);
	put16(ip + 8, TTL << 8 | IP_UDP);
	memcpy(ip + 12, from->address, 4);
	memcpy(ip + 16, to->address, 4);
	sum = (uint16_t)~sum_fold(sum_words(ip, FRAME_IP4_HEADER, 0));
	memcpy(ip + 10, &sum, 2);
}

static void
write_ip6(uint8_t *ip, const struct synthetic_end *from, const struct synthetic_end *to,
	uint32_t udp_len)
{
	memset(ip, 0, FRAME_IP6_HEADER);
	put16(ip, 0x6000);
	put16(ip + 4, udp_len);
	put16(ip + 6, IP_UDP << 8 | TTL);
	memcpy(ip + 8, from->address, 16);
	memcpy(ip + 24, to->address, 16);
}

uint32_t
synthetic_frame(uint8_t *out, bool ip6, const struct synthetic_end *from,
	const struct synthetic_end *to, const uint8_t *dns, uint32_t len)
{
	uint8_t *ip = out + ETHER_HEADER;
	uint8_t *udp = ip + (ip6 ? FRAME_IP6_HEADER : FRAME_IP4_HEADER);
	uint32_t udp_len = FRAME_UDP_HEADER + len, addresses = ip6 ? 16 : 4;
	uint64_t pseudo;
	uint16_t sum;

	memset(out, 0, ETHER_HEADER);
	put16(out + 12, ip6 ? ETHER_IP6 : ETHER_IP4);
	if (ip6)
		write_ip6(ip, from, to, udp_len);
	else
		write_ip4(ip, from, to, udp_len);
	memcpy(udp, &from->port_be, 2);
	memcpy(udp + 2, &to->port_be, 2);
	put16(udp + 4, udp_len);
	put16(udp + 6, 0);
	memcpy(udp + FRAME_UDP_HEADER, dns, len);
	pseudo = sum_words(from->address, addresses, sum_words(to->address, addresses, 0)) +
		 htons((uint16_t)udp_len) + htons(IP_UDP);
	sum = (uint16_t)~sum_fold(sum_words(udp, udp_len, pseudo));
	if (sum == 0)
		sum = 0xffff; /* 0 would mean "none" (RFC 768) */
	memcpy(udp + 6, &sum, 2);
	return (uint32_t)(udp - out) + udp_len;
}
