/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_model: look-ups in a finished model, and its end. Any thread. */
#include "controlplane/zones/zone_model.h"

#include "controlplane/zones/zone_memory.h"

#include <stdlib.h>

const struct zone_name *
zone_model_find(const struct zone_model *z, uint64_t hash, const uint8_t *folded, unsigned len)
{
	if (z->n_names == 0)
		return NULL;
	/* bucket[b] is the first name whose upper hash bits are at least b; one more ends the last
	 */
	size_t b = z->bucket_bits == 0 ? 0 : hash >> (64 - z->bucket_bits);
	for (uint32_t i = z->bucket[b]; i < z->bucket[b + 1]; i++) {
		const struct zone_name *n = &z->name[i];
		if (n->hash == hash && n->len == len && memcmp(zone_owner(z, n), folded, len) == 0)
			return n;
	}
	return NULL;
}

const struct zone_record *
zone_model_rrset(
	const struct zone_model *z, const struct zone_name *name, uint16_t type, uint32_t *n)
{
	const struct zone_record *r = z->record + name->first;
	const struct zone_record *end = r + name->n;

	*n = 0;
	/* A name with hundreds of records is rare, and types are few: a scan that stops early. */
	while (r < end && r->type < type)
		r++;
	if (r == end || r->type != type)
		return NULL;
	const struct zone_record *last = r;
	while (last < end && last->type == type)
		last++;
	*n = (uint32_t)(last - r);
	return r;
}

void
zone_model_destroy(struct zone_model *z)
{
	zone_memory_free(z->heap, z->heap_room);
	zone_memory_free(z->record, z->record_room * sizeof *z->record);
	zone_memory_free(z->name, z->name_room * sizeof *z->name);
	zone_memory_free(z->bucket, z->bucket_room * sizeof *z->bucket);
	for (unsigned i = 0; i < z->n_files; i++)
		free((char *)z->file[i]);
	free(z->file);
	*z = (struct zone_model){0};
}
