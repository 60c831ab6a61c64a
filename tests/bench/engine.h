/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine: the parts of bench_engine, which measures the answer engine alone: no EAL, no packets,
 * one thread. */
#pragma once
#include "dataplane/answer/answer.h"
#include "tests/bench/zonegen.h"

#define ENGINE_STRIDE 128u        /* octets for a prepared query */
#define ENGINE_QUERIES (1u << 18) /* prepared queries of a workload */
#define ENGINE_BUFFERS 512u       /* packet buffers filled for a round */
#define ENGINE_ROOM 2048u         /* octets of each */
#define ENGINE_BUFFER_STRIDE                                                 \
	(ENGINE_ROOM + 320u) /* as mbufs lie: not all in the same cache sets \
			      */

enum engine_workload {
	WORKLOAD_HIT,
	WORKLOAD_HIT_EDNS,
	WORKLOAD_NODATA,
	WORKLOAD_NXDOMAIN,
	WORKLOAD_REFERRAL,
	WORKLOAD_WILDCARD,
	WORKLOAD_CNAME,
	WORKLOADS,
};

struct engine_query {
	uint8_t dns[ENGINE_STRIDE - 8];
	uint32_t address; /* that the last A record of the answer must hold */
	uint16_t len;
	uint16_t reserved;
};
_Static_assert(sizeof(struct engine_query) == ENGINE_STRIDE, "whole cache lines");

struct engine_expectation {
	const char *name, *help;
	double target_mqps; /* DESIGN.md section 9, at 1 M names; 0: none */
	uint8_t rcode, aa;
	uint16_t an, ns, ar;
	bool address; /* an A record is to be checked; it lies `from_end` octets before the end */
	uint8_t from_end;
};

extern const struct engine_expectation engine_expectation[WORKLOADS];

/** Fill ENGINE_QUERIES queries for names spread over the whole zone. */
void engine_make_queries(struct engine_query *q, const struct zonegen *z, enum engine_workload w,
	const char *origin);

/** Is this the right answer? Returns NULL, or what is wrong with it. */
const char *engine_check(enum engine_workload w, const struct engine_query *q,
	const uint8_t *response, uint32_t len);

/** The least that any server does: parse, fold, hash, look up, copy. q and the result as
 * answer_burst(). */
void engine_probe(const struct arena *a, struct answer_query *q, unsigned n);

/** "bench.example." -> wire. Returns octets. */
unsigned engine_wire_name(uint8_t out[256], const char *text);
