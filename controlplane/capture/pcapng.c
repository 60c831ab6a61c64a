/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcapng: see pcapng.h. */
#include "controlplane/capture/pcapng.h"

#include <string.h>

/* draft-ietf-opsawg-pcapng 4 */
enum {
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BLOCK_SECTION = 0x0a0d0d0a,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_ETHERNET = 1,
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	STATISTICS_DROPPED = 5,
	STATISTICS_DELIVERED = 8,
	RESOLUTION_NS = 9,
};

/* A block that is being written. */
struct block {
	uint8_t *start, *at, *end; /* end: of the room, less the trailing length */
	bool full;
};

static void
put(struct block *b, const void *octets, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;

	if (b->full || padded > (size_t)(b->end - b->at)) {
		b->full = true;
		return;
	}
	if (len != 0)
		memcpy(b->at, octets, len);
	memset(b->at + len, 0, padded - len);
	b->at += padded;
}

static void
put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof v);
}

/* Times and counts are written upper half first in places, lower half first in options. */
static void
put_time(struct block *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

static void
put_option(struct block *b, uint16_t code, const void *value, size_t len)
{
	uint16_t head[2] = {code, (uint16_t)len};

	put(b, head, sizeof head);
	put(b, value, len);
}

static void
put_text(struct block *b, uint16_t code, const char *text)
{
	put_option(b, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static struct block
begin(const struct pcapng *p, uint32_t type)
{
	struct block b = {.start = p->at, .at = p->at, .end = p->at + p->room};

	if (p->room < 4) {
		b.full = true;
		return b;
	}
	b.end -= 4;
	put32(&b, type);
	put32(&b, 0); /* the length comes with the end */
	return b;
}

static bool
end(struct pcapng *p, struct block *b)
{
	uint32_t len;

	if (b->full)
		return false;
	len = (uint32_t)(b->at - b->start) + 4;
	memcpy(b->start + 4, &len, 4);
	memcpy(b->at, &len, 4);
	p->at += len;
	p->room -= len;
	return true;
}

bool
pcapng_section(struct pcapng *p, const char *application)
{
	static const uint16_t version[2] = {1, 0};
	static const int64_t unknown = -1; /* length of the section */
	struct block b = begin(p, BLOCK_SECTION);

	put32(&b, BYTE_ORDER_MAGIC);
	put(&b, version, sizeof version);
	put(&b, &unknown, sizeof unknown);
	put_text(&b, SECTION_APPLICATION, application);
	put32(&b, OPTION_END);
	return end(p, &b);
}

bool
pcapng_interface(struct pcapng *p, const char *name, uint32_t snaplen, const char *filter)
{
	static const uint16_t link[2] = {LINKTYPE_ETHERNET, 0};
	static const uint8_t resolution = RESOLUTION_NS;
	struct block b = begin(p, BLOCK_INTERFACE);

	put(&b, link, sizeof link);
	put32(&b, snaplen);
	put_text(&b, INTERFACE_NAME, name);
	put_option(&b, INTERFACE_RESOLUTION, &resolution, sizeof resolution);
	if (filter != NULL && filter[0] != '\0') {
		char text[PCAPNG_TEXT_MAX + 1]; /* a 0: what follows is text, as libpcap has it */
		size_t len = strnlen(filter, PCAPNG_TEXT_MAX);
		text[0] = 0;
		memcpy(text + 1, filter, len);
		put_option(&b, INTERFACE_FILTER, text, len + 1);
	}
	put32(&b, OPTION_END);
	return end(p, &b);
}

bool
pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet)
{
	struct block b = begin(p, BLOCK_PACKET);
	uint32_t flags = (uint32_t)packet->direction;

	put32(&b, packet->interface);
	put_time(&b, packet->time_ns);
	put32(&b, packet->kept);
	put32(&b, packet->original);
	put(&b, packet->frame, packet->kept);
	put_option(&b, PACKET_FLAGS, &flags, sizeof flags);
	if (packet->comment != NULL)
		put_text(&b, OPTION_COMMENT, packet->comment);
	put32(&b, OPTION_END);
	return end(p, &b);
}

bool
pcapng_statistics(struct pcapng *p, uint32_t interface, uint64_t time_ns, uint64_t delivered,
	uint64_t dropped)
{
	struct block b = begin(p, BLOCK_STATISTICS);

	put32(&b, interface);
	put_time(&b, time_ns);
	put_option(&b, STATISTICS_DROPPED, &dropped, sizeof dropped);
	put_option(&b, STATISTICS_DELIVERED, &delivered, sizeof delivered);
	put32(&b, OPTION_END);
	return end(p, &b);
}
