/* SPDX-License-Identifier: GPL-3.0-or-later */
/* find_zone: the closest zone of a name, by the directory, or as the client's view has it. Bounded:
 * a look-up or two for each label of the name. */
#include "dataplane/answer/work.h"

/* The zone whose apex is the suffix with k labels. Most queries of a burst are for the same zone:
 * the last one is tried before the directory. */
static inline const struct image *
find_apex(struct answer_context *c, const struct work_name *n, unsigned k)
{
	const struct image *im = c->last_zone;
	unsigned at = n->label[n->labels - k], len = n->len - at;

	if (n->hash[k] == c->last_hash && im != NULL && im->apex_len == len &&
		name_equal(im->apex, n->wire + at, len))
		return im;
	im = zone_directory_find(c->arena, c->directory, n->hash[k], n->wire + at, len);
	if (im != NULL) {
		c->last_zone = im;
		c->last_hash = n->hash[k];
	}
	return im;
}

/* The zone whose apex is the suffix with k labels, as a view has it: the variant that is in the
 * view, which may not be there (then for this view the zone is not), else the one that all see. */
static const struct image *
find_apex_in_view(struct answer_context *c, const struct work *w, unsigned k)
{
	const struct work_name *n = &w->name;
	unsigned at = n->label[n->labels - k], len = n->len - at;
	const uint8_t *variant = view_variant(c->views, w->view, n->hash[k], n->wire + at, len);

	if (variant == NULL)
		return c->directory == NULL ? NULL
					    : zone_directory_find(c->arena, c->directory,
						      n->hash[k], n->wire + at, len);
	if (c->variants == NULL)
		return NULL;
	return zone_directory_find_variant(c->arena, c->variants,
		name_hash_extend(n->hash[k], variant), n->wire + at, len, variant);
}

/* work_find_zone() for a client with a view. The last zone found is not asked for: others of the
 * burst may see another one. */
static __attribute__((noinline)) const struct image *
find_zone_in_view(struct answer_context *c, const struct work *w)
{
	const struct work_name *n = &w->name;
	struct label_set zones = label_set_up_to(
		(struct label_set){w->view->label_counts[0], w->view->label_counts[1]}, n->labels);
	const struct image *child = NULL;

	if (c->directory != NULL) {
		struct label_set all = zone_directory_labels(c->directory, n->labels);
		zones.low |= all.low;
		zones.high |= all.high;
	}
	for (unsigned k; (k = label_set_next(&zones)) != LABELS_END;) {
		const struct image *im = find_apex_in_view(c, w, k);
		if (im == NULL)
			continue;
		if (w->qtype != TYPE_DS || k != n->labels || k == 0)
			return im;
		child = im;
	}
	return child;
}

const struct image *
work_find_zone(struct answer_context *c, const struct work *w)
{
	const struct work_name *n = &w->name;
	const struct image *child = NULL;

	if (__builtin_expect(c->views != NULL, 0) && w->view != NULL)
		return find_zone_in_view(c, w);
	if (c->directory == NULL)
		return NULL;
	struct label_set zones = zone_directory_labels(c->directory, n->labels);
	for (unsigned k; (k = label_set_next(&zones)) != LABELS_END;) {
		const struct image *im = find_apex(c, n, k);
		if (im == NULL)
			continue;
		/* DS belongs to the parent (RFC 4035 3.1.4.1): prefer that, if it is ours */
		if (w->qtype != TYPE_DS || k != n->labels || k == 0)
			return im;
		child = im;
	}
	return child;
}
