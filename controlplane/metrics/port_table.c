/* SPDX-License-Identifier: GPL-3.0-or-later */
/* port_table: a dataplane of another version may know fewer counters, or more, in another order. */
#include "controlplane/metrics/port_table.h"

#include <string.h>

static const char *
kind_word(uint32_t kind)
{
	switch (kind) {
	case HUB_PORT_SOCKET:
		return "socket";
	case HUB_PORT_DEVICE:
		return "device";
	case HUB_PORT_STREAM:
		return "stream";
	case HUB_PORT_SPREAD:
		return "spread";
	default:
		return "other";
	}
}

unsigned
port_table_read(const struct hub *h, unsigned seat, struct port_row *row)
{
	const struct hub_instance *in = &h->instance[seat];
	uint32_t n = atomic_load_explicit(&in->n_ports, memory_order_acquire);
	uint32_t n_counters = atomic_load_explicit(&in->n_port_counters, memory_order_acquire);
	uint16_t at[PCTR_N];

	if (n > HUB_PORTS_MAX)
		n = HUB_PORTS_MAX;
	if (n_counters > HUB_PORT_COUNTERS_MAX)
		n_counters = HUB_PORT_COUNTERS_MAX;
	for (unsigned k = 0; k < PCTR_N; k++)
		at[k] = counter_find(in->port_counter_key, n_counters, &port_counter_info[k], k);
	for (uint32_t i = 0; i < n; i++) {
		const struct hub_port *p = &h->port[seat][i];

		row[i] = (struct port_row){
			.kind = kind_word(p->kind),
			.up = __atomic_load_n(&p->link_up, __ATOMIC_RELAXED) != 0,
			.mbps = __atomic_load_n(&p->mbps, __ATOMIC_RELAXED),
			.n_queues = p->n_queues,
			.index = i,
		};
		memcpy(row[i].name, p->name, sizeof row[i].name - 1);
		for (unsigned k = 0; k < PCTR_N; k++)
			if (at[k] != COUNTER_NONE)
				row[i].counter[k] =
					__atomic_load_n(&p->counter[at[k]], __ATOMIC_RELAXED);
	}
	return n;
}

uint64_t
port_table_traffic(const struct hub *h, unsigned seat, unsigned worker, unsigned index,
	enum port_traffic_id id)
{
	return __atomic_load_n(&h->worker[seat][worker].traffic[index].v[id], __ATOMIC_RELAXED);
}
