/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_run: when to send, what counts as lost, and when the run is over; the same for all
 * transports of millrace-bench. */
#include "tools/bench.h"

void
bench_start(struct bench *b, uint64_t now)
{
	b->r.start_ns = now;
	b->last_send_ns = now;
	b->sending = true;
}

static void
stop_sending(struct bench *b, uint64_t now)
{
	b->sending = false;
	b->r.stop_ns = now;
	b->r.received_sending = b->r.received;
}

unsigned
bench_budget(struct bench *b, uint64_t now, unsigned max)
{
	uint64_t n;

	if (!b->sending)
		return 0;
	if (bench_interrupted || now - b->r.start_ns >= b->o.duration_ns ||
		(b->o.count != 0 && b->next >= b->o.count)) {
		stop_sending(b, now);
		return 0;
	}
	if (b->interval_ns > 0) {
		uint64_t elapsed = now - b->r.start_ns;
		uint64_t due = (uint64_t)((double)elapsed / b->interval_ns) + 1;
		n = due > b->next ? due - b->next : 0;
		if (n > max) {
			uint64_t late = (uint64_t)((double)n * b->interval_ns);
			if (late > b->r.late_ns)
				b->r.late_ns = late;
		}
	} else {
		n = b->in_flight < b->o.window ? b->o.window - b->in_flight : 0;
	}
	if (n > max)
		n = max;
	if (b->o.count != 0 && n > b->o.count - b->next)
		n = b->o.count - b->next;
	if (n != 0)
		b->last_send_ns = now;
	return (unsigned)n;
}

void
bench_expire(struct bench *b, uint64_t now)
{
	/* what bench_take() already took away for want of slots */
	if (b->next - b->oldest > (uint64_t)b->slot_mask + 1)
		b->oldest = b->next - b->slot_mask - 1;
	while (b->oldest < b->next) {
		struct bench_slot *s = &b->slot[b->oldest & b->slot_mask];
		if (s->key == (BENCH_OUT | ((uint32_t)b->oldest & b->key_mask))) {
			if (now < s->due_ns + b->o.timeout_ns)
				break;
			s->key = 0;
			b->in_flight--;
			b->r.lost++;
		}
		b->oldest++;
	}
}

void
bench_lose_flow(struct bench *b, unsigned flow)
{
	for (uint64_t seq = b->oldest; seq < b->next; seq++) {
		struct bench_slot *s = &b->slot[seq & b->slot_mask];
		if (bench_flow(b, seq) != flow ||
			s->key != (BENCH_OUT | ((uint32_t)seq & b->key_mask)))
			continue;
		s->key = 0;
		b->in_flight--;
		b->r.lost++;
	}
}

bool
bench_over(const struct bench *b, uint64_t now)
{
	return !b->sending && (b->in_flight == 0 || now > b->last_send_ns + b->o.timeout_ns);
}

void
bench_finish(struct bench *b)
{
	bench_expire(b, UINT64_MAX);
	/* all was sent before the time was up: the rate is that up to the last answer */
	if (b->o.count != 0 && b->next >= b->o.count && b->r.last_answer_ns > b->r.stop_ns) {
		b->r.stop_ns = b->r.last_answer_ns;
		b->r.received_sending = b->r.received;
	}
}
