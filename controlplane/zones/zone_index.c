/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_index: runs of records -> names sorted by hash, each with its records sorted and without
 * duplicates. Hashes are evenly spread, so names are sorted by
 * scattering them by the upper bits of their hash, twice, into groups of a few. */
#include "controlplane/zones/zone_index.h"

#include "controlplane/zones/zone_memory.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <stdlib.h>
#include <libknot/descriptor.h>

#define SCATTER_BITS_MAX 11u /* first pass: 2048 write streams still fit the L2 TLB */
#define GROUP_NAMES 4u       /* names that a group should have after the second pass */
#define INSERTION_MAX 48u    /* above this, qsort */
#define AHEAD 16u /* names between a prefetch and its use: enough for one miss to memory */

int
zone_index_compare(const struct zone_model *z, const struct zone_name *a, const struct zone_name *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	int c = a->name == b->name ? 0 : memcmp(zone_owner(z, a), zone_owner(z, b), a->len);
	if (c != 0)
		return c;
	return a->first < b->first ? -1 : a->first > b->first;
}

static int
compare_names_r(const void *a, const void *b, void *z)
{
	return zone_index_compare(z, a, b);
}

static void
sort_group(const struct zone_model *z, struct zone_name *name, uint32_t n)
{
	if (n > INSERTION_MAX) {
		qsort_r(name, n, sizeof *name, compare_names_r, (void *)z);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		struct zone_name x = name[i];
		uint32_t j = i;
		while (j > 0 && (x.hash < name[j - 1].hash ||
					(x.hash == name[j - 1].hash &&
						zone_index_compare(z, &x, &name[j - 1]) < 0))) {
			name[j] = name[j - 1];
			j--;
		}
		name[j] = x;
	}
}

/* Bits of the hash that make groups of about `each` names. */
static unsigned
group_bits(uint32_t n, uint32_t each, unsigned bits_max)
{
	unsigned bits = 0;
	while (bits < bits_max && (n >> (bits + 1)) >= each)
		bits++;
	return bits;
}

/* Stable counting sort by `bits` bits of the hash from bit `shift`; start[] gets 2^bits + 1 group
 * bounds. */
static void
scatter(struct zone_name *to, const struct zone_name *from, uint32_t n, unsigned shift,
	unsigned bits, uint32_t *start)
{
	uint32_t groups = 1u << bits, mask = groups - 1, sum = 0;

	memset(start, 0, (groups + 1) * sizeof *start);
	for (uint32_t i = 0; i < n; i++)
		start[((from[i].hash >> shift) & mask) + 1]++;
	for (uint32_t g = 0; g <= groups; g++)
		start[g] = sum += start[g];
	for (uint32_t i = 0; i < n; i++)
		to[start[(from[i].hash >> shift) & mask]++] = from[i];
	/* each start is now its group's end */
	memmove(start + 1, start, groups * sizeof *start);
	start[0] = 0;
}

/* Memory that is free to be overwritten; the next one to ask gets the same. NULL when there is
 * none. */
static void *
scratch(struct zone_build *b, size_t octets)
{
	if (b->scratch_octets < octets) {
		void *p = zone_memory_resize(b->scratch, b->scratch_octets, octets);
		if (p == NULL)
			return NULL;
		b->scratch = p;
		b->scratch_octets = octets;
	}
	return b->scratch;
}

/* Sort names by hash, then name, then place in the file. */
int
zone_index_sort(struct zone_build *b, struct zone_name *name, uint32_t n)
{
	const struct zone_model *z = &b->z;
	unsigned bits = group_bits(n, GROUP_NAMES, SCATTER_BITS_MAX);
	uint32_t outer[(1u << SCATTER_BITS_MAX) + 1], inner[(1u << SCATTER_BITS_MAX) + 1];

	if (bits == 0) {
		sort_group(z, name, n);
		return 0;
	}
	struct zone_name *tmp = scratch(b, n * sizeof *tmp);
	if (tmp == NULL)
		return -ENOMEM;
	scatter(tmp, name, n, 64 - bits, bits, outer);
	for (uint32_t g = 0; g < 1u << bits; g++) {
		struct zone_name *to = name + outer[g];
		uint32_t m = outer[g + 1] - outer[g];
		unsigned more = group_bits(m, GROUP_NAMES, SCATTER_BITS_MAX);
		if (more == 0) {
			memcpy(to, tmp + outer[g], m * sizeof *to);
			sort_group(z, to, m);
			continue;
		}
		scatter(to, tmp + outer[g], m, 64 - bits - more, more, inner);
		for (uint32_t i = 0; i < 1u << more; i++)
			sort_group(z, to + inner[i], inner[i + 1] - inner[i]);
	}
	return 0;
}

static int
compare_records(
	const struct zone_model *z, const struct zone_record *a, const struct zone_record *b)
{
	uint16_t a_len, b_len;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	const uint8_t *a_rdata = zone_rdata(z, a, &a_len), *b_rdata = zone_rdata(z, b, &b_len);
	int c = zone_rdata_compare(a->type, a_rdata, a_len, b_rdata, b_len);
	if (c != 0)
		return c;
	return a->rdata < b->rdata ? -1 : a->rdata > b->rdata; /* the first in the file stays */
}

static int
compare_records_r(const void *a, const void *b, void *z)
{
	return compare_records(z, a, b);
}

static void
warn_duplicate(struct zone_build *b, const struct zone_name *name, const struct zone_record *r,
	const struct zone_record *first)
{
	char owner[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX];

	if (!b->is_file) {
		zone_build_finding(b, ZONE_WARNING, r->file, r->line,
			"%s: two %s records are the same; one is ignored, remove it",
			zone_name_text(owner, zone_owner(&b->z, name)),
			zone_type_text(type, r->type));
		return;
	}
	zone_build_finding(b, ZONE_WARNING, r->file, r->line,
		"%s %s was given already in %s:%u; the duplicate is ignored, remove one of them",
		zone_name_text(owner, zone_owner(&b->z, name)), zone_type_text(type, r->type),
		b->z.file[first->file & ~ZONE_TARGET_SEEN], first->line);
}

/* RFC 2181 5.2: the RRs of an RRset have one TTL. */
static void
level_ttl(struct zone_build *b, const struct zone_name *name, struct zone_record *r, uint32_t n)
{
	char owner[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX];
	uint32_t least = 0;

	for (uint32_t i = 1; i < n; i++)
		if (r[i].ttl < r[least].ttl)
			least = i;
	uint32_t other = r[0].ttl != r[least].ttl ? 0 : UINT32_MAX;
	for (uint32_t i = 1; i < n && other == UINT32_MAX; i++)
		if (r[i].ttl != r[least].ttl)
			other = i;
	if (other == UINT32_MAX)
		return;
	uint32_t ttl = r[least].ttl;
	/* The TTL of an RRSIG is that of what it covers (RFC 4034 3): they may differ. */
	if (r->type == KNOT_RRTYPE_RRSIG)
		return;
	zone_name_text(owner, zone_owner(&b->z, name));
	zone_type_text(type, r->type);
	if (!b->is_file)
		zone_build_finding(b, ZONE_WARNING, r->file, r->line,
			"%s: TTLs of the %s RRset differ (%u, %u); the smallest is used for all",
			owner, type, r[other].ttl, ttl);
	else
		zone_build_finding(b, ZONE_WARNING, r[other].file, r[other].line,
			"TTLs of the %s %s RRset differ (%u here, %u in line %u); the smallest, "
			"%u, is used for all",
			owner, type, r[other].ttl, ttl, r[least].line, ttl);
	for (uint32_t i = 0; i < n; i++)
		r[i].ttl = ttl;
}

/* Sort the records of one name, remove duplicates. Returns how many are left. */
static uint32_t
settle_records(
	struct zone_build *b, const struct zone_name *name, struct zone_record *r, uint32_t n)
{
	if (n <= INSERTION_MAX) {
		for (uint32_t i = 1; i < n; i++) {
			struct zone_record x = r[i];
			uint32_t j = i;
			while (j > 0 && compare_records(&b->z, &x, &r[j - 1]) < 0) {
				r[j] = r[j - 1];
				j--;
			}
			r[j] = x;
		}
	} else {
		qsort_r(r, n, sizeof *r, compare_records_r, &b->z);
	}
	uint32_t kept = 1, set = 0;
	for (uint32_t i = 1; i < n; i++) {
		uint16_t x_len, y_len;
		const uint8_t *x = zone_rdata(&b->z, &r[i], &x_len);
		const uint8_t *y = zone_rdata(&b->z, &r[kept - 1], &y_len);
		if (r[i].type != r[set].type) {
			level_ttl(b, name, r + set, kept - set);
			set = kept;
		} else if (zone_rdata_compare(r[i].type, x, x_len, y, y_len) == 0) {
			warn_duplicate(b, name, &r[i], &r[kept - 1]);
			if (r[i].ttl < r[kept - 1].ttl)
				r[kept - 1].ttl = r[i].ttl;
			continue;
		}
		r[kept++] = r[i];
	}
	level_ttl(b, name, r + set, kept - set);
	return kept;
}

/* Flags that follow from the types at the name alone; what lies above it is looked at later. */
static uint8_t
own_flags(const struct zone_model *z, const struct zone_name *name, const struct zone_record *r,
	uint32_t n)
{
	uint8_t flags = name->labels == z->apex_labels ? ZONE_NAME_APEX : name->flags;

	for (uint32_t i = 0; i < n; i++) {
		if (r[i].type == KNOT_RRTYPE_NS && !(flags & ZONE_NAME_APEX))
			flags |= ZONE_NAME_CUT;
		else if (r[i].type == KNOT_RRTYPE_CNAME)
			flags |= ZONE_NAME_CNAME;
		else if (r[i].type == KNOT_RRTYPE_DNAME)
			flags |= ZONE_NAME_DNAME;
	}
	return flags;
}

/* Merge the sorted runs into names and bring the records into their order. */
static int
gather_records(struct zone_build *b)
{
	struct zone_model *z = &b->z;
	struct zone_record *from = z->record;
	struct zone_record *to = scratch(b, (z->n_records + 1ull) * sizeof *to);
	uint32_t n_to = 0, n_names = 0;

	if (to == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < z->n_names;) {
		struct zone_name name = z->name[i];
		uint32_t first = n_to, run = i;
		do {
			if (run + AHEAD < z->n_names)
				__builtin_prefetch(&from[z->name[run + AHEAD].first]);
			memcpy(to + n_to, from + z->name[run].first, z->name[run].n * sizeof *to);
			n_to += z->name[run].n;
			name.flags |= z->name[run].flags;
			run++;
		} while (run < z->n_names && z->name[run].hash == name.hash &&
			 z->name[run].len == name.len &&
			 memcmp(zone_owner(z, &z->name[run]), zone_owner(z, &name), name.len) == 0);
		i = run;
		if (n_to - first > 1)
			n_to = first + settle_records(b, &name, to + first, n_to - first);
		name.first = first;
		name.n = n_to - first;
		name.flags = own_flags(z, &name, to + first, name.n);
		b->has_dname |= (name.flags & ZONE_NAME_DNAME) != 0;
		b->has_wildcard |= (name.flags & ZONE_NAME_IS_WILDCARD) != 0;
		z->name[n_names++] = name;
	}
	/* the scratch becomes the array, and the array is given back */
	size_t octets = (n_to + 1ull) * sizeof *to;
	zone_memory_free(from, z->record_room * sizeof *from);
	z->record = NULL;
	z->record_room = 0;
	to = zone_memory_resize(b->scratch, b->scratch_octets, octets);
	if (to == NULL)
		return -ENOMEM;
	b->scratch = NULL;
	b->scratch_octets = 0;
	z->record = to;
	z->record_room = n_to + 1;
	z->n_records = n_to;
	z->n_names = n_names;
	return 0;
}

/* bucket[b] = first name whose upper hash bits are at least b: two names a bucket on average. */
int
zone_index_buckets(struct zone_model *z)
{
	unsigned bits = group_bits(z->n_names, 2, 31);
	size_t room = ((size_t)1 << bits) + 1;
	uint32_t *bucket = zone_memory_resize(
		z->bucket, z->bucket_room * sizeof *bucket, room * sizeof *bucket);

	if (bucket == NULL)
		return -ENOMEM;
	z->bucket = bucket;
	z->bucket_room = (uint32_t)room;
	z->bucket_bits = bits;
	size_t at = 0;
	for (uint32_t i = 0; i < z->n_names; i++)
		for (size_t b = bits == 0 ? 0 : z->name[i].hash >> (64 - bits); at <= b; at++)
			bucket[at] = i;
	for (; at <= 1ull << bits; at++)
		bucket[at] = z->n_names;
	return 0;
}

int
zone_index(struct zone_build *b)
{
	int rc = zone_index_sort(b, b->z.name, b->z.n_names);
	if (rc == 0)
		rc = gather_records(b);
	if (rc == 0)
		rc = zone_index_buckets(&b->z);
	return rc == 0 ? zone_index_tree(b) : rc;
}
