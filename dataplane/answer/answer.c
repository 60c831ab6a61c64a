/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer: takes bursts of queries through the engine stage by stage, each stage asking the memory
 * for what the next one reads. Thread: the worker's. */
#include "dataplane/answer/answer.h"

#include "dataplane/answer/work.h"
#include "shm/image_find.h"

#include <stdlib.h>

#define ANSWER_AHEAD 3u /* cache lines of an answer that are asked for; common RRsets fit */

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

static const struct settings *
settings_current(const struct arena *a)
{
	uint64_t off = atomic_load_explicit(&arena_header(a)->settings, memory_order_acquire);
	const struct settings *s = arena_at(a, off, sizeof *s);
	if (s == NULL || s->magic != SETTINGS_MAGIC || s->udp_payload_max < DNS_UDP_MIN)
		return &settings_default;
	return s;
}

/* Stage 1: parse, and ask for the directory's buckets of the suffixes that may be zones. */
static void
stage_parse(struct answer_context *c, struct work *w)
{
	work_parse(c, w);
	if (w->state != WORK_LOOKUP || c->directory == NULL)
		return;
	struct label_set zones = zone_directory_labels(c->directory, w->name.labels);
	for (unsigned k; (k = label_set_next(&zones)) != LABELS_END;)
		zone_directory_prefetch(c->directory, w->name.hash[k]);
}

/* Stage 2: the zone; ask for its header. */
static void
stage_zone(struct answer_context *c, struct work *w)
{
	w->zone = work_find_zone(c, &w->name, w->qtype);
	if (w->zone != NULL)
		prefetch_line((const uint8_t *)w->zone + w->zone->chunks_at +
			      image_chunk_index(w->zone, w->name.hash[w->name.labels]) *
				      sizeof(struct image_chunk_ref));
}

/* Stage 3: the chunk; ask for the name's bucket. */
static void
stage_chunk(struct answer_context *c, struct work *w)
{
	uint64_t hash = w->name.hash[w->name.labels];

	if (w->zone == NULL || w->zone->flags & IMAGE_UNAVAILABLE)
		return;
	w->chunk = image_chunk_of(c->arena, w->zone, hash);
	if (w->chunk.base != NULL)
		prefetch_line(image_bucket_of(&w->chunk, hash));
}

/* Stage 4: the bucket; ask for the node. */
static void
stage_bucket(struct work *w)
{
	uint64_t hash = w->name.hash[w->name.labels];

	if (w->chunk.base != NULL)
		image_prefetch_node(&w->chunk, image_bucket_of(&w->chunk, hash), hash);
}

/* Stage 5: the node and its RRset of this type; ask for the RRset. */
static void
stage_node(struct work *w)
{
	if (w->chunk.base == NULL)
		return;
	w->node = image_find(&w->chunk, w->name.hash[w->name.labels], w->name.wire, w->name.len);
	if (w->node == NULL || w->node->flags & NODE_CUT)
		return;
	const struct image_type *t = image_node_types(w->node);
	for (unsigned i = 0; i < w->node->n_types; i++) {
		if (t[i].type != w->qtype || t[i].variant != 0)
			continue;
		if (t[i].answer >= w->chunk.len)
			return;
		const uint8_t *answer = w->chunk.base + t[i].answer;
		w->answer = (const struct image_answer *)answer;
		/* near its node, it was asked for with that */
		if (answer - (const uint8_t *)w->node >= 64 * (1 + (int)IMAGE_NODE_LINES))
			for (unsigned l = 0; l < ANSWER_AHEAD; l++)
				prefetch_line(answer + 64 * l);
		return;
	}
}

/* Stage 6: the response. */
static void
stage_respond(struct answer_context *c, struct work *w)
{
	if (w->answer != NULL) {
		const struct image_answer *a = image_answer_at(w->chunk.base, w->chunk.len,
			(uint32_t)((const uint8_t *)w->answer - w->chunk.base));
		if (a != NULL && !(a->flags & ANSWER_TOO_BIG)) {
			w->at = w->question_end;
			w->aa = true;
			work_put_answer(c, w, a, DNS_HEADER, w->name.len, w->name.len);
			return;
		}
	}
	work_resolve(c, w);
}

static void
answer_slice(struct answer_context *c, struct answer_query *q, unsigned n)
{
	struct work *w = c->work, *lookup[ANSWER_BURST];
	unsigned n_lookup = 0;

	for (unsigned i = 0; i < n; i++) {
		w[i].q = &q[i];
		stage_parse(c, &w[i]);
		if (w[i].state == WORK_LOOKUP)
			lookup[n_lookup++] = &w[i];
		else if (w[i].state == WORK_DONE && w[i].echo && w[i].qclass == CLASS_CH &&
			 w[i].rcode == RCODE_REFUSED)
			work_chaos(c, &w[i]);
	}
	for (unsigned i = 0; i < n_lookup; i++)
		stage_zone(c, lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_chunk(c, lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_bucket(lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_node(lookup[i]);
	for (unsigned i = 0; i < n_lookup; i++)
		stage_respond(c, lookup[i]);
	for (unsigned i = 0; i < n; i++)
		work_finish(c, &w[i]);
}

void
answer_burst(struct answer_context *c, struct answer_query *q, unsigned n, uint32_t now_s)
{
	c->settings = settings_current(c->arena);
	c->directory = zone_directory_current(c->arena);
	c->seed = arena_header(c->arena)->seed;
	c->now_s = now_s;
	for (unsigned i = 0; i < n; i += ANSWER_BURST)
		answer_slice(c, q + i, n - i < ANSWER_BURST ? n - i : ANSWER_BURST);
}
