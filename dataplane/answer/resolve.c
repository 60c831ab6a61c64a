/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resolve: the algorithm of RFC 1034 4.3.2, with wildcards (RFC 4592), DNAME (RFC 6672), and the
 * clarifications of RFC 2308, 8020 and 8482, over zone images. Everything but the plainest answers
 * comes through here. Bounded: CHAIN_MAX names, and 8 look-ups for each. */
#include "dataplane/answer/work.h"
#include "shm/image_find.h"

/* Where the name being answered for lies in the message, and what was already done for this query.
 */
struct chain {
	struct work_place place;                         /* of the present name */
	unsigned n;                                      /* names so far */
	uint64_t seen[CHAIN_MAX + 1];                    /* their hashes */
	const struct image_answer *dname[CHAIN_MAX + 1]; /* DNAME RRsets already in the answer */
	unsigned n_dname;
	const struct image_answer *made_by; /* the DNAME that made the present name; else NULL */
};

enum step { STEP_END, STEP_NEXT }; /* NEXT: w->name is now the target of a CNAME */

static void
damaged(struct answer_context *c, struct work *w)
{
	counter_add(c->counters, CTR_IMAGE_DAMAGED, 1);
	work_servfail(w, EDE_OTHER);
}

/* The node of the suffix with k labels. */
static const struct image_node *
find_suffix(struct answer_context *c, const struct image *zone, const struct work_name *n,
	unsigned k, struct image_chunk *chunk)
{
	unsigned at = n->label[n->labels - k];

	*chunk = image_chunk_of(c->arena, zone, n->hash[k]);
	if (chunk->base == NULL)
		return NULL;
	return image_find(chunk, n->hash[k], n->wire + at, n->len - at);
}

/*
 * The closest encloser of a name that is no node: its longest suffix that is one. All ancestors of
 * a node are nodes, so after one try with the parent (nearly always it) bisection finds it: 8
 * look-ups.
 */
static const struct image_node *
closest_encloser(
	struct answer_context *c, const struct work *w, unsigned *labels, struct image_chunk *chunk)
{
	const struct image *zone = w->zone;
	const struct work_name *n = &w->name;
	unsigned lo = zone->apex_labels, hi = n->labels; /* lo is a node, hi is none */
	const struct image_node *found = NULL;
	struct image_chunk where;

	if (lo > hi) /* a damaged image: the name has as many labels as its zone, at least */
		return NULL;
	if (hi > zone->labels_max + 1u)
		hi = zone->labels_max + 1u;
	if (w->parent_known && w->parent_labels == hi - 1) {
		if (w->parent != NULL) {
			*labels = w->parent_labels;
			*chunk = w->parent_chunk;
			return w->parent;
		}
		hi--;
	}
	for (unsigned try = hi - 1; hi > lo + 1; try = (lo + hi) / 2) {
		const struct image_node *node = find_suffix(c, zone, n, try, &where);
		if (node == NULL) {
			hi = try;
			continue;
		}
		lo = try;
		found = node;
		*chunk = where;
	}
	if (found == NULL) {
		/* the apex: most names that do not exist lie right below it */
		if (c->apex_zone != zone) {
			c->apex_node = find_suffix(c, zone, n, lo, &c->apex_chunk);
			c->apex_zone = zone;
		}
		found = c->apex_node;
		*chunk = c->apex_chunk;
	}
	*labels = lo;
	return found;
}

static const struct image_answer *
node_answer(const struct image_chunk *chunk, const struct image_node *node, uint16_t type)
{
	const struct image_type *t = image_node_types(node);
	for (unsigned i = 0; i < node->n_types && t[i].type <= type; i++)
		if (t[i].type == type && t[i].variant == 0)
			return image_answer_at(chunk->base, chunk->len, t[i].answer);
	return NULL;
}

/* Any one RRset: RFC 8482 4.1. Not the DNAME of a wildcard, which is not rendered for QNAME. */
static const struct image_answer *
node_any(const struct image_chunk *chunk, const struct image_node *node, bool wildcard)
{
	const struct image_type *t = image_node_types(node);
	for (unsigned i = 0; i < node->n_types; i++)
		if (!wildcard || t[i].type != TYPE_DNAME)
			return image_answer_at(chunk->base, chunk->len, t[i].answer);
	return NULL;
}

/* No data, or no such name: the SOA says for how long. */
static enum step
negative(struct answer_context *c, struct work *w, const struct chain *ch, uint16_t rcode)
{
	const struct image *z = w->zone;
	const struct image_answer *soa =
		image_answer_at((const uint8_t *)z, z->block_len, z->negative_at);

	if (soa == NULL) {
		damaged(c, w);
		return STEP_END;
	}
	w->f.rcode = rcode;
	work_put_answer(c, w, soa, &ch->place, w->name.len, z->apex_len);
	return STEP_END;
}

static enum step
referral(struct answer_context *c, struct work *w, const struct chain *ch,
	const struct image_chunk *chunk, const struct image_node *cut)
{
	const struct image_answer *ns = node_answer(chunk, cut, TYPE_NS);

	if (ns == NULL || cut->name_len > w->name.len) {
		damaged(c, w);
		return STEP_END;
	}
	if (ns->flags & ANSWER_TOO_BIG) {
		work_servfail(w, EDE_OTHER);
		return STEP_END;
	}
	if (w->f.an == 0)
		w->f.aa = false;
	counter_add(c->counters, CTR_REFERRALS, 1);
	work_put_answer(c, w, ns, &ch->place, w->name.len, cut->name_len);
	return STEP_END;
}

/* The name of at most `max` octets at `wire`, copied, folded and indexed into w->name. */
static bool
take_name(struct answer_context *c, struct work *w, const uint8_t *wire, unsigned max)
{
	unsigned at = 0;
	while (at < max && wire[at] != 0) {
		if (wire[at] > LABEL_OCTETS_MAX)
			return false;
		at += wire[at] + 1u;
	}
	if (at >= max || at >= NAME_OCTETS_MAX)
		return false;
	w->name.len = (uint8_t)(at + 1);
	uint8_t raw[NAME_OCTETS_MAX + 1 + NAME_PAD];
	memcpy(raw, wire, at + 1);
	memset(raw + at + 1, 0, NAME_PAD);
	name_fold(w->name.wire, raw, at + 1);
	w->name.labels = (uint8_t)name_labels(w->name.wire, w->name.label);
	w->name.label[w->name.labels] = (uint8_t)at;
	work_name_hash(&w->name, c->seed);
	return true;
}

/* Remember the question's name before it makes room for the first target. */
static void
keep_question(struct answer_context *c, const struct work_name *n)
{
	struct work_name *q = &c->question;

	q->len = n->len;
	q->labels = n->labels;
	memcpy(q->label, n->label, n->labels + 1u);
	memcpy(q->hash, n->hash, (n->labels + 1u) * sizeof n->hash[0]);
	memcpy(q->wire, n->wire, n->len);
}

/*
 * The last RR of the response is a CNAME whose target, now w->name, lies uncompressed at `at`. Put
 * a pointer in place of what it has in common with the question, so that long chains fit.
 */
static void
compress_target(struct answer_context *c, struct work *w, uint32_t at, struct work_place *place)
{
	const struct work_name *q = &c->question, *n = &w->name;
	unsigned k = 0, max = q->labels < n->labels ? q->labels : n->labels;

	while (k < max && q->hash[k + 1] == n->hash[k + 1])
		k++;
	unsigned of_name = n->label[n->labels - k], of_question = q->label[q->labels - k];
	*place = (struct work_place){.base = at, .split = UINT32_MAX};
	if (k == 0 || n->len - of_name != q->len - of_question ||
		!name_equal(n->wire + of_name, q->wire + of_question, n->len - of_name))
		return;
	place->split = of_name;
	place->tail = DNS_HEADER + of_question;
	put16(w->q->dns + at + of_name, 0xc000 | place->tail);
	put16(w->q->dns + at - 2, of_name + 2);
	w->f.at = at + of_name + 2;
}

/* The name at offset `at` of the message, which the CNAME there leads to, is the next one; unless
 * it was seen. */
static enum step
follow(struct answer_context *c, struct work *w, struct chain *ch, uint32_t at)
{
	if (ch->n == 1)
		keep_question(c, &w->name);
	/* a damaged CNAME may be shorter than its fixed part */
	if (at >= w->f.at || !take_name(c, w, w->q->dns + at, w->f.at - at)) {
		damaged(c, w);
		return STEP_END;
	}
	compress_target(c, w, at, &ch->place);
	/* so far, and not farther than pointers into the next answer reach (IMAGE_POINTER_MAX) */
	if (ch->n == CHAIN_MAX || w->f.at > CHAIN_OCTETS_MAX)
		return STEP_END;
	uint64_t hash = w->name.hash[w->name.labels];
	for (unsigned i = 0; i < ch->n; i++)
		if (ch->seen[i] == hash)
			return STEP_END;
	ch->seen[ch->n++] = hash;
	return STEP_NEXT;
}

/* Answer from a node that stands for the present name: itself, or through a wildcard. */
static enum step
from_node(struct answer_context *c, struct work *w, struct chain *ch,
	const struct image_chunk *chunk, const struct image_node *node, unsigned rendered,
	bool wildcard)
{
	const struct image_answer *a = NULL;

	/* RFC 4592 4.2 and 4.4 leave NS and DNAME at a wildcard undefined: they are not expanded,
	 * nor is what stands beside NS, but for DS, as in Knot and NSD */
	if (!wildcard ||
		(w->qtype != TYPE_DNAME && (!(node->flags & NODE_CUT) || w->qtype == TYPE_DS)))
		a = w->qtype == TYPE_ANY ? node_any(chunk, node, wildcard)
					 : node_answer(chunk, node, w->qtype);
	bool cname = false;
	if (a == NULL && node->flags & NODE_CNAME) {
		a = node_answer(chunk, node, TYPE_CNAME);
		cname = true;
	}
	if (a == NULL)
		return negative(c, w, ch, RCODE_NOERROR);
	if (a->flags & ANSWER_TOO_BIG) {
		work_servfail(w, EDE_OTHER);
		return STEP_END;
	}
	uint32_t at = w->f.at;
	if (!work_put_answer(c, w, a, &ch->place, w->name.len, rendered) || !cname)
		return STEP_END;
	ch->made_by = NULL;
	return follow(c, w, ch, at + 12);
}

/* The first octets of the present name, as they were spelled. */
static void
put_prefix(uint8_t *to, const uint8_t *dns, const struct work_place *place, unsigned octets)
{
	unsigned first = octets < place->split ? octets : place->split;

	memcpy(to, dns + place->base, first);
	if (first < octets)
		memcpy(to + first, dns + place->tail, octets - first);
}

/* Put a DNAME that the present name is below; once in a response, however often it is used. */
static bool
put_dname(struct answer_context *c, struct work *w, struct chain *ch, const struct image_answer *a,
	unsigned owner_len)
{
	unsigned i = 0;

	/* a DNAME to below itself makes names that grow until they are too long. As NSD, leave that
	 * to the client */
	if (ch->made_by == a && get16(image_answer_octets(a) + 10) > owner_len)
		return false;
	ch->made_by = a;
	while (i < ch->n_dname && ch->dname[i] != a)
		i++;
	if (i < ch->n_dname)
		return true;
	if (!work_put_answer(c, w, a, &ch->place, w->name.len, owner_len))
		return false;
	ch->dname[ch->n_dname++] = a; /* no more of them than names */
	return true;
}

/* RFC 6672 3.1: put the DNAME and the CNAME that it makes of the present name. */
static enum step
from_dname(struct answer_context *c, struct work *w, struct chain *ch,
	const struct image_chunk *chunk, const struct image_node *owner)
{
	const struct image_answer *a = node_answer(chunk, owner, TYPE_DNAME);
	const uint8_t *rr;
	unsigned prefix, target;

	if (a == NULL || a->len < 13 || owner->name_len > w->name.len) {
		damaged(c, w);
		return STEP_END;
	}
	if (!put_dname(c, w, ch, a, owner->name_len))
		return STEP_END;
	rr = image_answer_octets(a);
	target = get16(rr + 10);
	prefix = (unsigned)w->name.len - owner->name_len;
	if (target + 12 > a->len || target == 0) {
		damaged(c, w);
		return STEP_END;
	}
	if (prefix + target > NAME_OCTETS_MAX) {
		w->f.rcode = RCODE_YXDOMAIN;
		return STEP_END;
	}
	if (w->f.at + 12 + prefix + target + work_opt_octets(c, w) > w->limit) {
		w->f.tc = true;
		return STEP_END;
	}
	uint8_t *p = w->q->dns + w->f.at;
	put16(p, 0xc000 | work_place_of(&ch->place, 0));
	put16(p + 2, TYPE_CNAME);
	put16(p + 4, CLASS_IN);
	memcpy(p + 6, rr + 6, 4); /* the DNAME's TTL */
	put16(p + 10, prefix + target);
	put_prefix(p + 12, w->q->dns, &ch->place, prefix);
	memcpy(p + 12 + prefix, rr + 12, target);
	uint32_t at = w->f.at + 12;
	w->f.at += 12 + prefix + target;
	w->f.an++;
	if (w->qtype == TYPE_CNAME)
		return STEP_END;
	return follow(c, w, ch, at);
}

/* The present name is no node. */
static enum step
not_found(struct answer_context *c, struct work *w, struct chain *ch)
{
	struct image_chunk chunk;
	unsigned labels;
	const struct image_node *ce = closest_encloser(c, w, &labels, &chunk);

	if (ce == NULL) {
		damaged(c, w);
		return STEP_END;
	}
	if (ce->flags & NODE_CUT) {
		work_cut_learn(c, w->zone, labels);
		return referral(c, w, ch, &chunk, ce);
	}
	if (ce->flags & NODE_DNAME)
		return from_dname(c, w, ch, &chunk, ce);
	if (!(ce->flags & NODE_WILDCARD_CHILD))
		return negative(c, w, ch, RCODE_NXDOMAIN);

	uint8_t wild[NAME_OCTETS_MAX + 1 + NAME_PAD];
	unsigned at = w->name.label[w->name.labels - labels], len = w->name.len - at + 2u;
	wild[0] = 1;
	wild[1] = '*';
	memcpy(wild + 2, w->name.wire + at, len - 2);
	memset(wild + len, 0, 16);
	uint64_t hash = name_hash_extend(w->name.hash[labels], wild);
	chunk = image_chunk_of(c->arena, w->zone, hash);
	const struct image_node *node =
		chunk.base == NULL ? NULL : image_find(&chunk, hash, wild, len);
	if (node == NULL) {
		damaged(c, w);
		return STEP_END;
	}
	return from_node(c, w, ch, &chunk, node, len, true);
}

static enum step
in_zone(struct answer_context *c, struct work *w, struct chain *ch)
{
	if (w->node == NULL)
		return not_found(c, w, ch);
	if (w->node->flags & NODE_CUT && w->qtype != TYPE_DS)
		return referral(c, w, ch, &w->chunk, w->node);
	return from_node(c, w, ch, &w->chunk, w->node, w->name.len, false);
}

void
work_resolve(struct answer_context *c, struct work *w)
{
	struct chain ch; /* its arrays are not cleared: that would cost more than most answers */

	w->f.at = w->question_end;
	if (w->zone == NULL) {
		w->f.rcode = RCODE_REFUSED;
		w->ede = EDE_NOT_AUTHORITATIVE;
		return;
	}
	if (w->qtype == TYPE_AXFR || w->qtype == TYPE_IXFR) {
		/* no client may transfer a zone; at other names than an apex there is none to
		 * transfer */
		w->f.rcode = w->zone->apex_len == w->name.len ? RCODE_REFUSED : RCODE_NOTAUTH;
		return;
	}
	ch.place = (struct work_place){.base = DNS_HEADER, .split = UINT32_MAX};
	ch.n = 1;
	ch.n_dname = 0;
	ch.made_by = NULL;
	ch.seen[0] = w->name.hash[w->name.labels];
	w->f.aa = true;
	for (;;) {
		if (w->zone->flags & IMAGE_UNAVAILABLE) {
			/* in a chain the client asks for the rest itself */
			if (ch.n == 1)
				work_servfail(w, EDE_NOT_READY);
			return;
		}
		if (w->chunk.base == NULL) {
			damaged(c, w);
			return;
		}
		if (in_zone(c, w, &ch) == STEP_END)
			return;
		w->parent_known = false;
		w->zone = work_find_zone(c, w);
		if (w->zone == NULL)
			return;
		w->node = find_suffix(c, w->zone, &w->name, w->name.labels, &w->chunk);
	}
}
