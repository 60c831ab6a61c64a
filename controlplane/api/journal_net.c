/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal_net: see the header. */
#include "controlplane/api/journal_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/dname.h>

#define BUCKETS_FIRST 256u

int
journal_net_init(struct journal_net *net)
{
	*net = (struct journal_net){.n_buckets = BUCKETS_FIRST};
	net->bucket = calloc(net->n_buckets, sizeof(struct net_record *));
	return net->bucket == NULL ? -ENOMEM : 0;
}

void
journal_net_free(struct journal_net *net)
{
	free(net->bucket);
	free(net->record);
	body_free(&net->memory);
}

/* Names come from the store, so nobody gains by making them collide more than a zone of his own. */
static size_t
hash_of(const uint8_t *owner, uint16_t type, const uint8_t *rdata, uint16_t rdlength)
{
	uint64_t h = 14695981039346656037ull ^ type;

	for (unsigned i = 0, len = name_octets(owner); i < len; i++)
		h = (h ^ owner[i]) * 1099511628211ull;
	for (unsigned i = 0; i < rdlength; i++)
		h = (h ^ rdata[i]) * 1099511628211ull;
	return (size_t)(h ^ h >> 32);
}

static int
grow(struct journal_net *net)
{
	size_t n = net->n_buckets * 4;
	struct net_record **bucket = calloc(n, sizeof(struct net_record *));

	if (bucket == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < net->n; i++) {
		struct net_record *r = net->record[i];
		size_t at = hash_of(r->owner, r->type, r->rdata, r->rdlength) & (n - 1);
		r->chain = bucket[at];
		bucket[at] = r;
	}
	free(net->bucket);
	net->bucket = bucket;
	net->n_buckets = n;
	return 0;
}

static bool
is_record(const struct net_record *r, const struct backend_rrset *set,
	const struct backend_record *record)
{
	unsigned len = name_octets(set->owner);

	return r->type == set->type && r->rdlength == record->rdlength &&
	       memcmp(r->rdata, record->rdata, r->rdlength) == 0 && name_octets(r->owner) == len &&
	       memcmp(r->owner, set->owner, len) == 0;
}

static struct net_record *
new_record(struct journal_net *net, const struct backend_rrset *set,
	const struct backend_record *record)
{
	unsigned len = name_octets(set->owner);
	struct net_record *r = body_take(&net->memory, sizeof *r);
	uint8_t *owner = body_take(&net->memory, len + NAME_PAD);
	uint8_t *rdata = body_take(&net->memory, record->rdlength + 1u);

	if (r == NULL || owner == NULL || rdata == NULL)
		return NULL;
	net->octets += sizeof *r + len + NAME_PAD + record->rdlength;
	r->owner = memcpy(owner, set->owner, len);
	r->rdata = memcpy(rdata, record->rdata, record->rdlength);
	r->rdlength = record->rdlength;
	r->type = set->type;
	return r;
}

/* The one of this owner, type and RDATA; a new one is as if it had never been there. NULL: out of
 * memory. @param[out] is_new */
static struct net_record *
find(struct journal_net *net, const struct backend_rrset *set, const struct backend_record *record,
	bool *is_new)
{
	size_t h = hash_of(set->owner, set->type, record->rdata, record->rdlength);
	struct net_record *r;

	*is_new = false;
	for (r = net->bucket[h & (net->n_buckets - 1)]; r != NULL; r = r->chain)
		if (is_record(r, set, record))
			return r;
	*is_new = true;
	if (net->n >= net->n_buckets && grow(net) != 0)
		return NULL;
	if (net->n == net->room) {
		size_t room = net->room == 0 ? 64 : 2 * net->room;
		struct net_record **more = reallocarray(net->record, room, sizeof *more);
		if (more == NULL)
			return NULL;
		net->record = more;
		net->room = room;
	}
	r = new_record(net, set, record);
	if (r == NULL)
		return NULL;
	r->chain = net->bucket[h & (net->n_buckets - 1)];
	net->bucket[h & (net->n_buckets - 1)] = r;
	net->record[net->n++] = r;
	return r;
}

static int
add_side(struct journal_net *net, const struct backend_rrset *set, size_t n, bool come)
{
	for (size_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < set[i].n_records; j++) {
			const struct backend_record *record = &set[i].record[j];
			struct net_state state = {
				.there = true, .disabled = record->disabled, .ttl = set[i].ttl};
			bool is_new;
			struct net_record *r = find(net, &set[i], record, &is_new);
			if (r == NULL)
				return -ENOMEM;
			if (net->octets > JOURNAL_NET_OCTETS_MAX)
				return -EFBIG;
			if (is_new && !come)
				r->before = state;
			r->after = come ? state : (struct net_state){0};
		}
	return 0;
}

int
journal_net_add(struct journal_net *net, const struct store_journal_entry *e)
{
	int ret = add_side(net, e->removed, e->n_removed, false);

	return ret != 0 ? ret : add_side(net, e->added, e->n_added, true);
}

static bool
is_same(const struct net_state *a, const struct net_state *b)
{
	return a->there == b->there &&
	       (!a->there || (a->disabled == b->disabled && a->ttl == b->ttl));
}

static int
compare_rrsets(const struct net_record *x, const struct net_record *y)
{
	int c = knot_dname_cmp(x->owner, y->owner);

	return c != 0 ? c : (int)x->type - (int)y->type;
}

static int
compare_rdata(const uint8_t *x, uint16_t x_octets, const uint8_t *y, uint16_t y_octets)
{
	if (x_octets != y_octets)
		return x_octets < y_octets ? -1 : 1;
	return memcmp(x, y, x_octets);
}

static int
compare(const void *a, const void *b)
{
	const struct net_record *x = *(struct net_record *const *)a;
	const struct net_record *y = *(struct net_record *const *)b;
	int c = compare_rrsets(x, y);

	return c != 0 ? c : compare_rdata(x->rdata, x->rdlength, y->rdata, y->rdlength);
}

void
journal_net_sort(struct journal_net *net)
{
	size_t to = 0;

	for (size_t i = 0; i < net->n; i++)
		if (!is_same(&net->record[i]->before, &net->record[i]->after))
			net->record[to++] = net->record[i];
	net->n = to;
	if (to > 1)
		qsort(net->record, to, sizeof(struct net_record *), compare);
}

size_t
journal_net_rrset_end(const struct journal_net *net, size_t from)
{
	size_t end = from + 1;

	while (end < net->n && compare_rrsets(net->record[from], net->record[end]) == 0)
		end++;
	return end;
}

const struct net_record *
journal_net_find(
	const struct journal_net *net, size_t from, size_t end, const struct backend_record *record)
{
	while (from < end) {
		size_t middle = from + (end - from) / 2;
		const struct net_record *r = net->record[middle];
		int c = compare_rdata(record->rdata, record->rdlength, r->rdata, r->rdlength);

		if (c == 0)
			return r;
		if (c < 0)
			end = middle;
		else
			from = middle + 1;
	}
	return NULL;
}
