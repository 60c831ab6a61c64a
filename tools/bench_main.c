/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace-bench: a DNS load generator over DPDK ports and kernel sockets. Sets a run up, hands it
 * to the transport, reports. Sends to the given address only, and always for a bounded time. */
#include "tools/bench.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS_MIN 4096u
#define ID_BITS 16u

volatile bool bench_interrupted;

static void
interrupt(int number)
{
	(void)number;
	bench_interrupted = true;
}

static int
pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	if (sched_setaffinity(0, sizeof set, &set) == 0)
		return 0;
	fprintf(stderr, "millrace-bench: --core %d: %s\n", core, strerror(errno));
	return -errno;
}

/* The table of outstanding queries: twice what can be outstanding, but no more than IDs and flows
 * tell apart. */
static int
make_slots(struct bench *b)
{
	double need = b->o.rate_qps > 0 ? b->o.rate_qps * (double)b->o.timeout_ns / 1e9 * 2
					: b->o.window * 2.0;
	uint64_t n = SLOTS_MIN, most = (uint64_t)b->o.flows << ID_BITS;

	while ((double)n < need && n < most)
		n *= 2;
	if (n > most)
		n = most;
	b->slot_mask = (uint32_t)(n - 1);
	b->slot = calloc(n, sizeof *b->slot);
	return b->slot != NULL ? 0 : -ENOMEM;
}

static int
run(struct bench *b)
{
	const struct bench_options *o = &b->o;
	int ret;

	b->flow_bits = (unsigned)__builtin_ctz(o->flows);
	b->run_bits = o->port != NULL ? 0 : (unsigned)__builtin_ctz(BENCH_BURST);
	b->key_mask = (uint32_t)(((uint64_t)1 << (ID_BITS + b->flow_bits)) - 1);
	b->interval_ns = o->rate_qps > 0 ? 1e9 / o->rate_qps : 0;
	if (o->core >= 0 && o->port == NULL && (ret = pin(o->core)) != 0)
		return ret;
	if ((ret = make_slots(b)) != 0)
		return ret;
	ret = bench_queries_load(&b->q, o, o->port != NULL ? bench_port_head(o) : 0);
	if (ret != 0)
		return ret;
	if (o->port != NULL)
		ret = bench_port_run(b);
	else
		ret = o->tcp ? bench_tcp_run(b) : bench_udp_run(b);
	bench_finish(b);
	return ret;
}

int
main(int argc, char **argv)
{
	struct sigaction on_signal = {.sa_handler = interrupt};
	struct bench *b = calloc(1, sizeof *b);
	int status = 2;

	if (b == NULL)
		return status;
	bench_options_parse(&b->o, argc, argv);
	sigaction(SIGINT, &on_signal, NULL);
	sigaction(SIGTERM, &on_signal, NULL);
	if (run(b) == 0) {
		bench_report(b);
		status = b->r.received != 0 && b->r.invalid == 0 ? 0 : 1;
	}
	bench_queries_free(&b->q);
	free(b->slot);
	free(b);
	return status;
}
