/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy: a burst on its way to the engine and back. Sets of queries are bit masks: a burst has at
 * most 32. Thread: the worker's. */
#include "dataplane/policy/policy.h"

#include "dataplane/policy/limiter.h"
#include "shm/policy.h"

#include <stdlib.h>

#define HEADER_OCTETS 12u
#define FLAG_TC 2u
#define POLICY_WORKERS_MAX 64u /* HUB_WORKERS_MAX, without the hub */

_Static_assert(ANSWER_BURST <= 32, "a set of queries is 32 bits");
/* a window is the longer one of what is configured and what one response costs */
_Static_assert(
	(uint64_t)POLICY_WINDOW_MAX_MS *(LIMITER_TICKS_A_SECOND / 1000) <= LIMITER_AHEAD_MAX &&
		(uint64_t)POLICY_WORKERS_MAX * LIMITER_TICKS_A_SECOND <= LIMITER_AHEAD_MAX,
	"a window in ticks");

struct policy_context {
	struct counters *counters;
	struct limiter *limiter;
	unsigned n_workers;
	uint32_t n_over; /* responses over the limit, for the slip */
	/* made of the policy with this serial */
	uint64_t serial;
	uint64_t v4_mask, v6_mask;     /* the bits of policy_key.upper that share a limit */
	uint64_t cost[POLICY_CLASSES]; /* ticks; 0: no limit */
	uint64_t window;
	/* of this burst */
	struct policy_key key[ANSWER_BURST];
	uint64_t hash[ANSWER_BURST];
	uint8_t action[ANSWER_BURST];
	struct answer_query packed[ANSWER_BURST];
};

struct policy_context *
policy_create(unsigned n_workers, const uint64_t seed[2], struct counters *counters)
{
	struct policy_context *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->limiter = limiter_create(seed);
	if (c->limiter == NULL) {
		free(c);
		return NULL;
	}
	c->n_workers = n_workers > 0 ? n_workers : 1;
	c->counters = counters;
	c->serial = UINT64_MAX;
	return c;
}

void
policy_destroy(struct policy_context *c)
{
	if (c == NULL)
		return;
	limiter_destroy(c->limiter);
	free(c);
}

uint64_t
policy_tick_scale(uint64_t tsc_hz)
{
	return tsc_hz == 0 ? 0
			   : (uint64_t)(((unsigned __int128)LIMITER_TICKS_A_SECOND << 32) / tsc_hz);
}

/* A new policy: its rates in this worker's terms. Traffic is spread over the workers by source port
 * and address, so each sees its share of a prefix and gives its share of the rate. */
static __attribute__((cold, noinline)) void
take_over(struct policy_context *c, const struct policy *p)
{
	const struct policy_rate_limit *l = &p->limit;

	c->serial = p->serial;
	c->v4_mask = ~0ull << (64 - l->v4_bits);
	c->v6_mask = ~0ull << (64 - l->v6_bits);
	c->window = (uint64_t)l->window_ms * (LIMITER_TICKS_A_SECOND / 1000);
	for (unsigned i = 0; i < POLICY_CLASSES; i++)
		c->cost[i] = l->rate[i] == 0
				     ? 0
				     : (uint64_t)c->n_workers * LIMITER_TICKS_A_SECOND / l->rate[i];
}

/* --- before the engine --- */

static inline void
split_keys(struct policy_context *c, const struct answer_query *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		c->key[i] = policy_key_of(q[i].client);
}

/* Ask for the buckets that the responses will be counted in. */
static inline void
prepare_limit(struct policy_context *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct policy_key *k = &c->key[i];
		c->hash[i] = limiter_hash(
			c->limiter, k->upper & (k->v4 ? c->v4_mask : c->v6_mask), k->v4);
		limiter_prefetch(c->limiter, c->hash[i]);
	}
}

/* What the actions other than "allow" mean, for those in `special`. Returns the denied. */
static __attribute__((cold, noinline)) uint32_t
apply_actions(struct policy_context *c, struct answer_query *q, uint32_t special, uint32_t *spared)
{
	uint32_t denied = 0;

	for (; special != 0; special &= special - 1) {
		unsigned i = (unsigned)__builtin_ctz(special);
		switch (c->action[i]) {
		case POLICY_DENY:
			denied |= 1u << i;
			q[i].out_len = 0;
			q[i].why = CTR_D_ACL;
			counter_add(c->counters, CTR_ACL_DENY, 1);
			counter_add(c->counters, CTR_D_ACL, 1);
			break;
		case POLICY_REFUSE:
			q[i].verdict = ANSWER_REFUSE;
			counter_add(c->counters, CTR_ACL_REFUSE, 1);
			break;
		case POLICY_TCP_ONLY:
			if (q[i].transport >= ANSWER_TCP4)
				break;
			q[i].verdict = ANSWER_TRUNCATE;
			counter_add(c->counters, CTR_ACL_TCP_ONLY, 1);
			break;
		case POLICY_UNLIMITED:
			*spared |= 1u << i;
			break;
		}
	}
	return denied;
}

/* Look everybody up. Returns those whose action is not "allow". */
static inline uint32_t
look_up(struct policy_context *c, const struct policy *p, unsigned n)
{
	struct policy_span span[ANSWER_BURST];
	uint32_t special = 0;

	for (unsigned i = 0; i < n; i++)
		policy_prefetch_index(p, &c->key[i]);
	for (unsigned i = 0; i < n; i++) {
		span[i] = policy_span_of(p, &c->key[i]);
		policy_prefetch_span(p, &c->key[i], &span[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		c->action[i] = (uint8_t)policy_action_of(p, &c->key[i], &span[i]);
		special |= (uint32_t)(c->action[i] != POLICY_ALLOW) << i;
	}
	return special;
}

/* Answer all but those in `denied`, which the engine never sees. */
static __attribute__((cold, noinline)) void
answer_others(struct policy_context *c, struct answer_context *engine, struct answer_query *q,
	unsigned n, uint32_t denied, uint32_t now_s)
{
	unsigned n_packed = 0;

	for (unsigned i = 0; i < n; i++)
		if ((denied >> i & 1) == 0)
			c->packed[n_packed++] = q[i];
	answer_burst(engine, c->packed, n_packed, now_s);
	n_packed = 0;
	for (unsigned i = 0; i < n; i++)
		if ((denied >> i & 1) == 0)
			q[i] = c->packed[n_packed++];
}

/* --- after it --- */

/* Offset behind the question of a response that the engine made. */
static uint32_t
question_end(const uint8_t *dns, uint32_t len)
{
	uint32_t at = HEADER_OCTETS;

	if (dns[5] == 0)
		return at;
	while (at < len && dns[at] != 0)
		at += dns[at] + 1u;
	return at + 5 <= len ? at + 5 : HEADER_OCTETS;
}

/* Cut a response down to header, question and OPT, with TC: nothing is amplified, a client whose
 * address is real comes back over TCP, and one that sent a cookie gets its server cookie. */
static void
cut_down(struct policy_context *c, struct answer_query *q)
{
	uint8_t *dns = q->dns;
	uint32_t end = question_end(dns, q->out_len), opt = q->opt_len;

	if (end + opt > q->out_len)
		opt = 0;
	memmove(dns + end, dns + q->out_len - opt, opt);
	memset(dns + 6, 0, 6);
	dns[11] = opt != 0;
	if ((dns[2] & FLAG_TC) == 0)
		counter_add(c->counters, CTR_TRUNCATED, 1);
	dns[2] |= FLAG_TC;
	q->out_len = end + opt;
}

static inline bool
is_loopback(const struct policy_key *k)
{
	return k->v4 ? k->upper >> 56 == 127 : k->upper == 0 && k->lower == 1;
}

static __attribute__((cold, noinline)) void
over_limit(struct policy_context *c, const struct policy_rate_limit *l, struct answer_query *q,
	const struct policy_key *k)
{
	if (is_loopback(k) && !l->limit_loopback)
		return;
	if (l->slip != 0 && ++c->n_over % l->slip == 0) {
		cut_down(c, q);
		counter_add(c->counters, CTR_RRL_SLIP, 1);
		return;
	}
	q->out_len = 0;
	q->why = CTR_D_RATE_LIMIT;
	counter_add(c->counters, CTR_RRL_DROP, 1);
	counter_add(c->counters, CTR_D_RATE_LIMIT, 1);
}

/* TCP has shown that its source is real, and so has a cookie (RFC 7873 5.2.3). */
static inline void
limit(struct policy_context *c, const struct policy_rate_limit *l, struct answer_query *q,
	unsigned n, uint32_t spared, uint64_t ticks)
{
	static const uint8_t class_of[16] = {[0] = POLICY_ANSWERS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_NXDOMAIN,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ANSWERS /* YXDOMAIN */,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS,
		POLICY_ERRORS};
	uint32_t n_cookie = 0;

	for (unsigned i = 0; i < n; i++) {
		if (q[i].out_len == 0 || q[i].transport >= ANSWER_TCP4 || (spared >> i & 1) != 0)
			continue;
		if (q[i].cookie_valid) {
			n_cookie++;
			continue;
		}
		unsigned class = class_of[q[i].dns[3] & 15];
		uint64_t cost = c->cost[class], window = c->window > cost ? c->window : cost;
		if (cost == 0)
			continue;
		if (__builtin_expect(
			    !limiter_take(c->limiter, c->hash[i], class, ticks, cost, window), 0))
			over_limit(c, l, &q[i], &c->key[i]);
	}
	if (n_cookie != 0)
		counter_add(c->counters, CTR_RRL_COOKIE, n_cookie);
}

static void
policy_slice(struct policy_context *c, const struct policy *p, struct answer_context *engine,
	struct answer_query *q, unsigned n, uint32_t now_s, uint64_t ticks)
{
	uint32_t special = 0, denied = 0, spared = 0;

	split_keys(c, q, n);
	if (p->limit.enabled)
		prepare_limit(c, n);
	if (p->acl)
		special = look_up(c, p, n);
	if (__builtin_expect(special != 0, 0))
		denied = apply_actions(c, q, special, &spared);
	if (__builtin_expect(denied == 0, 1))
		answer_burst(engine, q, n, now_s);
	else
		answer_others(c, engine, q, n, denied, now_s);
	for (; special != 0; special &= special - 1)
		q[__builtin_ctz(special)].verdict = ANSWER_NORMAL;
	if (p->limit.enabled)
		limit(c, &p->limit, q, n, spared, ticks);
}

void
policy_answer(struct policy_context *c, struct answer_context *engine, struct answer_query *q,
	unsigned n, uint32_t now_s, uint64_t ticks)
{
	const struct policy *p = policy_current(answer_arena(engine));

	if (p == NULL || (!p->acl && !p->limit.enabled)) {
		answer_burst(engine, q, n, now_s);
		return;
	}
	if (p->serial != c->serial)
		take_over(c, p);
	for (unsigned i = 0; i < n; i += ANSWER_BURST)
		policy_slice(c, p, engine, q + i, n - i < ANSWER_BURST ? n - i : ANSWER_BURST,
			now_s, ticks);
}
