/* SPDX-License-Identifier: GPL-3.0-or-later */
/* port_counters: what is counted for each port: PORT_COUNTERS by whoever drives it (a NIC, the
 * kernel), copied into the hub once a second by the dataplane's main thread, where they are known
 * by key (hub_layout.h); struct port_traffic by each worker for itself, whose rows are fixed. */
#pragma once
#include "shm/counters.h"

#include <stdint.h>

/* clang-format off: one row a line */
/* X(id, family, unit, help) */
#define PORT_COUNTERS(X)                                                                           \
	X(RX_MISSED, "port_rx_missed_total", "packets",                                            \
		"Packets lost because the receive ring or the socket's buffer was full.")          \
	X(RX_ERRORS, "port_rx_errors_total", "packets",                                            \
		"Packets that the device refused (checksum, length).")                             \
	X(RX_NO_BUFFERS, "port_rx_no_buffers_total", "packets",                                    \
		"Times that no packet buffer was left to receive into.")                           \
	X(TX_ERRORS, "port_tx_errors_total", "packets", "Packets that the device failed to send.") \
	X(DEVICE_RX, "port_device_rx_packets_total", "packets",                                    \
		"Packets received, as the device counts them; 0 for kernel sockets.")              \
	X(DEVICE_TX, "port_device_tx_packets_total", "packets",                                    \
		"Packets sent, as the device counts them; 0 for kernel sockets.")                  \
	X(LINK_CHANGES, "port_link_changes_total", "changes",                                      \
		"Times that the link went up or down.")

/* X(id, family, unit, help) */
#define PORT_TRAFFIC(X)                                                                     \
	X(RX_PACKETS, "port_rx_packets_total", "packets", "Packets taken from the port.")   \
	X(RX_BYTES, "port_rx_bytes_total", "bytes", "DNS octets in queries from the port.") \
	X(TX_PACKETS, "port_tx_packets_total", "packets", "Responses handed to the port.")  \
	X(TX_BYTES, "port_tx_bytes_total", "bytes", "DNS octets in responses to the port.")
/* clang-format on */

enum port_counter {
#define X(id, family, unit, help) PCTR_##id,
	PORT_COUNTERS(X)
#undef X
		PCTR_N,
};

enum port_traffic_id {
#define X(id, family, unit, help) PTR_##id,
	PORT_TRAFFIC(X)
#undef X
		PTR_N,
};

/* Of one port, by one worker. */
struct port_traffic {
	uint64_t v[PTR_N];
};

/** Rows of the tables; they have no label of their own. */
extern const struct counter_info port_counter_info[PCTR_N];
extern const struct counter_info port_traffic_info[PTR_N];

/** The worker only. */
static inline void
port_traffic_add(struct port_traffic *t, enum port_traffic_id id, uint64_t n)
{
	__atomic_store_n(&t->v[id], t->v[id] + n, __ATOMIC_RELAXED);
}
