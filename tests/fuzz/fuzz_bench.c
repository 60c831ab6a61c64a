/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_bench: what the load generator takes from outside: a capture file (first octet even) or a
 * message that came in while queries are outstanding (odd). */
#include "tests/fuzz/fuzz.h"
#include "tools/bench.h"

volatile bool bench_interrupted;

static void
read_capture(uint8_t *data, size_t len)
{
	struct bench_queries q = {.head = 42};
	FILE *f = fmemopen(data, len, "rb");

	if (f == NULL)
		return;
	/* whatever comes of it, what was taken must be whole */
	int ret = bench_pcap_read(&q, f, "capture");
	FUZZ_CHECK(ret <= 0);
	for (uint32_t i = 0; i < q.n; i++) {
		FUZZ_CHECK(q.query[i].question + 12u <= q.query[i].len);
		FUZZ_CHECK((size_t)q.query[i].at * 8 + q.head + q.query[i].len <= q.len);
	}
	bench_queries_free(&q);
}

static void
take_answer(const uint8_t *data, size_t len)
{
	static const uint8_t dns[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	static struct bench_slot slot[4096];
	static struct bench b;
	const struct bench_query *q;

	memset(slot, 0, sizeof slot);
	memset(&b, 0, sizeof b);
	b.slot = slot;
	b.slot_mask = 4095;
	b.flow_bits = 2;
	b.key_mask = (1u << 18) - 1;
	b.o.timeout_ns = 1000;
	if (bench_queries_add(&b.q, dns, sizeof dns) != 0)
		return;
	bench_start(&b, 0);
	for (unsigned i = 0; i < 64; i++)
		bench_take(&b, 0, &q);
	for (unsigned flow = 0; flow < 4; flow++)
		bench_answer(&b, flow, data, (uint32_t)len, 100);
	FUZZ_CHECK(b.r.received + b.r.invalid + b.in_flight == 64);
	FUZZ_CHECK(b.r.received + b.r.invalid + b.r.unexpected + b.r.ignored == 4);
	bench_finish(&b);
	FUZZ_CHECK(b.r.received + b.r.invalid + b.r.lost == 64);
	bench_queries_free(&b.q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2)
		return 0;
	/* exactly as long as it is, so that a sanitizer sees each octet read behind it */
	uint8_t *copy = malloc(len - 1);
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, len - 1);
	if (data[0] & 1)
		take_answer(copy, len - 1);
	else
		read_capture(copy, len - 1);
	free(copy);
	return 0;
}
