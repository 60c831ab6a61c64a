/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters: the rows of the table, for whoever prints them. */
#include "shm/counters.h"
#include "shm/port_counters.h"
#include "shm/stream_counters.h"

#include <stddef.h>

const struct counter_info counter_info[CTR_N] = {
#define X(id, family, label, value, unit, help) [CTR_##id] = {family, label, value, unit, help},
	COUNTERS(X)
#undef X
};

const struct counter_info stream_counter_info[SCTR_N] = {
#define X(id, family, label, value, unit, help) [SCTR_##id] = {family, label, value, unit, help},
	STREAM_COUNTERS(X)
#undef X
};

#define X(id, family, unit, help) {family, "", "", unit, help},
const struct counter_info port_counter_info[PCTR_N] = {PORT_COUNTERS(X)};
const struct counter_info port_traffic_info[PTR_N] = {PORT_TRAFFIC(X)};
#undef X

static uint64_t
add_text(uint64_t hash, const char *text)
{
	size_t i = 0;

	/* FNV-1a; the 0 at the end counts, so that texts do not run together */
	do
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3ull;
	while (text[i++] != '\0');
	return hash;
}

uint64_t
counter_key(const struct counter_info *c)
{
	return add_text(add_text(add_text(0xcbf29ce484222325ull, c->family), c->label), c->value);
}

uint16_t
counter_find(const uint64_t *key, unsigned n, const struct counter_info *c, unsigned hint)
{
	uint64_t wanted = counter_key(c);

	if (hint < n && key[hint] == wanted)
		return (uint16_t)hint;
	for (unsigned i = 0; i < n; i++)
		if (key[i] == wanted)
			return (uint16_t)i;
	return COUNTER_NONE;
}
