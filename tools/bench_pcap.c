/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_pcap: the DNS queries in a capture file: UDP to any port, over IPv4 or IPv6, QR clear, one
 * question. Everything else is passed over and counted. */
#include "tools/bench.h"

#include <pcap.h>

#include <errno.h>
#include <stdio.h>

struct frame {
	const uint8_t *p;
	size_t len;
};

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static bool
skip(struct frame *f, size_t n)
{
	if (f->len < n)
		return false;
	f->p += n;
	f->len -= n;
	return true;
}

/* Down to the IP header. */
static bool
skip_link(struct frame *f, int link)
{
	unsigned type;

	switch (link) {
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return true;
	case DLT_NULL:
	case DLT_LOOP:
		return skip(f, 4);
	case DLT_LINUX_SLL:
		return skip(f, 16);
	case DLT_LINUX_SLL2:
		return skip(f, 20);
	case DLT_EN10MB:
		break;
	default:
		return false;
	}
	if (f->len < 14)
		return false;
	type = get16(f->p + 12);
	skip(f, 14);
	for (unsigned tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		if (f->len < 4)
			return false;
		type = get16(f->p + 2);
		skip(f, 4);
	}
	return type == 0x0800 || type == 0x86dd;
}

/* Down to the DNS message. */
static bool
skip_ip_udp(struct frame *f)
{
	if (f->len < 20)
		return false;
	if (f->p[0] >> 4 == 4) {
		if (f->p[9] != IPPROTO_UDP || (get16(f->p + 6) & 0x3fff) != 0 ||
			(f->p[0] & 15) < 5 || !skip(f, (f->p[0] & 15u) * 4))
			return false;
	} else if (f->p[0] >> 4 == 6) {
		if (f->len < 40 || f->p[6] != IPPROTO_UDP || !skip(f, 40))
			return false;
	} else {
		return false;
	}
	if (f->len < 8 || get16(f->p + 4) < 8)
		return false;
	size_t udp = get16(f->p + 4) - 8u;
	skip(f, 8);
	if (f->len < udp)
		return false; /* cut short by the capture, or the first of several fragments */
	f->len = udp;
	return true;
}

int
bench_pcap_load(struct bench_queries *q, const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL) {
		int ret = -errno;
		fprintf(stderr, "millrace-bench: %s: %s\n", path, strerror(-ret));
		return ret;
	}
	return bench_pcap_read(q, f, path);
}

int
bench_pcap_read(struct bench_queries *q, FILE *f, const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *cap = pcap_fopen_offline(f, error);
	struct pcap_pkthdr *header;
	const u_char *octets;
	unsigned long passed = 0;
	int ret = 0, more;

	if (cap == NULL) {
		fprintf(stderr, "millrace-bench: %s: %s\n", path, error);
		fclose(f);
		return -EINVAL;
	}
	while ((more = pcap_next_ex(cap, &header, &octets)) == 1 && ret == 0) {
		struct frame frame = {octets, header->caplen};
		if (!skip_link(&frame, pcap_datalink(cap)) || !skip_ip_udp(&frame) ||
			frame.len < 12 || (frame.p[2] & 0x80) != 0) {
			passed++;
			continue;
		}
		ret = bench_queries_add(q, frame.p, frame.len);
		if (ret == -EINVAL || ret == -EMSGSIZE) {
			passed++;
			ret = 0;
		}
	}
	if (more == PCAP_ERROR) {
		fprintf(stderr, "millrace-bench: %s: %s\n", path, pcap_geterr(cap));
		ret = -EINVAL;
	} else if (ret != 0) {
		fprintf(stderr, "millrace-bench: %s: %s\n", path, strerror(-ret));
	} else if (passed != 0) {
		fprintf(stderr,
			"millrace-bench: %s: passed over %lu packets that are no DNS queries over "
			"UDP\n",
			path, passed);
	}
	pcap_close(cap);
	return ret;
}
