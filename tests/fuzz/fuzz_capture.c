/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_capture: a dataplane's data file, written by a stranger, on its way into a capture file. The
 * first eight octets are the ring's head, the next sixteen its clock; the rest lies at the end of
 * the ring, at its start, and in the ports' names, by the low bits of the ninth. Whatever is in
 * there, blocks come out, and they come to an end. */
#include "controlplane/capture/pcapng.h"
#include "controlplane/capture/rings.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_OCTETS 24u
#define BLOCKS_MAX 100000u /* more than the smallest records of a ring, and interfaces */

static struct capture_control control;
static uint8_t out[CAPTURE_SNAPLEN_MAX + PCAPNG_OVERHEAD_MAX];

static void
check_block(size_t len)
{
	uint32_t first, last;

	FUZZ_CHECK(len >= 12 && len <= sizeof out && len % 4 == 0);
	memcpy(&first, out + 4, 4);
	memcpy(&last, out + len - 4, 4);
	FUZZ_CHECK(first == len && last == len);
}

static void
fill(struct capture_data *d, const uint8_t *data, size_t len)
{
	struct capture_ring *ring = &d->ring[0];
	uint64_t head, hz, tsc;
	size_t part;

	memcpy(&head, data, 8);
	memcpy(&tsc, data + 8, 8);
	memcpy(&hz, data + 16, 8);
	ring->head = head;
	d->clock_tsc = tsc;
	d->tsc_hz = hz;
	data += HEAD_OCTETS;
	len -= HEAD_OCTETS;
	part = len < CAPTURE_RING_OCTETS ? len : CAPTURE_RING_OCTETS;
	memcpy(ring->data, data, part);
	if (tsc & 1)
		memcpy(ring->data + CAPTURE_RING_OCTETS - part, data, part);
	part = len < sizeof ring->name ? len : sizeof ring->name;
	if (tsc & 2)
		memcpy(ring->name, data, part);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct capture_data *d;
	struct capture_link link = {.control = &control, .generation = 2};
	struct capture_rings *r;
	unsigned n_blocks = 0, n_interfaces = 0, n_statistics = 0;
	size_t n;

	if (len < HEAD_OCTETS)
		return 0;
	if (d == NULL)
		d = aligned_alloc(HUB_PAGE, capture_data_octets(1));
	r = capture_rings_create(&link, "a filter", CAPTURE_SNAPLEN_MAX);
	if (d == NULL || r == NULL)
		abort();
	memset(d, 0, capture_data_octets(1));
	d->magic = CAPTURE_MAGIC;
	d->version = CAPTURE_VERSION;
	d->generation = 2;
	d->n_workers = 1;
	fill(d, data, len);
	FUZZ_CHECK(capture_rings_attach(r, 0, d, capture_data_octets(1)) == 0);
	for (;;) {
		bool packet;
		n = capture_rings_next(r, out, sizeof out, &packet);
		if (n == 0)
			break;
		check_block(n);
		n_interfaces += !packet;
		FUZZ_CHECK(++n_blocks < BLOCKS_MAX);
	}
	while ((n = capture_rings_statistics(r, n_statistics, out, sizeof out)) != 0) {
		check_block(n);
		n_statistics++;
	}
	FUZZ_CHECK(n_statistics == n_interfaces && n_interfaces <= CAPTURE_PORTS_MAX);
	capture_rings_destroy(r);
	return 0;
}
