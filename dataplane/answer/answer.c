/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer: takes bursts of queries through the engine stage by stage, each stage asking the memory
 * for what the next one reads. Thread: the worker's. */
#include "dataplane/answer/answer.h"

#include "dataplane/answer/work.h"
#include "shm/image_find.h"

#include <stdlib.h>

#define ANSWER_AHEAD 3u /* cache lines of an answer that are asked for; common RRsets fit */

static const struct work_place in_question = {.base = DNS_HEADER, .split = UINT32_MAX};

/* Counts of a slice, kept in registers and added at its end. */
struct tally {
	uint32_t transport[4]; /* common queries, by enum answer_transport */
	uint32_t noerror;      /* common responses */
};

static inline void
tally_add(struct counters *c, const struct tally *t)
{
	static const uint16_t id[4] = {CTR_Q_UDP4, CTR_Q_UDP6, CTR_Q_TCP4, CTR_Q_TCP6};
	uint32_t n = 0;

	for (unsigned i = 0; i < 4; i++) {
		counter_add(c, id[i], t->transport[i]);
		n += t->transport[i];
	}
	counter_add(c, CTR_OP_QUERY, n);
	counter_add(c, CTR_R_NOERROR, t->noerror);
}

/* Until the control plane has published settings. */
static const struct settings settings_default = {
	.magic = SETTINGS_MAGIC, .udp_payload_max = 1232, .tcp_keepalive_ds = 100};

struct answer_context *
answer_create(const struct arena *arena, struct counters *counters)
{
	struct answer_context *c = aligned_alloc(64, (sizeof *c + 63) & ~63ull);
	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof *c);
	c->arena = arena;
	c->counters = counters;
	c->settings = &settings_default;
	return c;
}

void
answer_destroy(struct answer_context *c)
{
	free(c);
}

const struct arena *
answer_arena(const struct answer_context *c)
{
	return c->arena;
}

static const struct settings *
settings_current(const struct arena *a)
{
	uint64_t off = atomic_load_explicit(&arena_header(a)->settings, memory_order_acquire);
	const struct settings *s = arena_at(a, off, sizeof *s);
	if (s == NULL || off % ARENA_ALIGN != 0 || s->magic != SETTINGS_MAGIC ||
		s->udp_payload_max < DNS_UDP_MIN)
		return &settings_default;
	return s;
}

/* Octets 4..9 of most queries, as they lie in memory: one question, no answer, no authority. */
static const uint8_t one_question[6] = {0, 1};

/*
 * Parse a query as most are: class IN, with a plain OPT or none. False when it is another: nothing
 * was counted then, and work_parse() starts anew.
 */
static inline bool
parse_common(struct answer_context *c, struct work *w)
{
	struct answer_query *q = w->q;
	const uint8_t *dns = q->dns;

	/* QR and opcode */
	if (q->len < DNS_HEADER + 5 || (dns[2] & 0xf8) != 0 ||
		memcmp(dns + 4, one_question, 6) != 0)
		return false;
	unsigned at = work_name_labels(&w->name, dns, q->len);
	if (at == 0 || dns[at + 2] != 0 || dns[at + 3] != CLASS_IN)
		return false;
	work_reset(w);
	w->qtype = get16(dns + at);
	if (w->qtype == TYPE_AXFR || w->qtype == TYPE_IXFR)
		return false;
	at += 4;
	w->limit = q->transport >= ANSWER_TCP4 ? ANSWER_ROOM_STREAM : DNS_UDP_MIN;
	if (at == q->len) {
		if ((dns[10] | dns[11]) != 0)
			return false;
	} else {
		/* owner, type; version; RDLENGTH */
		static const uint8_t owner_and_type[3] = {0, 0, TYPE_OPT};
		const uint8_t *opt = dns + at;
		if (at + OPT_FIXED != q->len || dns[10] != 0 || dns[11] != 1 ||
			memcmp(opt, owner_and_type, 3) != 0 || opt[6] != 0 ||
			(opt[9] | opt[10]) != 0)
			return false;
		w->f.opt = true;
		w->f.do_bit = opt[7] >> 7;
		if (q->transport < ANSWER_TCP4)
			w->limit = work_udp_limit(c->settings, get16(opt + 3));
	}
	if (w->limit > q->room)
		w->limit = q->room;
	w->qclass = CLASS_IN;
	w->question_end = at;
	w->f.echo = true;
	w->f.state = WORK_LOOKUP;
	work_name_fold(&w->name, dns);
	return true;
}

/* The access list has it that this query gets no answer; errors of its own stay what they are. */
static __attribute__((cold, noinline)) void
apply_verdict(struct work *w)
{
	if (w->f.state != WORK_LOOKUP && !(w->f.state == WORK_DONE && w->f.rcode == RCODE_REFUSED))
		return;
	w->f.state = WORK_DONE;
	if (w->q->verdict == ANSWER_TRUNCATE) {
		w->f.rcode = RCODE_NOERROR;
		w->f.tc = true;
		return;
	}
	w->f.rcode = RCODE_REFUSED;
	w->ede = EDE_PROHIBITED;
}

/* Stage 1: parse. */
static inline void
stage_parse(struct answer_context *c, struct work *w, struct tally *t)
{
	w->q->cookie_valid = 0;
	w->q->opt_len = 0;
	if (__builtin_expect(w->q->verdict == ANSWER_NORMAL && parse_common(c, w), 1)) {
		t->transport[w->q->transport & 3]++;
		work_count_type(c, w->qtype);
		return;
	}
	work_parse(c, w);
	if (w->f.state == WORK_DONE && w->f.echo && w->qclass == CLASS_CH &&
		w->f.rcode == RCODE_REFUSED && w->q->verdict == ANSWER_NORMAL)
		work_chaos(c, w);
	if (w->q->verdict != ANSWER_NORMAL)
		apply_verdict(w);
}

/* Between them, if anybody has a view: those of the clients, in steps like the policy's. */
static __attribute__((noinline)) void
find_views(struct answer_context *c, struct work *const w[], unsigned n)
{
	const struct policy *sources = views_sources(c->views);
	struct policy_key key[ANSWER_BURST];

	for (unsigned i = 0; i < n; i++) {
		key[i] = policy_key_of(w[i]->q->client);
		policy_prefetch_index(sources, &key[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct policy_span span = policy_span_of(sources, &key[i]);
		policy_prefetch_span(sources, &key[i], &span);
	}
	for (unsigned i = 0; i < n; i++)
		w[i]->view = views_of(c->views, w[i]->q->client);
}

/* Stage 2: hash the name's suffixes, and ask for the directory's buckets of those that may be
 * zones. A stage of its own, since octets that were folded 16 at a time cannot be read across these
 * pieces until they have reached the cache. */
static inline void
stage_hash(struct answer_context *c, struct work *w)
{
	work_name_hash(&w->name, c->seed);
	if (c->directory == NULL)
		return;
	struct label_set zones = zone_directory_labels(c->directory, w->name.labels);
	for (unsigned k; (k = label_set_next(&zones)) != LABELS_END;)
		zone_directory_prefetch(c->directory, w->name.hash[k]);
}

/* Stage 3: the zone; ask for its header. */
static inline void
stage_zone(struct answer_context *c, struct work *w)
{
	w->zone = work_find_zone(c, w);
	if (w->zone == NULL)
		return;
	w->find_labels = work_find_labels(c, w);
	prefetch_line((const uint8_t *)w->zone + w->zone->chunks_at +
		      image_chunk_index(w->zone, w->name.hash[w->find_labels]) *
			      sizeof(struct image_chunk_ref));
}

/* Stage 4: the chunk; ask for the name's bucket. */
static inline void
stage_chunk(struct answer_context *c, struct work *w)
{
	uint64_t hash;

	if (w->zone == NULL || w->zone->flags & IMAGE_UNAVAILABLE)
		return;
	hash = w->name.hash[w->find_labels];
	w->chunk = image_chunk_of(c->arena, w->zone, hash);
	if (w->chunk.base != NULL)
		prefetch_line(image_bucket_of(&w->chunk, hash));
}

/* Stage 5: the bucket; ask for the node. */
static inline void
stage_bucket(struct work *w)
{
	if (w->chunk.base == NULL)
		return;
	uint64_t hash = w->name.hash[w->find_labels];
	image_prefetch_node(&w->chunk, image_bucket_of(&w->chunk, hash), hash);
}

/* Stage 6 for a name that was looked up where its zone was cut lately: a cut there is all that
 * there is to know of it. */
static void
stage_cut(struct work *w)
{
	unsigned at = w->name.label[w->name.labels - w->find_labels];

	w->parent = image_find(
		&w->chunk, w->name.hash[w->find_labels], w->name.wire + at, w->name.len - at);
	if (w->parent == NULL || !(w->parent->flags & NODE_CUT))
		return;
	w->parent_chunk = w->chunk;
	w->parent_labels = w->find_labels;
	w->parent_known = true;
	w->referral = work_ask_answer(&w->chunk, w->parent, TYPE_NS, ANSWER_AHEAD);
}

/* Stage 6: the node and its RRset of this type; ask for the RRset. */
static inline void
stage_node(struct work *w)
{
	if (w->chunk.base == NULL)
		return;
	if (w->find_labels != w->name.labels) {
		stage_cut(w);
		return;
	}
	w->node = image_find(&w->chunk, w->name.hash[w->name.labels], w->name.wire, w->name.len);
	if (w->node == NULL)
		return;
	if (__builtin_expect(!(w->node->flags & NODE_CUT), 1))
		w->answer = work_ask_answer(&w->chunk, w->node, w->qtype, ANSWER_AHEAD);
	else if (w->qtype != TYPE_DS)
		w->referral = work_ask_answer(&w->chunk, w->node, TYPE_NS, ANSWER_AHEAD);
}

/*
 * The response to most queries: an RRset copied behind the question, header and OPT written at
 * once. False when it does not fit, or is not of the short kind.
 */
static inline bool
respond_common(struct answer_context *c, struct work *w)
{
	const struct image_answer *a = w->answer;
	uint8_t *dns = w->q->dns;
	uint32_t len = a->len, at = w->question_end, opt = w->f.opt ? OPT_FIXED : 0;

	/* of a short answer that needs no pointers moved, only the octets are looked at */
	if (a->flags != 0 || w->f.nsid || w->f.keepalive || w->f.cookie_len != 0 ||
		at + len + opt > w->limit ||
		(const uint8_t *)(a + 1) + len > w->chunk.base + w->chunk.len)
		return false;
	work_copy(dns + at, image_answer_octets(a), len);
	at += len;
	if (opt != 0)
		at += work_put_plain_opt(dns + at, c->settings->udp_payload_max, w->f.do_bit);
	dns[2] = (uint8_t)(0x84 | (dns[2] & 1)); /* QR, AA, and RD as it was */
	dns[3] = 0;
	put16(dns + 4, 1);
	put16(dns + 6, a->an);
	put16(dns + 8, a->ns);
	put16(dns + 10, a->ar + w->f.opt);
	w->q->opt_len = (uint16_t)opt;
	w->q->out_len = at;
	w->f.state = WORK_SENT;
	return true;
}

/* The response to names at or below a zone cut. False when that is not what is to be said, or
 * something is wrong with it: resolving finds out. */
static bool
respond_referral(struct answer_context *c, struct work *w)
{
	const struct image_chunk *chunk = w->node != NULL ? &w->chunk : &w->parent_chunk;
	const struct image_node *cut = w->node != NULL ? w->node : w->parent;
	const struct image_answer *ns = image_answer_at(
		chunk->base, chunk->len, (uint32_t)((const uint8_t *)w->referral - chunk->base));

	if (ns == NULL || ns->flags & ANSWER_TOO_BIG || cut->name_len > w->name.len ||
		w->qtype == TYPE_AXFR || w->qtype == TYPE_IXFR)
		return false;
	if (w->node == NULL)
		work_cut_learn(c, w->zone, w->parent_labels);
	counter_add(c->counters, CTR_REFERRALS, 1);
	w->f.at = w->question_end;
	work_put_answer(c, w, ns, &in_question, w->name.len, cut->name_len);
	return true;
}

/* Stage 7: the response. */
static inline void
stage_respond(struct answer_context *c, struct work *w, struct tally *t)
{
	if (w->answer != NULL) {
		if (__builtin_expect(respond_common(c, w), 1)) {
			t->noerror++;
			return;
		}
		const struct image_answer *a = image_answer_at(w->chunk.base, w->chunk.len,
			(uint32_t)((const uint8_t *)w->answer - w->chunk.base));
		if (a != NULL && !(a->flags & ANSWER_TOO_BIG)) {
			w->f.at = w->question_end;
			w->f.aa = true;
			work_put_answer(c, w, a, &in_question, w->name.len, w->name.len);
			return;
		}
	} else if (w->referral != NULL && respond_referral(c, w)) {
		return;
	}
	work_resolve(c, w);
}

static void
answer_slice(struct answer_context *c, struct answer_query *q, unsigned n)
{
	struct work *w = c->work, *lookup[ANSWER_BURST];
	struct tally t = {0};
	unsigned n_lookup = 0;

	for (unsigned i = 0; i < n; i++) {
		w[i].q = &q[i];
		stage_parse(c, &w[i], &t);
		if (w[i].f.state == WORK_LOOKUP)
			lookup[n_lookup++] = &w[i];
	}
	if (__builtin_expect(c->views != NULL, 0))
		find_views(c, lookup, n_lookup);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_hash(c, lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_zone(c, lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_chunk(c, lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_bucket(lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_node(lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		if (lookup[i]->answer == NULL && lookup[i]->referral == NULL) {
			work_ahead(c, lookup + i, n_lookup - i);
			break;
		}
	for (unsigned i = 0; i < n_lookup; i++)
		stage_respond(c, lookup[i], &t);
	for (unsigned i = 0; i < n; i++)
		if (w[i].f.state != WORK_SENT)
			work_finish(c, &w[i]);
	tally_add(c->counters, &t);
}

void
answer_burst(struct answer_context *c, struct answer_query *q, unsigned n, uint32_t now_s)
{
	c->settings = settings_current(c->arena);
	c->directory = zone_directory_current(c->arena);
	c->views = views_current(c->arena);
	if (__builtin_expect(c->views != NULL, 0))
		c->variants = zone_directory_variants(c->arena);
	c->last_zone = NULL;
	c->apex_zone = NULL;
	c->seed = arena_header(c->arena)->seed;
	c->now_s = now_s;
	for (unsigned i = 0; i < n; i += ANSWER_BURST)
		answer_slice(c, q + i, n - i < ANSWER_BURST ? n - i : ANSWER_BURST);
}
