/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame: Ethernet frames of DNS queries in, where the query lies or why there is none out; and the
 * headers of the response. Pure functions over octets, no DPDK, any thread: the ethdev port, tests
 * and the fuzzer call them. */
#pragma once
#include "shm/counters.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FRAME_ADDRESSES_MAX 256u        /* own addresses on a port, of each family */
#define FRAME_TAGS_MAX 2u               /* 802.1Q, and 802.1ad outside it */
#define FRAME_EXTENSIONS_MAX 8u         /* IPv6 extension headers, */
#define FRAME_EXTENSION_OCTETS_MAX 512u /* and octets of them together */
#define FRAME_OPTIONS_MAX 64u           /* options in one IPv6 extension header */
#define FRAME_IP4_HEADER 20u            /* of the responses */
#define FRAME_IP6_HEADER 40u
#define FRAME_UDP_HEADER 8u
#define FRAME_DNS_PORT 53u

/* Which queries are for us. All in network order. No entry at all: every unicast address, port 53.
 */
struct frame_filter {
	unsigned n_ip4, n_ip6;
	struct frame_ip4 {
		uint32_t address_be; /* 0: any */
		uint16_t port_be;
	} ip4[FRAME_ADDRESSES_MAX];
	struct frame_ip6 {
		uint8_t address[16]; /* all 0: any */
		uint16_t port_be;
	} ip6[FRAME_ADDRESSES_MAX];
};

enum frame_verdict {
	FRAME_QUERY,
	FRAME_NOT_IP,         /* ARP, an unknown EtherType, more tags than FRAME_TAGS_MAX, a runt */
	FRAME_NOT_UDP,        /* TCP, ICMP, ... */
	FRAME_NOT_OURS,       /* other destination MAC group, address or port */
	FRAME_IP_HEADER,      /* version, header length, total length make no sense */
	FRAME_IP_CHECKSUM,    /* of the IPv4 header */
	FRAME_UDP_LENGTH,     /* does not fit the IP packet */
	FRAME_UDP_CHECKSUM,   /* wrong, or none over IPv6 (RFC 8200 8.1) */
	FRAME_FRAGMENT,       /* of IPv4 or IPv6, "atomic" ones too */
	FRAME_EXTENSION,      /* an extension header or option that we do not know, or too many */
	FRAME_SOURCE_ADDRESS, /* multicast, broadcast, loopback, unspecified, or our own */
	FRAME_PORT0,          /* source port 0: no answer is possible */
	FRAME_VERDICTS,
};

/* What the NIC found out already, and which of its promises hold. */
enum frame_flag {
	FRAME_IP_GOOD = 1,  /* IPv4 header checksum was verified */
	FRAME_UDP_GOOD = 2, /* UDP checksum was verified */
	FRAME_PARTIAL_OK =
		4, /* a software device, whose sender may be a kernel of this machine that left
		    * the checksum to hardware: the bare pseudo-header sum is right, too */
};

struct frame_info {
	uint16_t l3_at;   /* octets of Ethernet header, tags included */
	uint16_t dns_at;  /* octets before the DNS message */
	uint16_t dns_len; /* octets of it; may be 0 */
	uint16_t ip6;     /* 1: IPv6, 0: IPv4 */
};

/**
 * Find the query in a frame. Reads at most len octets.
 * @param flags     enum frame_flag
 * @param[out] out  set only when FRAME_QUERY is returned
 */
enum frame_verdict frame_parse(const struct frame_filter *f, const uint8_t *frame, uint32_t len,
	unsigned flags, struct frame_info *out);

enum frame_offload {
	FRAME_OFFLOAD_IP = 1, /* leave the IPv4 header checksum to the NIC: 0 is written */
	FRAME_OFFLOAD_UDP =
		2, /* leave the UDP checksum to the NIC: the pseudo-header sum is written */
};

/**
 * Put the headers of the response in front of the DNS message, which lies where the query lay: back
 * to the MAC, address and port it came from, same tags, no options, no extension headers, not to be
 * fragmented.
 * @param dns_len   octets of the response; dns_at + dns_len are in the buffer
 * @param offloads  enum frame_offload
 * @return offset in the buffer at which the response frame starts: 0, or more when the query had
 *         options or extension headers. It is frame_header_octets() + dns_len long
 */
uint32_t frame_respond(
	uint8_t *frame, const struct frame_info *i, uint32_t dns_len, unsigned offloads);

/** Octets of headers before the DNS message of a response. */
static inline uint32_t
frame_header_octets(const struct frame_info *i)
{
	return i->l3_at + (i->ip6 ? FRAME_IP6_HEADER : FRAME_IP4_HEADER) + FRAME_UDP_HEADER;
}

/** The client's address, as an IPv6 or IPv4-mapped one. */
static inline void
frame_client(const uint8_t *frame, const struct frame_info *i, uint8_t client[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (i->ip6) {
		memcpy(client, frame + i->l3_at + 8, 16);
	} else {
		memcpy(client, mapped, 12);
		memcpy(client + 12, frame + i->l3_at + 12, 4);
	}
}

/** The drop counter of each verdict; FRAME_QUERY has none (CTR_N). */
extern const enum counter frame_verdict_counter[FRAME_VERDICTS];

/**
 * Is a frame with this verdict the kernel's, where the port has an exception path? What is damaged,
 * or addressed to our DNS port and yet no query, is nobody's.
 */
static inline bool
frame_is_kernels(enum frame_verdict v)
{
	const unsigned kernels = 1u << FRAME_NOT_IP | 1u << FRAME_NOT_UDP | 1u << FRAME_NOT_OURS |
				 1u << FRAME_FRAGMENT | 1u << FRAME_EXTENSION;
	return kernels >> v & 1;
}

/**
 * Make the checksum of a TCP or UDP packet complete whose sender left it to hardware, that is,
 * which has the pseudo-header's sum in its place (a kernel of this machine, a virtual machine's
 * host). Other frames stay as they are: fragments, IPv6 with extension headers, lengths that do not
 * fit.
 * @return true when the frame was changed
 */
bool frame_complete_checksum(uint8_t *frame, uint32_t len);

/**
 * Is this the kernel's answer to who wanted a TCP connection to a port of the filter where nobody
 * listens: RST and ACK with a sequence number of 0 (RFC 9293 3.5.2)? Other resets of it, of
 * connections that there were, have that connection's number. Reads at most len octets.
 */
bool frame_refuses_tcp(const struct frame_filter *f, const uint8_t *frame, uint32_t len);

/** Internet checksum (RFC 1071) of octets, as stored in a header; for tests and the fuzzer too. */
uint16_t frame_checksum(const uint8_t *octets, uint32_t len);
