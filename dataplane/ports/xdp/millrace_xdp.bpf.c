/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The XDP program of AF_XDP ports, loaded by filter.c. A DNS query over UDP to one of our addresses
 * goes to the AF_XDP socket of its queue; everything else is the kernel's, as if we were not there:
 * ARP, ICMP, TCP, fragments, packets with IPv6 extension headers. Where no socket waits on a queue,
 * the kernel gets its packets as well, and all of them while the port has stepped aside. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "local.h"

#define QUEUES_MAX 64
#define TAGS_MAX 2
#define IP_FRAGMENT 0x3fff /* "more fragments", and the offset */

/* libxdp (inside DPDK's driver) finds the map by this name, puts its sockets in, and wants to know
 * the version of the contract. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* libxdp counts its sockets here, and would detach the program at 0: we do that, so it starts at 1.
 */
volatile int refcnt = 1;

/* Our queries as well are the kernel's while this is not 0: nobody serves the port, and sockets of
 * the kernel's stand in for it. The loader maps it and writes it without a system call. */
volatile int stepped_aside;

/* Addresses and ports that are ours. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_LOCAL_MAX);
	__type(key, struct xdp_local);
	__type(value, __u8);
} local SEC(".maps");

struct tag {
	__be16 tci;
	__be16 protocol;
};

static __always_inline bool
is_ours(struct xdp_local *l)
{
	if (bpf_map_lookup_elem(&local, l))
		return true;
	/* "any address" is an entry of its own */
	__builtin_memset(l->address, 0, sizeof l->address);
	return bpf_map_lookup_elem(&local, l) != NULL;
}

static __always_inline bool
wants4(void *at, void *end)
{
	struct iphdr *ip = at;
	struct xdp_local l = {.family = 4};
	struct udphdr *udp;

	if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP || ip->ihl < 5)
		return false;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT))
		return false;
	udp = at + ip->ihl * 4;
	if ((void *)(udp + 1) > end)
		return false;
	__builtin_memcpy(l.address, &ip->daddr, 4);
	l.port_be = udp->dest;
	return is_ours(&l);
}

static __always_inline bool
wants6(void *at, void *end)
{
	struct ipv6hdr *ip = at;
	struct xdp_local l = {.family = 6};
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end || ip->nexthdr != IPPROTO_UDP)
		return false;
	__builtin_memcpy(l.address, &ip->daddr, 16);
	l.port_be = udp->dest;
	return is_ours(&l);
}

SEC("xdp")
int
xsk_def_prog(struct xdp_md *ctx)
{
	void *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = at;
	__be16 protocol;
	bool wanted = false;

	/* refcnt is never 0; but libxdp finds only what the program uses */
	if (refcnt == 0 || stepped_aside != 0)
		return XDP_PASS;
	at = eth + 1;
	/* a group address may be another machine's business as well */
	if (at > end || (eth->h_dest[0] & 1))
		return XDP_PASS;
	protocol = eth->h_proto;
#pragma unroll
	for (int i = 0; i < TAGS_MAX; i++) {
		struct tag *t = at;
		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(t + 1) > end)
			return XDP_PASS;
		protocol = t->protocol;
		at = t + 1;
	}
	if (protocol == bpf_htons(ETH_P_IP))
		wanted = wants4(at, end);
	else if (protocol == bpf_htons(ETH_P_IPV6))
		wanted = wants6(at, end);
	/* flags: what to do when there is no socket */
	return wanted ? (int)bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
