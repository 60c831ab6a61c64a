/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_merge: three versions of a zone: where we both began, ours, theirs. */
#include "tools/ctl/zone_edit.h"

#include <stdlib.h>
#include <string.h>

struct putting {
	struct merge *m;
	const struct rrsets *theirs;
};

void
merge_ignore(void *arg, const struct rrset *before, const struct rrset *after)
{
	(void)arg;
	(void)before;
	(void)after;
}

/* Our change of one RRset, upon theirs. */
static void
put_ours(void *arg, const struct rrset *before, const struct rrset *ours)
{
	struct putting *p = arg;
	const struct rrset *one = ours != NULL ? ours : before;
	const struct rrset *theirs = rrsets_find(p->theirs, one);
	struct rrset *at = (struct rrset *)rrsets_find(&p->m->merged, one);
	bool both = !rrset_same(before, theirs) && !rrset_same(ours, theirs);

	if (both) {
		if (theirs != NULL)
			rrsets_add_copy(&p->m->conflict, theirs);
		else
			rrsets_add_empty(&p->m->conflict, one);
		p->m->n_conflicts++;
	}
	if (at != NULL)
		rrset_empty(at);
	/* disabled records of theirs stay on the server: the change that is sent keeps them */
	if (ours != NULL)
		rrsets_add_copy(&p->m->added, ours);
}

void
merge_zones(struct merge *m, const struct rrsets *base, const struct rrsets *ours,
	const struct rrsets *theirs)
{
	struct putting p = {.m = m, .theirs = theirs};

	*m = (struct merge){0};
	rrsets_copy(&m->merged, theirs);
	rrsets_compare(base, ours, put_ours, &p);
	for (size_t i = 0; i < m->added.n; i++)
		rrsets_add_copy(&m->merged, &m->added.set[i]);
	rrsets_drop_empty(&m->merged);
	rrsets_sort(&m->merged);
}

void
merge_free(struct merge *m)
{
	rrsets_free(&m->merged);
	rrsets_free(&m->conflict);
	rrsets_free(&m->added);
}

void
merge_write_notes(FILE *to, const struct merge *m)
{
	for (size_t i = 0; i < m->conflict.n; i++) {
		const struct rrset *s = &m->conflict.set[i];
		fprintf(to, "; CONFLICT: %s %s was changed by both. Yours is below; theirs is:%s\n",
			s->name, s->type, s->n == 0 ? " none" : "");
		for (size_t k = 0; k < s->n; k++)
			fprintf(to, ";   %s %u %s %s\n", s->name, s->ttl, s->type,
				s->rr[k].content);
	}
}
