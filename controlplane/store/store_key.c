/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_key: names as keys and back. Pure functions, any thread. */
#include "controlplane/store/store_key.h"

#include <errno.h>

static const uint8_t root[1];

void
store_key_id(struct store_key *k, uint64_t id)
{
	unsigned n = id == 0 ? 1 : (64u - (unsigned)__builtin_clzll(id) + 7) / 8;

	k->octets[k->len++] = (uint8_t)n;
	while (n-- > 0)
		k->octets[k->len++] = (uint8_t)(id >> (8 * n));
}

unsigned
store_key_take_id(const uint8_t *octets, size_t len, uint64_t *id)
{
	unsigned n = len == 0 ? 0 : octets[0];
	uint64_t v = 0;

	if (n < 1 || n > 8 || n + 1 > len || (octets[1] == 0 && n > 1))
		return 0;
	for (unsigned i = 1; i <= n; i++)
		v = v << 8 | octets[i];
	*id = v;
	return n + 1;
}

static int
append_label(struct store_key *k, const uint8_t *label)
{
	unsigned at = k->len;

	if (at + 2u * label[0] + 1 > STORE_KEY_OCTETS) {
		unsigned need = label[0] + 1u;
		for (unsigned i = 1; i <= label[0]; i++)
			need += label[i] <= 1;
		if (at + need > STORE_KEY_OCTETS)
			return -ENAMETOOLONG;
	}
	for (unsigned i = 1; i <= label[0]; i++) {
		if (label[i] <= 1) {
			k->octets[at++] = 1;
			k->octets[at++] = (uint8_t)(label[i] + 1);
		} else {
			k->octets[at++] = label[i];
		}
	}
	k->octets[at++] = 0;
	k->len = (uint16_t)at;
	return 0;
}

int
store_key_name(struct store_key *k, const uint8_t *name, const uint8_t *apex)
{
	uint8_t label[NAME_LABELS_MAX], top[NAME_LABELS_MAX];
	unsigned n = name_labels(name, label);
	unsigned shared, apex_octets;
	int ret;

	if (apex == NULL)
		apex = root;
	shared = name_labels(apex, top);
	apex_octets = name_octets(apex);
	if (n < shared)
		return -EINVAL;
	n -= shared;
	/* with n labels left, the shared part begins where label n lies */
	const uint8_t *rest = shared == 0 ? root : name + label[n];
	if (shared != 0 && memcmp(rest, apex, apex_octets) != 0)
		return -EINVAL;
	while (n-- > 0) {
		ret = append_label(k, name + label[n]);
		if (ret != 0)
			return ret;
	}
	return 0;
}

int
store_key_to_name(
	uint8_t name[STORE_NAME_OCTETS], const uint8_t *octets, size_t len, const uint8_t *apex)
{
	uint8_t wire[NAME_OCTETS_MAX];
	unsigned apex_octets = name_octets(apex == NULL ? root : apex);
	unsigned start = NAME_OCTETS_MAX - apex_octets;
	size_t at = 0;

	memcpy(wire + start, apex == NULL ? root : apex, apex_octets);
	while (at < len) {
		uint8_t label[LABEL_OCTETS_MAX];
		unsigned n = 0;
		for (; at < len && octets[at] != 0; at++) {
			uint8_t c = octets[at];
			if (c == 1) {
				if (++at == len || octets[at] < 1 || octets[at] > 2)
					return -EPROTO;
				c = (uint8_t)(octets[at] - 1);
			}
			if (n == LABEL_OCTETS_MAX)
				return -EPROTO;
			label[n++] = c;
		}
		if (at++ == len || n == 0 || start < n + 1)
			return -EPROTO;
		start -= n + 1;
		wire[start] = (uint8_t)n;
		memcpy(wire + start + 1, label, n);
	}
	memcpy(name, wire + start, NAME_OCTETS_MAX - start);
	memset(name + NAME_OCTETS_MAX - start, 0, STORE_NAME_OCTETS - (NAME_OCTETS_MAX - start));
	return 0;
}
