/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ahead: the second look-up of those queries of a burst that need one, in stages like the first:
 * the parent of a name that is no node (referral, wildcard, NXDOMAIN), then the wildcard below it;
 * the target of a CNAME; the name itself, when it was looked for below a cut and there is none.
 * Without this each of them waits for memory alone, some 600 ns in a large zone. What is found for
 * a parent or a name is kept for work_resolve(); all else is only asked for, and resolving finds
 * its own way. */
#include "dataplane/answer/work.h"
#include "shm/image_find.h"

#define AHEAD_LINES 2u /* cache lines of a referral or CNAME that are asked for */

enum ahead_for { AHEAD_PARENT, AHEAD_TARGET, AHEAD_NAME };

/* A look-up on its way. */
struct ahead {
	struct work *w;
	struct image_chunk chunk;
	uint64_t hash;
	enum ahead_for what;
};

static inline bool
ask_bucket(struct answer_context *c, struct ahead *a)
{
	a->chunk = image_chunk_of(c->arena, a->w->zone, a->hash);
	if (a->chunk.base == NULL)
		return false;
	prefetch_line(image_bucket_of(&a->chunk, a->hash));
	return true;
}

static inline void
ask_node(const struct ahead *a)
{
	image_prefetch_node(&a->chunk, image_bucket_of(&a->chunk, a->hash), a->hash);
}

/* The hash of a CNAME's target, if that is a name of the same zone; else 0. */
static uint64_t
target_hash(struct answer_context *c, const struct work *w)
{
	uint8_t folded[NAME_OCTETS_MAX + 1 + NAME_PAD];
	uint8_t label[NAME_LABELS_MAX];
	const struct image_answer *answer =
		work_ask_answer(&w->chunk, w->node, TYPE_CNAME, AHEAD_LINES);

	if (answer == NULL)
		return 0;
	const uint8_t *rr = image_answer_octets(answer);
	/* behind the header there may be less than nothing: a damaged image */
	int64_t left = w->chunk.base + w->chunk.len - rr;
	unsigned len = left < 12 ? 0 : get16(rr + 10), at = 0, n = 0;
	/* folding reads up to 31 octets more */
	if (len == 0 || len > NAME_OCTETS_MAX ||
		left < 12 + (int)NAME_OCTETS_MAX + 1 + (int)NAME_PAD)
		return 0;
	name_fold(folded, rr + 12, len);
	while (at < len && folded[at] != 0 && n < NAME_LABELS_MAX) {
		label[n++] = (uint8_t)at;
		at += folded[at] + 1u;
	}
	if (at + 1 != len || n < w->zone->apex_labels)
		return 0;
	uint64_t hash = c->seed;
	for (unsigned k = 1; k <= n; k++) {
		hash = name_hash_extend(hash, folded + label[n - k]);
		if (k == w->zone->apex_labels && hash != w->name.hash[k])
			return 0;
	}
	return hash;
}

/* What to look for, if anything. */
static inline bool
choose(struct answer_context *c, struct ahead *a, struct work *w)
{
	a->w = w;
	if (w->chunk.base == NULL || w->answer != NULL || w->referral != NULL)
		return false;
	if (w->find_labels != w->name.labels) {
		a->what = AHEAD_NAME;
		a->hash = w->name.hash[w->name.labels];
		w->parent_known = false;
		w->chunk.base = NULL; /* until that of the name is known */
		work_cut_unlearn(c, w->zone);
		return true;
	}
	if (w->node != NULL) {
		a->what = AHEAD_TARGET;
		a->hash = w->node->flags & NODE_CNAME ? target_hash(c, w) : 0;
		return a->hash != 0;
	}
	unsigned k = w->name.labels - 1u;
	if (k > w->zone->labels_max)
		k = w->zone->labels_max;
	/* the apex is in every image, and not worth a stage */
	if (w->name.labels == 0 || k <= w->zone->apex_labels)
		return false;
	a->what = AHEAD_PARENT;
	w->parent_labels = (uint8_t)k;
	a->hash = w->name.hash[k];
	return true;
}

/* The parent was asked for: keep it. True when the wildcard below it is what comes next. */
static inline bool
find_parent(struct ahead *a)
{
	struct work *w = a->w;
	unsigned at = w->name.label[w->name.labels - w->parent_labels];
	static const uint8_t star[1 + 1 + NAME_HASH_AHEAD] = {1, '*'};

	w->parent = image_find(&a->chunk, a->hash, w->name.wire + at, w->name.len - at);
	w->parent_chunk = a->chunk;
	w->parent_known = true;
	if (w->parent == NULL)
		return false;
	if (w->parent->flags & NODE_CUT)
		w->referral = work_ask_answer(&a->chunk, w->parent, TYPE_NS, AHEAD_LINES);
	if ((w->parent->flags & (NODE_CUT | NODE_DNAME | NODE_WILDCARD_CHILD)) !=
		NODE_WILDCARD_CHILD)
		return false;
	a->hash = name_hash_extend(a->hash, star);
	return true;
}

/* The name was asked for after all: keep its node, and the RRset, which mostly lies beside it. */
static inline void
find_name(struct ahead *a)
{
	struct work *w = a->w;

	w->chunk = a->chunk;
	w->node = image_find(&a->chunk, a->hash, w->name.wire, w->name.len);
	if (w->node != NULL && !(w->node->flags & NODE_CUT))
		w->answer = work_ask_answer(&a->chunk, w->node, w->qtype, AHEAD_LINES);
}

void
work_ahead(struct answer_context *c, struct work *const w[], unsigned n)
{
	struct ahead a[ANSWER_BURST];
	unsigned n_ahead = 0, n_wild = 0;

	for (unsigned i = 0; i < n; i++)
		if (choose(c, &a[n_ahead], w[i]) && ask_bucket(c, &a[n_ahead]))
			n_ahead++;
	for (unsigned i = 0; i < n_ahead; i++)
		ask_node(&a[i]);
	for (unsigned i = 0; i < n_ahead; i++) {
		if (a[i].what == AHEAD_NAME)
			find_name(&a[i]);
		if (a[i].what != AHEAD_PARENT || !find_parent(&a[i]) || !ask_bucket(c, &a[i]))
			continue;
		a[n_wild++] = a[i]; /* n_wild <= i */
	}
	for (unsigned i = 0; i < n_wild; i++)
		ask_node(&a[i]);
}
