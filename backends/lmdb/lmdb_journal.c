/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lmdb_journal: the difference of two RRsets, record by record; disabled ones do not count. */
#include "backends/lmdb/lmdb_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
lmdb_journal_begin(struct lmdb_journal *j, size_t n)
{
	*j = (struct lmdb_journal){
		.removed = calloc(n + 1, sizeof *j->removed),
		.added = calloc(n + 1, sizeof *j->added),
		.memory = calloc(2 * n + 1, sizeof *j->memory),
	};
	return j->removed && j->added && j->memory ? 0 : -ENOMEM;
}

void
lmdb_journal_free(struct lmdb_journal *j)
{
	for (size_t i = 0; i < j->n_memory; i++)
		free(j->memory[i]);
	free(j->memory);
	free(j->removed);
	free(j->added);
	*j = (struct lmdb_journal){0};
}

static int
compare(const void *a, const void *b)
{
	const struct backend_record *const *x = a, *const *y = b;

	if ((*x)->rdlength != (*y)->rdlength)
		return (int)(*x)->rdlength - (int)(*y)->rdlength;
	return memcmp((*x)->rdata, (*y)->rdata, (*x)->rdlength);
}

/* Records of a set that are served, sorted; *n of them. */
static const struct backend_record **
sorted(const struct backend_rrset *set, uint32_t *n)
{
	const struct backend_record **r = malloc((set->n_records + 1) * sizeof *r);

	*n = 0;
	for (uint32_t i = 0; r && i < set->n_records; i++)
		if (!set->record[i].disabled)
			r[(*n)++] = &set->record[i];
	if (r && *n > 1)
		qsort(r, *n, sizeof *r, compare);
	return r;
}

/* A copy of records, with their octets, in one block. */
static int
copy(struct lmdb_journal *j, const struct backend_record *const *from, uint32_t n,
	const struct backend_rrset *like, struct backend_rrset *out)
{
	size_t octets = n * sizeof(struct backend_record);
	struct backend_record *r;
	uint8_t *at;

	for (uint32_t i = 0; i < n; i++)
		octets += from[i]->rdlength;
	r = malloc(octets + 1);
	if (!r)
		return -ENOMEM;
	j->memory[j->n_memory++] = r;
	at = (uint8_t *)(r + n);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(at, from[i]->rdata, from[i]->rdlength);
		r[i] = (struct backend_record){.rdata = at, .rdlength = from[i]->rdlength};
		at += from[i]->rdlength;
	}
	*out = (struct backend_rrset){.owner = like->owner,
		.type = like->type,
		.ttl = like->ttl,
		.n_records = n,
		.record = r};
	return 0;
}

/* What a has and b has not. @return 1: something; 0: nothing; -ENOMEM */
static int
difference(struct lmdb_journal *j, const struct backend_rrset *a, const struct backend_rrset *b,
	const uint8_t *owner, struct backend_rrset *out)
{
	uint32_t n_a, n_b, n = 0;
	const struct backend_record **x = sorted(a, &n_a), **y = sorted(b, &n_b);
	int rc = x && y ? 0 : -ENOMEM;

	for (uint32_t i = 0; rc == 0 && i < n_a; i++)
		if (a->ttl != b->ttl || !bsearch(&x[i], y, n_b, sizeof *y, compare))
			x[n++] = x[i];
	if (rc == 0 && n > 0) {
		rc = copy(j, x, n, a, out);
		out->owner = owner;
		rc = rc == 0 ? 1 : rc;
	}
	free(x);
	free(y);
	return rc;
}

int
lmdb_journal_add(struct lmdb_journal *j, const struct backend_rrset *before,
	const struct backend_rrset *after)
{
	int gone = difference(j, before, after, after->owner, &j->removed[j->n_removed]);
	int come = difference(j, after, before, after->owner, &j->added[j->n_added]);

	if (gone < 0 || come < 0)
		return -ENOMEM;
	j->n_removed += gone > 0;
	j->n_added += come > 0;
	return 0;
}
