/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capture: copies of packets on their way from the workers to whoever asked for them. Each side
 * writes a file of its own in the run directory and maps the other's read-only: the control plane
 * says in `capture.control` what is wanted and how far it has read, the dataplane keeps a ring for
 * each worker in `capture.data.SEAT`, which is there only while packets are captured.
 *
 * Nobody waits: a worker whose ring is full counts the packet as lost. What stands in the rings is
 * the packet path's, whose packets are the internet's: the reader copies a record before it looks
 * at it, and checks every length. */
#pragma once
#include "shm/hub_layout.h"

#include <stdbool.h>

#define CAPTURE_MAGIC 0x3130706163524dull /* "MRcap01" */
#define CAPTURE_VERSION 1u
#define CAPTURE_INSTRUCTIONS_MAX 4096u /* of a filter: classic BPF's own limit */
#define CAPTURE_SNAPLEN_MAX 65535u
#define CAPTURE_SAMPLE_MAX 1000000000u
#define CAPTURE_RING_OCTETS (1u << 20) /* for each worker; a power of two */
#define CAPTURE_PORTS_MAX 64u          /* ports of a worker that are told apart; the rest is lost */
#define CAPTURE_NAME_OCTETS 64u
#define CAPTURE_REASON_OCTETS 24u
#define CAPTURE_LEASE_NS 3000000000ull /* a control plane that is silent for so long is dead */

/* What is wanted. */
struct capture_request {
	uint32_t active;     /* 0: nothing */
	uint32_t sample;     /* one packet of so many, 1..CAPTURE_SAMPLE_MAX */
	uint32_t snaplen;    /* octets of a packet to keep, 1..CAPTURE_SNAPLEN_MAX */
	uint32_t drops_only; /* 0 or 1 */
	uint32_t reserved;
	uint32_t n_instructions; /* 0: all packets */
	struct capture_instruction {
		uint16_t code; /* as struct bpf_insn */
		uint8_t jt, jf;
		uint32_t k;
	} program[CAPTURE_INSTRUCTIONS_MAX];
};
static_assert(sizeof(struct capture_instruction) == 8, "as struct bpf_insn");

/* How far the control plane has read in the rings of a data file. */
struct capture_tails {
	_Alignas(64) _Atomic uint64_t instance; /* the file that the tails are of */
	struct {
		_Alignas(64) _Atomic uint64_t tail;
	} worker[HUB_WORKERS_MAX];
};

/* capture.control: written by the control plane. A new one is made at its start. */
struct capture_control {
	_Alignas(HUB_PAGE) uint64_t magic;
	uint32_t version;
	/* odd: the request is being changed. Goes on by two with each change */
	_Atomic uint32_t generation;
	_Atomic uint64_t lease_ns; /* CLOCK_MONOTONIC until which the request holds */
	struct capture_tails tails[HUB_SEATS];
	struct capture_request request;
};

enum capture_direction { CAPTURE_IN, CAPTURE_OUT, CAPTURE_DIRECTIONS };

enum capture_fate {
	CAPTURE_PASSED,    /* answered, or sent */
	CAPTURE_DROPPED,   /* reason says why */
	CAPTURE_TO_KERNEL, /* by the exception path */
	CAPTURE_FROM_KERNEL,
	CAPTURE_VOID, /* nothing: it turned out that nobody wants it */
	CAPTURE_FATES
};

/* In a ring. 8-aligned; never wraps; `octets` CAPTURE_SKIP: the rest up to the end is unused. */
struct capture_record {
	uint32_t octets;   /* of the record, a multiple of 8 */
	uint32_t kept;     /* octets of the packet that follow */
	uint32_t original; /* and that it had */
	uint16_t port;     /* of the worker */
	uint8_t direction; /* enum capture_direction */
	uint8_t fate;      /* enum capture_fate */
	uint64_t tsc;
	char reason[CAPTURE_REASON_OCTETS]; /* value of the drop counter's label; ends in 0 */
	uint8_t frame[];
};
static_assert(sizeof(struct capture_record) == 48, "layout");
#define CAPTURE_SKIP 0xffffffffu

struct capture_ring {
	_Alignas(HUB_PAGE) _Atomic uint64_t head;              /* octets ever produced */
	_Alignas(64) _Atomic uint64_t lost[CAPTURE_PORTS_MAX]; /* packets, by port */
	_Alignas(HUB_PAGE) char name[CAPTURE_PORTS_MAX][CAPTURE_NAME_OCTETS]; /* of the ports */
	_Alignas(HUB_PAGE) uint8_t data[CAPTURE_RING_OCTETS];
};

/* capture.data.SEAT: written by the dataplane. A new one for each request. */
struct capture_data {
	_Alignas(HUB_PAGE) _Atomic uint64_t magic; /* CAPTURE_MAGIC once the rest is valid */
	uint32_t version;
	uint32_t generation; /* of the request that it serves */
	uint64_t instance;   /* another number for each file */
	uint32_t n_workers;
	uint32_t reserved;
	/* what TSC values mean, renewed by the main thread; odd `sequence`: being written */
	_Atomic uint32_t sequence;
	_Atomic uint64_t clock_tsc, clock_ns; /* the same moment, CLOCK_REALTIME */
	_Atomic uint64_t tsc_hz;
	struct capture_ring ring[];
};

/* Octets of a data file. */
static inline size_t
capture_data_octets(unsigned n_workers)
{
	return sizeof(struct capture_data) + n_workers * sizeof(struct capture_ring);
}

/* --- the worker's end: packet path --- */

/* Records written since the last publish are nobody's business yet, and may be changed. */
struct capture_writer {
	struct capture_ring *ring;
	const struct capture_tails *tails;
	unsigned worker;
	uint64_t instance;
	uint64_t at;   /* own head, ahead of the published one */
	uint64_t seen; /* tail as last read */
};

void capture_writer_init(struct capture_writer *w, struct capture_ring *ring,
	const struct capture_tails *tails, unsigned worker, uint64_t instance);
/**
 * Room for a record whose packet has `kept` octets; its `octets` and `kept` are filled in.
 * @param kept  at most CAPTURE_SNAPLEN_MAX
 * @return NULL when the ring is full
 */
struct capture_record *capture_write(struct capture_writer *w, uint32_t kept);
/** Make all records since the last time visible. */
void capture_publish(struct capture_writer *w);

/* --- the control plane's end --- */

struct capture_reader {
	const struct capture_ring *ring;
	_Atomic uint64_t *tail; /* shared */
	uint64_t at;            /* own tail */
};

/* One record, out of reach of who wrote it. */
struct capture_packet {
	struct capture_record record; /* `frame` is below */
	uint8_t frame[CAPTURE_SNAPLEN_MAX];
};

enum capture_found { CAPTURE_NOTHING, CAPTURE_PACKET, CAPTURE_DAMAGED };

/**
 * Take the oldest record out of the ring.
 * @return CAPTURE_PACKET: *out has it, with kept <= CAPTURE_SNAPLEN_MAX, port < CAPTURE_PORTS_MAX,
 *         direction and fate of their enums (never CAPTURE_VOID), and a reason that ends in 0 and
 *         is printable ASCII. CAPTURE_DAMAGED: the ring made no sense, and was emptied
 */
enum capture_found capture_read(struct capture_reader *r, struct capture_packet *out);
