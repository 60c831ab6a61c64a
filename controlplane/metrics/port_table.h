/* SPDX-License-Identifier: GPL-3.0-or-later */
/* port_table: the ports of the dataplane that answers, read out of the hub. O(ports x workers), any
 * thread, after a hub_refresh(). */
#pragma once
#include "shm/hub.h"

struct port_row {
	char name[64]; /* of hub_port; always ends in 0 */
	const char *kind;
	bool up;
	uint32_t mbps, n_queues;
	uint64_t counter[PCTR_N];
	unsigned index; /* in struct hub_worker.traffic */
};

/** @param[out] row  room for HUB_PORTS_MAX. @return rows */
unsigned port_table_read(const struct hub *h, unsigned seat, struct port_row *row);

/** What a worker counted at a port. @param worker  below n_workers of that seat */
uint64_t port_table_traffic(const struct hub *h, unsigned seat, unsigned worker, unsigned index,
	enum port_traffic_id id);
