/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_message: names and their compression (RFC 1035 4.1.4). Control plane, compiling threads. */
#include "controlplane/zones/zone_message.h"

#include <assert.h>

#define INDEX_MIN 64u

/* Labels and suffix hashes of n->wire, which is folded and n->len octets long. */
static void
name_index(struct message_name *n, uint64_t seed)
{
	n->n_labels = name_labels(n->wire, n->label);
	n->hash[n->n_labels] = seed;
	for (unsigned i = n->n_labels; i-- > 0;)
		n->hash[i] = name_hash_extend(n->hash[i + 1], n->wire + n->label[i]);
}

bool
zone_message_take_name(struct message_name *n, const uint8_t *rdata, unsigned max, uint64_t seed)
{
	unsigned at = 0;
	while (at < max && rdata[at] != 0) {
		if (rdata[at] > LABEL_OCTETS_MAX)
			return false;
		at += rdata[at] + 1u;
	}
	if (at >= max || at >= NAME_OCTETS_MAX)
		return false;
	n->raw = rdata;
	n->len = at + 1;
	uint8_t copy[NAME_OCTETS_MAX + 1 + NAME_PAD]; /* folding reads beyond the end */
	memcpy(copy, rdata, n->len);
	memset(copy + n->len, 0, 32);
	name_fold(n->wire, copy, n->len);
	memset(n->wire + n->len, 0, 16);
	name_index(n, seed);
	return true;
}

static void
index_add(struct zone_message *m, uint32_t entry)
{
	uint32_t i = (uint32_t)(m->dict[entry].hash >> 32) & m->index_mask;
	while (m->index[i] != 0)
		i = (i + 1) & m->index_mask;
	m->index[i] = (uint16_t)(entry + 1);
}

static struct message_entry *
dict_add(struct zone_message *m, uint64_t hash, uint32_t off, uint8_t kind)
{
	if (m->n_dict == MESSAGE_DICT_MAX)
		return NULL;
	if (m->n_dict * 2 > m->index_mask) {
		m->index_mask = m->index_mask * 2 + 1;
		memset(m->index, 0, (m->index_mask + 1) * sizeof m->index[0]);
		for (uint32_t i = 0; i < m->n_dict; i++)
			index_add(m, i);
	}
	struct message_entry *e = &m->dict[m->n_dict];
	*e = (struct message_entry){.hash = hash, .off = (uint16_t)off, .kind = kind};
	index_add(m, m->n_dict++);
	return e;
}

/* Does the name at this offset of the message, compressed perhaps, equal the folded one? */
static bool
has_name(const struct zone_message *m, uint32_t off, const uint8_t *folded)
{
	for (;;) {
		unsigned len = m->msg[off];
		if (len >= 0xc0) {
			off = (len & 0x3f) << 8 | m->msg[off + 1];
			continue; /* only ever backwards: we wrote it */
		}
		if (len != *folded)
			return false;
		if (len == 0)
			return true;
		for (unsigned i = 1; i <= len; i++) {
			uint8_t c = m->msg[off + i];
			if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != folded[i])
				return false;
		}
		off += len + 1;
		folded += len + 1;
	}
}

static struct message_entry *
dict_find(struct zone_message *m, uint64_t hash, const uint8_t *folded)
{
	for (uint32_t i = (uint32_t)(hash >> 32) & m->index_mask; m->index[i] != 0;
		i = (i + 1) & m->index_mask) {
		struct message_entry *e = &m->dict[m->index[i] - 1];
		if (e->hash == hash && has_name(m, e->off, folded))
			return e;
	}
	return NULL;
}

/* The owner's suffixes, put in the dictionary when the first name wants to be compressed. */
static void
dict_prepare(struct zone_message *m)
{
	if (m->dict_ready)
		return;
	m->dict_ready = true;
	name_index(&m->owner, m->seed);
	m->n_dict = 0;
	m->index_mask = INDEX_MIN - 1;
	memset(m->index, 0, INDEX_MIN * sizeof m->index[0]);
	/* A wildcard's whole name becomes QNAME, so nothing that is literally "*.x" may point at
	 * it. */
	for (unsigned i = m->wildcard ? 1 : 0; i < m->owner.n_labels; i++)
		dict_add(m, m->owner.hash[i], MESSAGE_HEADER + m->owner.label[i],
			i == 0 ? m->owner_kind : FIX_SUFFIX);
}

static void
put_pointer(struct zone_message *m, uint32_t to, uint8_t kind)
{
	assert(m->n_fix < MESSAGE_FIX_MAX);
	m->fix[m->n_fix++] = (m->at - m->start) | (uint32_t)kind << 30;
	message_put16(m->msg + m->at, 0xc000 | to);
	m->at += 2;
}

struct message_entry *
zone_message_put_name(struct zone_message *m, const struct message_name *n, bool compress)
{
	struct message_entry *whole = NULL;
	unsigned i;

	dict_prepare(m);
	for (i = 0; i < n->n_labels; i++) {
		struct message_entry *e = dict_find(m, n->hash[i], n->wire + n->label[i]);
		if (e != NULL && i == 0)
			whole = e;
		if (e != NULL && compress && e->off <= IMAGE_POINTER_MAX) {
			put_pointer(m, e->off, e->kind);
			return whole;
		}
		if (e == NULL) {
			e = dict_add(m, n->hash[i], m->at, FIX_SELF);
			if (i == 0)
				whole = e;
		}
		memcpy(m->msg + m->at, n->raw + n->label[i], n->raw[n->label[i]] + 1u);
		m->at += n->raw[n->label[i]] + 1u;
	}
	m->msg[m->at++] = 0;
	return whole;
}

void
zone_message_put_owner(struct zone_message *m)
{
	put_pointer(m, MESSAGE_HEADER, m->owner_kind);
}

void
zone_message_begin(struct zone_message *m, const uint8_t *owner, unsigned len, uint8_t owner_kind)
{
	m->owner.len = len;
	memcpy(m->owner.wire, owner, len);
	memset(m->owner.wire + len, 0, 16);
	memcpy(m->msg + MESSAGE_HEADER, owner, len);
	m->owner_kind = owner_kind;
	m->wildcard = owner_kind == FIX_NAME && owner[0] == 1 && owner[1] == '*';
	m->start = m->at = MESSAGE_HEADER + len + MESSAGE_QUESTION_FIXED;
	m->dict_ready = false;
	m->n_fix = 0;
}
