/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_probe: the floor under every answer: find the question, fold and hash its name, look it
 * up, copy the records behind it. No EDNS, no closest encloser, no truncation, no counters; one
 * zone. In stages over the burst with prefetches, like the engine. What the engine takes beyond
 * this is the price of DNS. */
#include "shm/image_find.h"
#include "shm/zone_directory.h"
#include "tests/bench/engine.h"

struct probe {
	uint64_t hash;
	uint8_t len, labels;
	struct image_chunk chunk;
	const struct image_answer *answer;
	uint8_t label[NAME_LABELS_MAX + 1];
	uint8_t wire[NAME_OCTETS_MAX + 1 + NAME_PAD];
};

/* Returns whether there is a name; bounded by the query's length. */
static bool
parse(struct probe *p, const struct answer_query *q, uint64_t seed)
{
	unsigned at = 12, n = 0;

	while (at < q->len && q->dns[at] != 0) {
		if (q->dns[at] > LABEL_OCTETS_MAX || n == NAME_LABELS_MAX)
			return false;
		p->label[n++] = (uint8_t)(at - 12);
		at += q->dns[at] + 1u;
	}
	if (at + 5 > q->len || at - 12 >= NAME_OCTETS_MAX)
		return false;
	p->labels = (uint8_t)n;
	p->len = (uint8_t)(at + 1 - 12);
	name_fold(p->wire, q->dns + 12, p->len);
	p->hash = seed;
	while (n-- > 0)
		p->hash = name_hash_extend(p->hash, p->wire + p->label[n]);
	return true;
}

static void
respond(const struct probe *p, struct answer_query *q)
{
	const struct image_answer *a = p->answer;
	unsigned at = 12u + p->len + 4;

	q->dns[2] = 0x84;
	q->dns[3] = a != NULL ? 0 : 3;
	if (a != NULL && at + a->len <= q->room) {
		memcpy(q->dns + at, image_answer_octets(a), a->len);
		q->dns[7] = (uint8_t)a->an;
		at += a->len;
	}
	q->out_len = at;
}

void
engine_probe(const struct arena *a, struct answer_query *q, unsigned n)
{
	static struct probe probe[ANSWER_BURST];
	const struct zone_directory *d = zone_directory_current(a);
	uint64_t seed = arena_header(a)->seed;

	for (unsigned i = 0; i < n; i++) {
		struct probe *p = &probe[i];
		p->chunk.base = NULL;
		p->answer = NULL;
		if (!parse(p, &q[i], seed) || p->labels < 2)
			continue;
		/* the zone: the name's two last labels */
		const uint8_t *apex = p->wire + p->label[p->labels - 2];
		uint64_t h = name_hash_extend(
			name_hash_extend(seed, p->wire + p->label[p->labels - 1]), apex);
		const struct image *im =
			zone_directory_find(a, d, h, apex, p->len - p->label[p->labels - 2]);
		if (im == NULL)
			continue;
		p->chunk = image_chunk_of(a, im, p->hash);
		if (p->chunk.base != NULL)
			prefetch_line(image_bucket_of(&p->chunk, p->hash));
	}
	for (unsigned i = 0; i < n; i++)
		if (probe[i].chunk.base != NULL)
			image_prefetch_node(&probe[i].chunk,
				image_bucket_of(&probe[i].chunk, probe[i].hash), probe[i].hash);
	for (unsigned i = 0; i < n; i++) {
		struct probe *p = &probe[i];
		const struct image_node *node =
			p->chunk.base != NULL ? image_find(&p->chunk, p->hash, p->wire, p->len)
					      : NULL;
		if (node == NULL || node->n_types == 0)
			continue;
		uint32_t off = image_node_types(node)[0].answer;
		prefetch_line(p->chunk.base + off);
		p->answer = image_answer_at(p->chunk.base, p->chunk.len, off);
	}
	for (unsigned i = 0; i < n; i++)
		respond(&probe[i], &q[i]);
}
