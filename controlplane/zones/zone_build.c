/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_build: growing arrays of names, records and octets. Nothing is allocated per record: growing
 * of blocks this large is mremap, so growing moves page tables, not octets. */
#include "controlplane/zones/zone_build.h"

#include "controlplane/zones/zone_memory.h"
#include "controlplane/zones/zone_rdata.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <libknot/descriptor.h>
#include <libknot/dname.h>

#define HEAP_OCTETS_MAX ((1ull << 34) - 4) /* what a 32-bit offset in units of 4 reaches */
#define HEAP_FIRST 2048u
#define RECORDS_FIRST 32u
#define OUTSIDE_SHOWN 10u /* warnings for records outside the zone; the rest is only counted */

const char *
zone_name_text(char text[ZONE_NAME_TEXT_MAX], const uint8_t *name)
{
	if (knot_dname_to_str(text, name, ZONE_NAME_TEXT_MAX) == NULL)
		snprintf(text, ZONE_NAME_TEXT_MAX, "(name)");
	return text;
}

const char *
zone_type_text(char text[ZONE_TYPE_TEXT_MAX], uint16_t type)
{
	if (knot_rrtype_to_string(type, text, ZONE_TYPE_TEXT_MAX) < 0)
		snprintf(text, ZONE_TYPE_TEXT_MAX, "TYPE%u", type);
	return text;
}

int
zone_build_init(struct zone_build *b, const uint8_t *apex, const struct zone_load_options *o,
	struct zone_report *report)
{
	*b = (struct zone_build){.report = report};
	unsigned len = 0, labels = 0, variant = zone_key_variant(apex);
	memcpy(b->z.variant, apex, variant);
	apex += variant;
	while (apex[len] != 0) {
		if (apex[len] > LABEL_OCTETS_MAX || len + apex[len] + 2u > NAME_OCTETS_MAX)
			return -EINVAL;
		len += apex[len] + 1u;
		labels++;
	}
	len++;
	memcpy(b->z.apex, apex, len);
	for (unsigned i = 0; i < len; i++)
		if (b->z.apex[i] >= 'A' && b->z.apex[i] <= 'Z')
			b->z.apex[i] |= 0x20;
	b->z.apex_len = (uint8_t)len;
	b->z.apex_labels = (uint8_t)labels;
	b->z.seed = o->seed;
	b->apex_hash = name_hash(o->seed, b->z.apex);
	b->octets_max = o->octets_max == 0 || o->octets_max > HEAP_OCTETS_MAX ? HEAP_OCTETS_MAX
									      : o->octets_max;
	b->z.heap = zone_memory_resize(NULL, 0, HEAP_FIRST);
	b->z.record = zone_memory_resize(NULL, 0, RECORDS_FIRST * sizeof *b->z.record);
	b->z.name = zone_memory_resize(NULL, 0, RECORDS_FIRST * sizeof *b->z.name);
	if (b->z.heap == NULL || b->z.record == NULL || b->z.name == NULL) {
		zone_build_destroy(b);
		return -ENOMEM;
	}
	b->z.heap_room = HEAP_FIRST;
	b->z.record_room = b->z.name_room = RECORDS_FIRST;
	return 0;
}

void
zone_build_destroy(struct zone_build *b)
{
	zone_model_destroy(&b->z);
	free(b->source);
	b->source = NULL;
	zone_memory_free(b->scratch, b->scratch_octets);
	b->scratch = NULL;
}

int
zone_build_source(struct zone_build *b, const char *path, uint16_t parent, uint32_t parent_line)
{
	uint16_t n = b->z.n_files;

	if (n == ZONE_SOURCES_MAX)
		return -EMFILE;
	const char **files = realloc(b->z.file, (n + 1u) * sizeof *files);
	if (files == NULL)
		return -ENOMEM;
	b->z.file = files;
	struct zone_opening *sources = realloc(b->source, (n + 1u) * sizeof *sources);
	if (sources == NULL)
		return -ENOMEM;
	b->source = sources;
	files[n] = strdup(path);
	if (files[n] == NULL)
		return -ENOMEM;
	sources[n] = (struct zone_opening){.parent = parent, .parent_line = parent_line};
	b->z.n_files++;
	return n;
}

void
zone_build_finding(struct zone_build *b, enum zone_severity s, uint16_t source, uint32_t line,
	const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	size_t at = n < 0 ? 0 : (size_t)n;
	source &= (uint16_t)~ZONE_TARGET_SEEN;
	for (uint16_t i = source; at < sizeof text && b->source[i].parent != i;
		i = b->source[i].parent)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s:%u",
			i == source ? "; included from " : ", ", b->z.file[b->source[i].parent],
			b->source[i].parent_line);
	zone_report_add(b->report, s, b->z.file[source], line, "%s", text);
}

/* Room for len more octets, and for NAME_PAD readable ones behind them. */
static int
grow_heap(struct zone_build *b, size_t len)
{
	size_t need = b->z.heap_len + len + NAME_PAD;

	if (need > b->octets_max)
		return -EFBIG;
	size_t room = b->z.heap_room + b->z.heap_room / 2;
	if (room < need)
		room = need;
	uint8_t *heap = zone_memory_resize(b->z.heap, b->z.heap_room, room);
	if (heap == NULL)
		return -ENOMEM;
	b->z.heap = heap;
	b->z.heap_room = room;
	return 0;
}

uint32_t
zone_build_store(struct zone_build *b, const uint8_t *octets, size_t len, int *error)
{
	size_t padded = (len + 3) & ~(size_t)3;

	if (b->z.heap_len + padded + NAME_PAD > b->z.heap_room &&
		(*error = grow_heap(b, padded)) != 0)
		return UINT32_MAX;
	size_t at = b->z.heap_len;
	memcpy(b->z.heap + at, octets, len);
	b->z.heap_len = at + padded;
	return (uint32_t)(at / 4);
}

static void
warn_outside(struct zone_build *b, const struct zone_rr *rr)
{
	char text[ZONE_NAME_TEXT_MAX];

	if (b->n_outside++ < OUTSIDE_SHOWN)
		zone_build_finding(b, ZONE_WARNING, rr->source, rr->line,
			b->is_file ? "%s is outside the zone and is ignored; a name without a "
				     "final dot is relative to $ORIGIN"
				   : "%s is outside the zone and is ignored; remove it",
			zone_name_text(text, rr->owner));
}

/* A name with that tail, and with a length octet's worth of label before it, is below the cut for
 * sure only if the tail starts at a label: the labels are walked when the octets match. */
static bool
is_below_last_cut(const struct zone_build *b, const uint8_t *folded, unsigned len)
{
	if (b->cut_len == 0 || len <= b->cut_len ||
		memcmp(folded + len - b->cut_len, b->z.heap + (size_t)b->cut * 4, b->cut_len) != 0)
		return false;
	unsigned at = 0;
	while (at < len - b->cut_len)
		at += folded[at] + 1u;
	return at == len - b->cut_len;
}

/* Remember where an NS, MX or SRV leads, or that it leads outside. */
static void
note_target(struct zone_build *b, const struct zone_rr *rr, struct zone_record *r)
{
	unsigned at = (unsigned)zone_rdata_host(rr->type);
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD];

	if (rr->rdata_len <= at || rr->rdata_len - at > NAME_OCTETS_MAX)
		return;
	struct zone_pending *p = &b->pending[b->n_pending % ZONE_PENDING];
	unsigned len = rr->rdata_len - at;
	memcpy(padded, rr->rdata + at, len);
	name_fold(p->name, padded, len);
	if (len >= b->z.apex_len &&
		memcmp(p->name + len - b->z.apex_len, b->z.apex, b->z.apex_len) == 0) {
		p->record = (uint32_t)(r - b->z.record);
		p->len = (uint8_t)len;
		b->n_pending++;
	} else if (p->name[1] < '0' || p->name[1] > '9') { /* it does not look like an address */
		r->file |= ZONE_TARGET_SEEN;
		p->len = 0;
	}
}

/* An address at this name: who was waiting for it? */
static void
note_address(struct zone_build *b, const struct zone_name *run)
{
	for (unsigned i = 0; i < ZONE_PENDING; i++) {
		struct zone_pending *p = &b->pending[i];
		if (p->len == run->len && memcmp(p->name, zone_owner(&b->z, run), p->len) == 0) {
			b->z.record[p->record].file |= ZONE_TARGET_SEEN;
			p->len = 0;
		}
	}
}

/* Start a run for a new owner. Returns 1 when the owner lies outside the zone. */
static int
add_run(struct zone_build *b, const struct zone_rr *rr)
{
	struct zone_model *z = &b->z;
	uint8_t folded[NAME_OCTETS_MAX + 1 + NAME_PAD], label[NAME_LABELS_MAX];
	int error = 0;

	name_fold(folded, rr->owner, rr->owner_len);
	unsigned n = name_labels(folded, label);
	unsigned below = n - z->apex_labels; /* labels below the apex */
	if (n < z->apex_labels || rr->owner_len < z->apex_len ||
		(below == n ? rr->owner_len - 1u : label[below]) + z->apex_len != rr->owner_len ||
		memcmp(folded + rr->owner_len - z->apex_len, z->apex, z->apex_len) != 0)
		return 1;
	uint64_t hash = b->apex_hash;
	for (unsigned i = below; i-- > 0;)
		hash = name_hash_extend(hash, folded + label[i]);

	if (z->n_names == b->z.name_room) {
		uint32_t room = b->z.name_room + b->z.name_room / 2;
		struct zone_name *name =
			room < b->z.name_room
				? NULL
				: zone_memory_resize(z->name, b->z.name_room * sizeof *name,
					  room * sizeof *name);
		if (name == NULL)
			return -ENOMEM;
		z->name = name;
		b->z.name_room = room;
	}
	uint8_t flags = folded[0] == 1 && folded[1] == '*' && below > 0 ? ZONE_NAME_IS_WILDCARD : 0;
	if (is_below_last_cut(b, folded, rr->owner_len))
		flags |= ZONE_NAME_OCCLUDED;
	uint32_t at = zone_build_store(b, folded, rr->owner_len, &error);
	if (error != 0)
		return error;
	z->name[z->n_names++] = (struct zone_name){
		.hash = hash,
		.name = at,
		.first = z->n_records,
		.flags = flags,
		.labels = (uint8_t)n,
		.len = (uint8_t)rr->owner_len,
	};
	memcpy(b->last, rr->owner, rr->owner_len);
	b->last_len = rr->owner_len;
	return 0;
}

static int
grow_records(struct zone_build *b)
{
	uint32_t room = b->z.record_room + b->z.record_room / 2;
	struct zone_record *record =
		room < b->z.record_room
			? NULL
			: zone_memory_resize(b->z.record, b->z.record_room * sizeof *record,
				  room * sizeof *record);
	if (record == NULL)
		return -ENOMEM;
	b->z.record = record;
	b->z.record_room = room;
	return 0;
}

int
zone_build_add(struct zone_build *b, const struct zone_rr *rr)
{
	struct zone_model *z = &b->z;

	assert(rr->owner_len > 0 && rr->owner_len <= NAME_OCTETS_MAX);
	if (z->n_records == b->z.record_room) {
		int rc = grow_records(b);
		if (rc != 0)
			return rc;
	}
	if (rr->owner_len != b->last_len || memcmp(rr->owner, b->last, rr->owner_len) != 0) {
		int rc = add_run(b, rr);
		if (rc == 1) {
			warn_outside(b, rr);
			return 0;
		}
		if (rc != 0)
			return rc;
	}
	size_t len = 2u + rr->rdata_len, padded = (len + 3) & ~(size_t)3;
	if (z->heap_len + padded + NAME_PAD > b->z.heap_room) {
		int rc = grow_heap(b, padded);
		if (rc != 0)
			return rc;
	}
	uint8_t *p = z->heap + z->heap_len;
	memcpy(p, &rr->rdata_len, 2);
	memcpy(p + 2, rr->rdata, rr->rdata_len);
	z->record[z->n_records++] = (struct zone_record){
		.rdata = (uint32_t)(z->heap_len / 4),
		.ttl = rr->ttl,
		.type = rr->type,
		.file = rr->source,
		.line = rr->line,
	};
	z->heap_len += padded;
	struct zone_name *run = &z->name[z->n_names - 1];
	run->n++;
	switch (rr->type) {
	case KNOT_RRTYPE_A:
	case KNOT_RRTYPE_AAAA:
		note_address(b, run);
		break;
	case KNOT_RRTYPE_NS:
		if (run->labels > z->apex_labels) {
			b->cut = run->name;
			b->cut_len = run->len;
		}
		note_target(b, rr, &z->record[z->n_records - 1]);
		break;
	case KNOT_RRTYPE_MX:
	case KNOT_RRTYPE_SRV:
		note_target(b, rr, &z->record[z->n_records - 1]);
		break;
	default:
		break;
	}
	return 0;
}

int
zone_build_finish(
	struct zone_build *b, struct zone_model *out, int rc, size_t errors, const char *path)
{
	if (rc == 0 || rc == -EINVAL) {
		int indexed = zone_index(b);
		if (indexed == 0 && rc == 0)
			zone_check(b);
		rc = indexed != 0 ? indexed : rc;
	}
	if (rc == 0 && b->report->n_errors > errors)
		rc = -EINVAL;
	if (rc == -ENOMEM || rc == -EFBIG || rc == -EMFILE)
		zone_report_add(b->report, ZONE_ERROR, path, 0, "%s",
			rc == -ENOMEM  ? "not enough memory to load the zone"
			: rc == -EFBIG ? "the zone is larger than the limit for zones"
				       : "more than 32767 files are included");
	if (rc == 0) {
		*out = b->z;
		b->z = (struct zone_model){0};
	}
	return rc;
}
