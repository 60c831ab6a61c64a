/* SPDX-License-Identifier: GPL-3.0-or-later */
/* synthetic: an Ethernet frame around a DNS message that came or goes through a kernel socket, so
 * that a capture has one kind of packet whatever the port. MAC addresses are zero. Pure functions,
 * no DPDK, any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define SYNTHETIC_HEADERS_MAX 62u /* octets: Ethernet, IPv6, UDP */

struct synthetic_end {
	uint8_t address[16]; /* network order; IPv4 in the first four */
	uint16_t port_be;
};

/**
 * @param out  room for SYNTHETIC_HEADERS_MAX + len octets
 * @param len  of the message, at most 65000 octets
 * @return octets of the frame
 */
uint32_t synthetic_frame(uint8_t *out, bool ip6, const struct synthetic_end *from,
	const struct synthetic_end *to, const uint8_t *dns, uint32_t len);
