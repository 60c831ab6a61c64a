/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_port: millrace-bench over a DPDK port, one queue each way, Ethernet/IP/UDP made here. All
 * that can be made before the run is made before it: a packet is one copy of a prepared frame, in
 * which the source port, the ID and the checksum are set. */
#include "tools/bench.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define MBUFS 16383u
#define MBUF_CACHE 256u
#define ETH_OCTETS 14u
#define UDP_OCTETS 8u
#define EXPIRE_EVERY 64u /* iterations */

struct bench_port {
	uint16_t id;
	struct rte_mempool *pool;
	struct rte_ether_addr src_mac, dst_mac;
	bool v6;
	uint8_t src[16], dst[16]; /* 4 or 16 octets */
	unsigned address_octets, ip_octets;
	struct rte_mbuf *pending[BENCH_BURST];
	uint16_t n_pending;
};

unsigned
bench_port_head(const struct bench_options *o)
{
	return ETH_OCTETS + (strchr(o->dst, ':') != NULL ? 40u : 20u) + UDP_OCTETS;
}

static int
parse_addresses(struct bench_port *p, const struct bench_options *o)
{
	int family;

	p->v6 = strchr(o->dst, ':') != NULL;
	family = p->v6 ? AF_INET6 : AF_INET;
	p->address_octets = p->v6 ? 16 : 4;
	p->ip_octets = p->v6 ? 40 : 20;
	if (inet_pton(family, o->src, p->src) != 1 || inet_pton(family, o->dst, p->dst) != 1) {
		fprintf(stderr,
			"millrace-bench: --src %s --dst %s: two IPv4 or two IPv6 addresses are "
			"needed\n",
			o->src, o->dst);
		return -EINVAL;
	}
	if (o->dst_mac != NULL && rte_ether_unformat_addr(o->dst_mac, &p->dst_mac) != 0) {
		fprintf(stderr, "millrace-bench: --dst-mac %s: not of the form 02:00:00:00:00:01\n",
			o->dst_mac);
		return -EINVAL;
	}
	if (o->dst_mac == NULL) {
		/* there is only one peer on a memif; anywhere else a guess would reach strangers */
		if (strncmp(o->port, "net_memif", 9) != 0) {
			fprintf(stderr, "millrace-bench: --dst-mac is needed with this port\n");
			return -EINVAL;
		}
		p->dst_mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1}};
	}
	return 0;
}

static bool
huge_pages_free(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long n = 0;

	if (f == NULL)
		return false;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	fclose(f);
	return n >= 64;
}

static int
start_eal(const struct bench_options *o)
{
	char core[16], device[512];
	char *argv[BENCH_EAL_MAX + 16];
	int argc = 0;
	bool pci = strncmp(o->port, "net_", 4) != 0 && strncmp(o->port, "eth_", 4) != 0;

	snprintf(core, sizeof core, "%d", o->core >= 0 ? o->core : sched_getcpu());
	snprintf(device, sizeof device, "%s", o->port);
	argv[argc++] = (char *)"millrace-bench";
	argv[argc++] = (char *)"-l";
	argv[argc++] = core;
	argv[argc++] = (char *)"--no-telemetry";
	argv[argc++] = (char *)"--log-level=error";
	if (o->no_huge || !huge_pages_free()) {
		/* excludes --in-memory; without shared files several can run at once */
		argv[argc++] = (char *)"--no-huge";
		argv[argc++] = (char *)"--no-shconf";
		argv[argc++] = (char *)"-m";
		argv[argc++] = (char *)"256";
	} else {
		argv[argc++] = (char *)"--in-memory";
	}
	if (!pci)
		argv[argc++] = (char *)"--no-pci";
	argv[argc++] = (char *)(pci ? "-a" : "--vdev");
	argv[argc++] = device;
	for (unsigned i = 0; i < o->n_eal; i++)
		argv[argc++] = (char *)(uintptr_t)o->eal[i];
	argv[argc] = NULL;
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "millrace-bench: DPDK did not start: %s\n",
			rte_strerror(rte_errno));
		return -rte_errno;
	}
	if (rte_eth_dev_count_avail() != 1) {
		fprintf(stderr, "millrace-bench: --port %s: %u ports were found, one is needed\n",
			o->port, rte_eth_dev_count_avail());
		return -ENODEV;
	}
	return 0;
}

static int
start_port(struct bench_port *p, const struct bench_options *o)
{
	struct rte_eth_conf conf = {0};
	uint16_t n_rx = (uint16_t)o->ring_size, n_tx = n_rx;
	int ret;

	p->id = rte_eth_find_next(0);
	p->pool = rte_pktmbuf_pool_create(
		"bench", MBUFS, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (p->pool == NULL)
		return -ENOMEM;
	if ((ret = rte_eth_dev_configure(p->id, 1, 1, &conf)) != 0 ||
		(ret = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &n_rx, &n_tx)) != 0 ||
		(ret = rte_eth_rx_queue_setup(p->id, 0, n_rx, SOCKET_ID_ANY, NULL, p->pool)) != 0 ||
		(ret = rte_eth_tx_queue_setup(p->id, 0, n_tx, SOCKET_ID_ANY, NULL)) != 0)
		return ret;
	/* a memif client cannot start before its server listens */
	for (unsigned i = 0; (ret = rte_eth_dev_start(p->id)) != 0; i++) {
		if (i >= o->wait_s * 10 || bench_interrupted)
			return ret;
		rte_delay_us_sleep(100000);
	}
	if (o->src_mac != NULL) {
		if (rte_ether_unformat_addr(o->src_mac, &p->src_mac) != 0)
			return -EINVAL;
	} else if ((ret = rte_eth_macaddr_get(p->id, &p->src_mac)) != 0) {
		return ret;
	}
	rte_eth_promiscuous_enable(p->id); /* some drivers have no such thing, and need none */
	for (unsigned i = 0; i < o->wait_s * 100 && !bench_interrupted; i++) {
		struct rte_eth_link link = {0};
		if (rte_eth_link_get_nowait(p->id, &link) == 0 &&
			link.link_status == RTE_ETH_LINK_UP)
			return 0;
		rte_delay_us_sleep(10000);
	}
	return -ENOLINK;
}

/* Write the headers in front of a query; sum up what its checksum covers. */
static void
prepare_query(const struct bench *b, const struct bench_port *p, struct bench_query *q)
{
	uint8_t *frame = bench_query_octets(b, q);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + ETH_OCTETS + p->ip_octets);
	uint16_t udp_octets = (uint16_t)(UDP_OCTETS + q->len);

	eth->dst_addr = p->dst_mac;
	eth->src_addr = p->src_mac;
	udp->src_port = 0;
	udp->dst_port = rte_cpu_to_be_16((uint16_t)b->o.dst_port);
	udp->dgram_len = rte_cpu_to_be_16(udp_octets);
	udp->dgram_cksum = 0;
	if (p->v6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(eth + 1);
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
		*ip = (struct rte_ipv6_hdr){
			.vtc_flow = rte_cpu_to_be_32(6u << 28),
			.payload_len = udp->dgram_len,
			.proto = IPPROTO_UDP,
			.hop_limits = 64,
		};
		memcpy(ip->src_addr, p->src, 16);
		memcpy(ip->dst_addr, p->dst, 16);
		q->sum = rte_ipv6_phdr_cksum(ip, 0);
	} else {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
		*ip = (struct rte_ipv4_hdr){
			.version_ihl = 0x45,
			.total_length = rte_cpu_to_be_16((uint16_t)(20 + udp_octets)),
			.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_UDP,
		};
		memcpy(&ip->src_addr, p->src, 4);
		memcpy(&ip->dst_addr, p->dst, 4);
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		q->sum = rte_ipv4_phdr_cksum(ip, 0);
	}
	q->sum += rte_raw_cksum(udp, udp_octets);
}

/* Make the next query in an mbuf. */
static inline void
make_packet(struct bench *b, const struct bench_port *p, struct rte_mbuf *m, uint64_t now)
{
	const struct bench_query *q;
	uint64_t seq = bench_take(b, now, &q);
	unsigned octets = b->q.head + q->len;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	/* many queries do not fit in the cache: ask for those of the next burst */
	uint32_t ahead = b->next_query + BENCH_BURST;
	const uint8_t *later = bench_query_octets(b, &b->q.query[ahead < b->q.n ? ahead : 0]);
	rte_prefetch0(later);
	rte_prefetch0(later + 64);
	memcpy(frame, bench_query_octets(b, q), octets);
	m->data_len = (uint16_t)octets;
	m->pkt_len = octets;
	uint16_t id = rte_cpu_to_be_16(bench_id(b, seq));
	uint16_t port = rte_cpu_to_be_16((uint16_t)(b->o.src_port + bench_flow(b, seq)));
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + ETH_OCTETS + p->ip_octets);
	uint32_t sum = q->sum + port + id;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	udp->src_port = port;
	udp->dgram_cksum = sum == 0xffff ? 0xffff : (uint16_t)~sum;
	memcpy(udp + 1, &id, 2);
}

/* Somebody asks for our address: tell him. True when the packet was made into a reply. */
static bool
make_arp_reply(const struct bench_port *p, struct rte_mbuf *m)
{
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);

	if (p->v6 || m->data_len < 42 || f[12] != 0x08 || f[13] != 0x06 || f[20] != 0 ||
		f[21] != 1 || memcmp(f + 38, p->src, 4) != 0)
		return false;
	f[21] = 2;
	memcpy(f + 32, f + 22, 10); /* the asker becomes the target */
	memcpy(f, f + 6, 6);
	memcpy(f + 6, &p->src_mac, 6);
	memcpy(f + 22, &p->src_mac, 6);
	memcpy(f + 28, p->src, 4);
	return true;
}

/* A correct sum over everything, the checksum included, is all ones. */
static bool
checksums_good(const struct bench_port *p, const uint8_t *frame, const struct rte_udp_hdr *udp)
{
	const void *ip = frame + ETH_OCTETS;
	uint32_t sum;

	if (!p->v6 && rte_raw_cksum(ip, 20) != 0xffff)
		return false;
	if (udp->dgram_cksum == 0)
		return !p->v6; /* RFC 8200 8.1 */
	sum = rte_raw_cksum(udp, rte_be_to_cpu_16(udp->dgram_len));
	sum += p->v6 ? rte_ipv6_phdr_cksum(ip, 0) : rte_ipv4_phdr_cksum(ip, 0);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* Our answer in a frame? */
static inline void
take_packet(struct bench *b, const struct bench_port *p, const struct rte_mbuf *m, uint64_t now)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned head = ETH_OCTETS + p->ip_octets + UDP_OCTETS;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(frame + head - UDP_OCTETS);
	bool ours;

	if (m->data_len < head || m->nb_segs != 1) {
		b->r.ignored++;
		return;
	}
	if (p->v6)
		ours = frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == IPPROTO_UDP &&
		       memcmp(frame + 22, p->dst, 16) == 0;
	else
		ours = frame[12] == 0x08 && frame[13] == 0x00 && frame[14] == 0x45 &&
		       frame[23] == IPPROTO_UDP && memcmp(frame + 26, p->dst, 4) == 0;
	unsigned flow = rte_be_to_cpu_16(udp->dst_port) - b->o.src_port;
	unsigned len = rte_be_to_cpu_16(udp->dgram_len);
	if (!ours || flow >= 1u << b->flow_bits ||
		rte_be_to_cpu_16(udp->src_port) != b->o.dst_port || len < UDP_OCTETS ||
		len - UDP_OCTETS > m->data_len - head) {
		b->r.ignored++;
		return;
	}
	if (b->o.checksums && !checksums_good(p, frame, udp)) {
		b->r.invalid++; /* its query will be counted as lost as well */
		return;
	}
	bench_answer(b, flow, (const uint8_t *)(udp + 1), len - UDP_OCTETS, now);
}

static inline void
take_burst(struct bench *b, struct bench_port *p, struct rte_mbuf **m, uint16_t n, uint64_t now)
{
	uint64_t ignored = b->r.ignored;

	for (uint16_t i = 0; i < n && i < 4; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 4], void *));
		take_packet(b, p, m[i], now);
	}
	if (unlikely(ignored != b->r.ignored)) {
		for (uint16_t i = 0; i < n; i++)
			if (make_arp_reply(p, m[i])) {
				struct rte_mbuf *reply = m[i];
				m[i] = NULL; /* rte_pktmbuf_free_bulk() passes over it */
				if (rte_eth_tx_burst(p->id, 0, &reply, 1) != 1)
					rte_pktmbuf_free(reply);
			}
	}
	rte_pktmbuf_free_bulk(m, n);
	b->r.polls++;
	b->r.polls_full += n == BENCH_BURST;
}

/* Send what is due; what the ring cannot take waits for the next turn. Returns how many went out.
 */
static inline uint16_t
send_burst(struct bench *b, struct bench_port *p, uint64_t now)
{
	if (p->n_pending != 0 && b->sending &&
		(bench_interrupted || now - b->r.start_ns >= b->o.duration_ns)) {
		/* a peer that takes nothing must not keep the run from ending */
		rte_pktmbuf_free_bulk(p->pending, p->n_pending);
		p->n_pending = 0;
	}
	if (p->n_pending == 0) {
		unsigned n = bench_budget(b, now, BENCH_BURST);
		if (n == 0 || rte_pktmbuf_alloc_bulk(p->pool, p->pending, n) != 0)
			return 0;
		for (unsigned i = 0; i < n; i++)
			make_packet(b, p, p->pending[i], now);
		p->n_pending = (uint16_t)n;
	}
	uint16_t done = rte_eth_tx_burst(p->id, 0, p->pending, p->n_pending);
	p->n_pending = (uint16_t)(p->n_pending - done);
	if (unlikely(p->n_pending != 0 && done != 0))
		memmove(p->pending, p->pending + done, p->n_pending * sizeof p->pending[0]);
	return done;
}

static void
run_loop(struct bench *b, struct bench_port *p)
{
	struct rte_mbuf *m[BENCH_BURST];
	uint64_t now = bench_now(), before;

	bench_start(b, now);
	for (unsigned turn = 0; !bench_over(b, now); turn++) {
		uint16_t n = rte_eth_rx_burst(p->id, 0, m, BENCH_BURST);
		before = now;
		now = bench_now();
		if (n != 0)
			take_burst(b, p, m, n, now);
		if (turn % EXPIRE_EVERY == 0)
			bench_expire(b, now);
		if (send_burst(b, p, now) == 0 && n == 0 && b->sending)
			b->r.idle_ns += now - before;
	}
	rte_pktmbuf_free_bulk(p->pending, p->n_pending);
}

int
bench_port_run(struct bench *b)
{
	struct bench_port p = {0};
	int ret;

	if (strlen(b->o.port) >= 512) {
		fprintf(stderr, "millrace-bench: --port: longer than 511 octets\n");
		return -EINVAL;
	}
	if ((ret = parse_addresses(&p, &b->o)) != 0 || (ret = start_eal(&b->o)) != 0)
		return ret;
	ret = start_port(&p, &b->o);
	if (ret != 0) {
		fprintf(stderr, "millrace-bench: --port %s: %s\n", b->o.port,
			ret == -ENOLINK ? "the link did not come up (is the peer there?)"
					: strerror(-ret));
	} else {
		for (uint32_t i = 0; i < b->q.n; i++)
			prepare_query(b, &p, &b->q.query[i]);
		run_loop(b, &p);
		rte_eth_dev_stop(p.id);
		rte_eth_dev_close(p.id);
	}
	rte_eal_cleanup();
	return ret;
}
