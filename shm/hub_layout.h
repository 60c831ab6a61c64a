/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_layout: what lies in the hub's files, and who writes it. Each writer has a file of its own
 * that the others map read-only or not at all; only rings have two writers. A file is a header with
 * a table of sections (id, offset, entry octets, count). docs/decisions/0017 has the rules by which
 * this may grow:
 *  - a new field takes room that is reserved, and 0 means "not told";
 *  - a new section is a new row at the end of the table; where it is absent it reads as zeros;
 *  - both raise HUB_MINOR, and programs of either minor version work together;
 *  - whatever else changes raises HUB_MAJOR, and then all processes are restarted together. */
#pragma once
#include "shm/counters.h"
#include "shm/histogram.h"
#include "shm/port_counters.h"
#include "shm/ring.h"
#include "shm/stream_counters.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HUB_MAGIC 0x323062756841524dull /* "MRAhub02", read little-endian */
#define HUB_MAJOR 2u
#define HUB_MINOR 2u
#define HUB_PAGE 4096u /* sections start on one */
#define HUB_SECTIONS_MAX 64u
#define HUB_SEATS 2u /* dataplanes at a time: one, and during an upgrade its successor */
#define HUB_WORKERS_MAX 64u
#define HUB_PORTS_MAX 64u
#define HUB_COUNTERS_MAX 512u /* room for rows of COUNTERS */
#define HUB_STREAM_COUNTERS_MAX 128u
#define HUB_PORT_COUNTERS_MAX 64u
#define HUB_LATENCY_WORDS 128u
#define HUB_RING_OCTETS (1u << 20) /* of data, each ring: sixteen messages of 64 KiB */

/* The files: the hub's path and one of these endings. */
enum hub_file_id {
	HUB_FILE_CONTROL,  /* "hub.control", written by the control plane */
	HUB_FILE_DATA,     /* "hub.data", written by the dataplane */
	HUB_FILE_STREAM,   /* "hub.stream", written by the stream process */
	HUB_FILE_RECURSOR, /* "hub.recursor", written by the recursor */
	HUB_FILE_RINGS,    /* "hub.rings", written by the dataplane and the stream process */
	HUB_FILES
};

/* Never renumbered, never used again. */
enum hub_section_id {
	HUB_SECTION_CONTROL = 1,  /* hub.control: struct hub_control [1] */
	HUB_SECTION_INSTANCE = 2, /* hub.data: struct hub_instance [HUB_SEATS] */
	HUB_SECTION_WORKER = 3,   /* hub.data: struct hub_worker [HUB_SEATS][HUB_WORKERS_MAX] */
	HUB_SECTION_PORT = 4,     /* hub.data: struct hub_port [HUB_SEATS][HUB_PORTS_MAX] */
	HUB_SECTION_STREAM = 5,   /* hub.stream: struct hub_stream [1] */
	HUB_SECTION_RINGS = 6,    /* hub.rings: struct hub_rings [HUB_WORKERS_MAX] */
};

struct hub_section {
	uint32_t id; /* enum hub_section_id */
	uint32_t count;
	uint64_t offset; /* from the start of the file; a multiple of HUB_PAGE */
	uint64_t entry_octets;
};

/* Start of each file. `section` grows at its end, by the file's writer alone. */
struct hub_header {
	uint64_t magic; /* HUB_MAGIC once the rest is valid */
	uint32_t major, minor;
	uint32_t file; /* enum hub_file_id */
	_Atomic uint32_t n_sections;
	uint64_t reserved[5];
	struct hub_section section[HUB_SECTIONS_MAX];
};
static_assert(sizeof(struct hub_header) <= HUB_PAGE, "sections start on the second page");

/* What of the configuration changes while processes run, for those that cannot read its file any
 * more. Field by field: each counts for itself. A reader looks at `generation` now and then; 0:
 * nothing was written, what it read at its start holds. Whoever uses a number clamps it. */
struct hub_live {
	_Atomic uint32_t generation; /* goes on by one after each change */
	_Atomic uint32_t log_level;  /* enum log_level */
	_Atomic uint32_t stream_connections_max;
	_Atomic uint32_t stream_connections_per_client_max;
	_Atomic uint32_t stream_queries_per_connection_max;
	_Atomic uint32_t stream_idle_timeout_ms;
	_Atomic uint32_t stream_read_timeout_ms;
	_Atomic uint32_t stream_write_timeout_ms;
};

/* Written by the control plane. */
struct hub_control {
	/* grace periods: goes on by one for each. A new file starts above all that was ever seen,
	 * so 0 is "no control plane yet" */
	_Alignas(HUB_PAGE) _Atomic uint64_t epoch;
	uint8_t reserved0[56];
	struct hub_live live; /* since minor version 1 */
	uint8_t reserved1[HUB_PAGE - 64 - sizeof(struct hub_live)];
};
static_assert(sizeof(struct hub_control) == HUB_PAGE, "layout");

/* What a dataplane is at. */
enum hub_phase {
	HUB_PHASE_UNTOLD,
	HUB_PHASE_STARTING,    /* opens its ports */
	HUB_PHASE_TAKING_OVER, /* the same, beside another one that answers */
	HUB_PHASE_ANSWERING,
	HUB_PHASE_STANDING_IN, /* answers on kernel sockets in the place of its AF_XDP ports */
	HUB_PHASE_DRAINING,    /* answers; the sockets that stood in for its ports are open still */
	HUB_PHASES
};

/* A dataplane, in its seat. Written by its main thread. */
struct hub_instance {
	_Alignas(HUB_PAGE) _Atomic uint32_t n_workers; /* that answer; 0: none does */
	_Atomic uint32_t n_claimed;  /* worker blocks from 0 that have memory behind them; nobody
					touches the others (full tmpfs: SIGBUS) */
	_Atomic uint64_t started_ns; /* CLOCK_REALTIME, when its workers began to answer */
	_Atomic uint32_t n_counters; /* rows of counter_key */
	_Atomic uint32_t n_ports;    /* entries of its hub_port[] that are in use */
	char release[32];            /* text, for people */
	_Atomic uint32_t n_port_counters; /* rows of port_counter_key */
	_Atomic uint32_t phase;           /* enum hub_phase (since minor version 2) */
	uint64_t port_counter_key[HUB_PORT_COUNTERS_MAX];
	/* config_digest() of what it was started with (since minor version 1) */
	_Atomic uint64_t config_digest;
	uint8_t reserved1[HUB_PAGE - 64 - 8 * HUB_PORT_COUNTERS_MAX - 8];
	/* which counter is where: counter_key() of each row of the writer's table */
	uint64_t counter_key[HUB_COUNTERS_MAX];
};
static_assert(sizeof(struct hub_instance) == 2 * HUB_PAGE, "layout");

struct hub_worker {
	union { /* written by the worker */
		_Alignas(HUB_PAGE) struct counters counters;
		uint64_t counters_room[HUB_COUNTERS_MAX];
	};
	/* grace period: the epoch as the worker saw it when it last held nothing from the arena;
	 * 0 = it is not reading at all. Written by the worker, read by the control plane. */
	_Alignas(64) _Atomic uint64_t epoch_seen;
	uint64_t tsc_hz;
	uint8_t reserved0[48];
	union { /* written by the worker: how long a sample of its queries took */
		struct histogram latency;
		uint64_t latency_room[HUB_LATENCY_WORDS];
	};
	/* written by the worker, by index of hub_port: what it took from and gave to each port */
	struct port_traffic traffic[HUB_PORTS_MAX];
	uint8_t reserved1[HUB_PAGE - 64 - 8 * HUB_LATENCY_WORDS -
			  HUB_PORTS_MAX * sizeof(struct port_traffic)];
};
static_assert(sizeof(struct port_traffic) == 32, "there is no room for more: HUB_MAJOR");
static_assert(sizeof(struct histogram) <= 8 * HUB_LATENCY_WORDS, "layout");
static_assert(sizeof(struct counters) <= 8 * HUB_COUNTERS_MAX, "raise HUB_COUNTERS_MAX: HUB_MAJOR");
static_assert(sizeof(struct hub_worker) == 2 * HUB_PAGE, "layout");

/* A port of the dataplane, for metrics. Written by its main thread. */
struct hub_port {
	_Alignas(64) char name[64]; /* as configured, cut short, ends in 0 */
	uint32_t kind;              /* enum hub_port_kind */
	uint32_t n_queues;
	uint32_t link_up; /* 0 or 1 */
	uint32_t mbps;    /* 0: not known */
	uint8_t reserved[48];
	uint64_t counter[HUB_PORT_COUNTERS_MAX]; /* hub_instance.port_counter_key says which */
};
static_assert(sizeof(struct hub_port) == 640, "layout");

enum hub_port_kind { HUB_PORT_SOCKET = 1, HUB_PORT_DEVICE, HUB_PORT_STREAM, HUB_PORT_SPREAD };

/* Written by the stream process. */
struct hub_stream {
	_Alignas(HUB_PAGE) _Atomic uint32_t n_counters; /* rows of counter_key */
	/* since minor version 1: what it was started with */
	_Atomic uint32_t connections_max; /* stream.connections-max: it has room for no more */
	_Atomic uint64_t config_digest;   /* config_digest() */
	uint8_t reserved0[48];
	union {
		struct stream_counters counters;
		uint64_t counters_room[HUB_STREAM_COUNTERS_MAX];
	};
	uint64_t counter_key[HUB_STREAM_COUNTERS_MAX];
	uint8_t reserved1[HUB_PAGE - 64 - 2 * 8 * HUB_STREAM_COUNTERS_MAX];
};
static_assert(sizeof(struct stream_counters) <= 8 * HUB_STREAM_COUNTERS_MAX,
	"raise HUB_STREAM_COUNTERS_MAX: HUB_MAJOR");
static_assert(sizeof(struct hub_stream) == HUB_PAGE, "layout");

struct hub_ring {
	_Alignas(HUB_PAGE) struct ring ring;
	uint8_t data[HUB_RING_OCTETS];
};
static_assert(offsetof(struct hub_ring, data) == sizeof(struct ring), "data follows its ring");

/* Everything between the stream process and one worker. */
struct hub_rings {
	struct hub_ring to_worker;   /* stream process -> worker: struct stream_message */
	struct hub_ring from_worker; /* worker -> stream process */
};

/* A DNS message on a ring, either way. The stream process chooses `token`; the worker gives it
 * back. */
struct stream_message {
	uint64_t token;
	uint8_t client[16];   /* IPv6, or IPv4-mapped; network order */
	uint16_t client_port; /* host order */
	uint8_t transport;    /* enum stream_transport */
	uint8_t close;        /* response: no answer will come, close the stream (RFC 7766) */
	uint32_t len;         /* octets of DNS message that follow; response: 0 = dropped */
	uint8_t dns[];
};

enum stream_transport { STREAM_TCP, STREAM_DOT, STREAM_DOH, STREAM_DOQ };
