/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_queries: the workloads of bench_engine, and what the right answer to each is. A benchmark
 * of wrong answers measures nothing. */
#include "tests/bench/engine.h"

#include <string.h>

#define OPT_OCTETS 11u
#define A_RDATA 4u

const struct engine_expectation engine_expectation[WORKLOADS] = {
	[WORKLOAD_HIT] = {"hit", "A of a host, letters in mixed case", 16, 0, 1, 1, 0, 0, true, 4},
	[WORKLOAD_HIT_EDNS] = {"hit, EDNS", "the same with an OPT record", 0, 0, 1, 1, 0, 1, true,
		15},
	[WORKLOAD_NODATA] = {"no data", "AAAA of a host that has only A", 0, 0, 1, 0, 1, 0, false,
		0},
	[WORKLOAD_NXDOMAIN] = {"NXDOMAIN", "a name that does not exist", 12, 3, 1, 0, 1, 0, false,
		0},
	[WORKLOAD_REFERRAL] = {"referral", "a name below a delegation with glue", 12, 0, 0, 0, 1, 1,
		true, 4},
	[WORKLOAD_WILDCARD] = {"wildcard", "a name that a wildcard covers", 0, 0, 1, 1, 0, 0, true,
		4},
	[WORKLOAD_CNAME] = {"CNAME", "an alias of a host, followed", 0, 0, 1, 2, 0, 0, true, 4},
};

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1du;
}

unsigned
engine_wire_name(uint8_t out[256], const char *text)
{
	unsigned n = 0;

	while (*text != 0) {
		size_t len = strcspn(text, ".");
		out[n++] = (uint8_t)len;
		memcpy(out + n, text, len);
		n += (unsigned)len;
		text += len + (text[len] == '.');
	}
	out[n++] = 0;
	return n;
}

/* A label in wire form, letters in random case. */
static unsigned
put_label(uint8_t *out, const char *text, unsigned len, uint64_t *state)
{
	uint64_t r = next_random(state);

	out[0] = (uint8_t)len;
	for (unsigned i = 0; i < len; i++, r >>= 1) {
		bool letter = text[i] >= 'a' && text[i] <= 'z';
		out[1 + i] = (uint8_t)(letter && (r & 1) ? text[i] - 0x20 : text[i]);
	}
	return len + 1;
}

static void
make_query(struct engine_query *q, const struct zonegen *z, enum engine_workload w,
	const char *origin, uint64_t *state)
{
	static const enum zonegen_kind kind_of[WORKLOADS] = {
		[WORKLOAD_NXDOMAIN] = ZONEGEN_ABSENT,
		[WORKLOAD_REFERRAL] = ZONEGEN_DELEGATION,
		[WORKLOAD_WILDCARD] = ZONEGEN_WILDCARD,
		[WORKLOAD_CNAME] = ZONEGEN_CNAME,
	};
	enum zonegen_kind kind = kind_of[w];
	uint32_t of = kind == ZONEGEN_ABSENT ? UINT32_MAX : z->n[kind];
	uint32_t i = (uint32_t)((next_random(state) >> 32) * of >> 32);
	char label[ZONEGEN_LABEL_MAX];
	unsigned n = 12, octets;

	memset(q, 0, sizeof *q);
	q->dns[5] = 1;
	if (w == WORKLOAD_REFERRAL)
		n += put_label(q->dns + n, "www", 3, state);
	if (w == WORKLOAD_WILDCARD) {
		octets = zonegen_label(z, ZONEGEN_ABSENT, i * 7, label);
		n += put_label(q->dns + n, label, octets, state);
	}
	octets = zonegen_label(z, kind, i, label);
	n += put_label(q->dns + n, label, octets, state);
	while (*origin != 0) {
		size_t len = strcspn(origin, ".");
		n += put_label(q->dns + n, origin, (unsigned)len, state);
		origin += len + (origin[len] == '.');
	}
	n++;
	q->dns[n + 1] = w == WORKLOAD_NODATA ? 28 : 1;
	q->dns[n + 3] = 1;
	n += 4;
	if (w == WORKLOAD_HIT_EDNS) {
		q->dns[11] = 1;
		q->dns[n + 2] = 41;
		q->dns[n + 3] = 1232 >> 8;
		q->dns[n + 4] = 1232 & 255;
		n += OPT_OCTETS;
	}
	q->dns[0] = (uint8_t)next_random(state);
	q->len = (uint16_t)n;
	q->address = zonegen_address(w == WORKLOAD_CNAME ? zonegen_target(z, i) : i);
}

void
engine_make_queries(
	struct engine_query *q, const struct zonegen *z, enum engine_workload w, const char *origin)
{
	uint64_t state = 0x9e3779b97f4a7c15u + w;

	for (uint32_t i = 0; i < ENGINE_QUERIES; i++)
		make_query(&q[i], z, w, origin, &state);
}

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

const char *
engine_check(enum engine_workload w, const struct engine_query *q, const uint8_t *r, uint32_t len)
{
	const struct engine_expectation *e = &engine_expectation[w];
	unsigned question = q->len - 12u - (w == WORKLOAD_HIT_EDNS ? OPT_OCTETS : 0);

	if (len < 12 + question)
		return "no answer, or a short one";
	if (memcmp(r, q->dns, 2) != 0 || (r[2] & 0x80) == 0)
		return "another ID, or no response";
	if ((r[3] & 15) != e->rcode)
		return "wrong RCODE";
	if ((r[2] >> 2 & 1) != e->aa || (r[2] & 2) != 0)
		return "wrong AA or TC";
	if (get16(r + 4) != 1 || memcmp(r + 12, q->dns + 12, question) != 0)
		return "another question";
	if (get16(r + 6) != e->an || get16(r + 8) != e->ns || get16(r + 10) != e->ar)
		return "wrong number of records";
	if (e->address) {
		const uint8_t *a = r + len - e->from_end;
		uint32_t address =
			(uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
		if (len < 12 + question + A_RDATA || address != q->address)
			return "wrong address";
	}
	return NULL;
}
