/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena_alloc: the writer's allocator. Control plane only, any thread; one mutex inside.
 *
 * Units of 64 octets. Each segment in use has a bitmap of its live units (4 KiB of private memory
 * for 2 MiB, 1 bit a unit, whatever the number of blocks). Free space is always coalesced within
 * its segment, and its links lie in the free space itself: nobody reads it. A free run is found by
 * its size through bins (exact up to 4 KiB, then 8 to the power of two), so allocation and freeing
 * take constant time. A segment with nothing live gives its memory back, but for one spare. Blocks
 * larger than a segment get a run of segments of their own. */
#include "shm/arena_private.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define UNITS (ARENA_SEGMENT / ARENA_ALIGN) /* of a segment */
#define WORDS (UNITS / 64)
#define BIN_EXACT 64u             /* free runs of 1..64 units: a bin each */
#define BINS (BIN_EXACT + 10 * 8) /* then 8 for each power of two up to a segment */
#define BIN_TRIES 8               /* runs tried in a bin that may hold smaller ones */
#define SPARE_MAX 1u              /* empty segments that keep their memory */

enum segment_state {
	SEGMENT_EMPTY,   /* no memory */
	SEGMENT_SPARE,   /* memory, nothing live, in no bin */
	SEGMENT_BLOCKS,  /* has a bitmap; its free runs are in the bins */
	SEGMENT_RUN,     /* part of a block larger than a segment */
	SEGMENT_ADOPTED, /* like BLOCKS, but its free runs are not in the bins yet */
};

/* At the start of a free run; its last 8 octets say its units once more. */
struct free_run {
	uint64_t next, prev; /* arena offsets; 0 = none */
	uint64_t units;
};

struct arena_writer {
	pthread_mutex_t lock;
	bool adopting;
	uint64_t n_segments;
	uint64_t empty_hint; /* no segment below it is EMPTY or SPARE */
	uint64_t n_spare, n_backed, live_octets;
	uint64_t bin[BINS]; /* first free run; 0 = none */
	uint64_t bin_map[(BINS + 63) / 64];
	uint8_t *state;  /* enum segment_state of each segment */
	uint64_t **live; /* bitmap of each segment in state BLOCKS or ADOPTED */
};

_Static_assert(sizeof(struct free_run) + 8 <= ARENA_ALIGN, "a unit holds a free run's links");
_Static_assert(UNITS == 1u << 15, "bins end at 2^15 units");

static struct free_run *
run_at(struct arena *a, uint64_t off)
{
	return arena_writable(a, off);
}

/* Bin that a run of this many units belongs in. */
static unsigned
bin_of(uint64_t units)
{
	if (units <= BIN_EXACT)
		return (unsigned)units - 1;
	unsigned log = 63 - (unsigned)__builtin_clzll(units);
	return BIN_EXACT + (log - 6) * 8 + ((unsigned)(units >> (log - 3)) & 7);
}

static void
run_insert(struct arena *a, uint64_t off, uint64_t units)
{
	struct arena_writer *w = a->writer;
	struct free_run *r = run_at(a, off);
	unsigned b = bin_of(units);

	*r = (struct free_run){.next = w->bin[b], .units = units};
	memcpy(arena_writable(a, off + units * ARENA_ALIGN - 8), &units, 8);
	if (r->next != 0)
		run_at(a, r->next)->prev = off;
	w->bin[b] = off;
	w->bin_map[b / 64] |= 1ull << b % 64;
}

static void
run_remove(struct arena *a, uint64_t off)
{
	struct arena_writer *w = a->writer;
	struct free_run *r = run_at(a, off);
	unsigned b = bin_of(r->units);

	if (r->next != 0)
		run_at(a, r->next)->prev = r->prev;
	if (r->prev != 0)
		run_at(a, r->prev)->next = r->next;
	else
		w->bin[b] = r->next;
	if (w->bin[b] == 0)
		w->bin_map[b / 64] &= ~(1ull << b % 64);
}

/* A free run of at least this many units, taken out of its bin; 0 when there is none. */
static uint64_t
run_take(struct arena *a, uint64_t units)
{
	struct arena_writer *w = a->writer;
	unsigned b = bin_of(units);

	uint64_t off = w->bin[b];
	for (unsigned i = 0; off != 0 && i < BIN_TRIES; i++, off = run_at(a, off)->next)
		if (run_at(a, off)->units >= units) {
			run_remove(a, off);
			return off;
		}
	/* every run in a higher bin is large enough */
	for (unsigned word = ++b / 64; word < (BINS + 63) / 64; word++) {
		uint64_t map = w->bin_map[word];
		if (word == b / 64)
			map &= ~0ull << b % 64;
		if (map == 0)
			continue;
		off = w->bin[word * 64 + (unsigned)__builtin_ctzll(map)];
		run_remove(a, off);
		return off;
	}
	return 0;
}

static bool
unit_live(const uint64_t *map, uint64_t unit)
{
	return map[unit / 64] >> unit % 64 & 1;
}

/* Set or clear the bits of a block. Returns false, and stops, when one of them was so already. */
static bool
units_mark(uint64_t *map, uint64_t unit, uint64_t n, bool live)
{
	while (n > 0) {
		unsigned bit = unit % 64;
		unsigned some = n < 64 - bit ? (unsigned)n : 64 - bit;
		uint64_t mask = (some == 64 ? ~0ull : (1ull << some) - 1) << bit;
		if ((map[unit / 64] & mask) != (live ? 0 : mask))
			return false;
		map[unit / 64] ^= mask;
		unit += some;
		n -= some;
	}
	return true;
}

int
arena_writer_create(struct arena *a, bool adopt)
{
	struct arena_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return -ENOMEM;
	w->n_segments = a->size / ARENA_SEGMENT;
	w->state = calloc(w->n_segments, sizeof *w->state);
	w->live = calloc(w->n_segments, sizeof *w->live);
	uint64_t *first = calloc(WORDS, 8);
	if (w->state == NULL || w->live == NULL || first == NULL) {
		free(first);
		arena_writer_destroy(w);
		return -ENOMEM;
	}
	pthread_mutex_init(&w->lock, NULL);
	uint64_t header = (sizeof(struct arena_header) + ARENA_ALIGN - 1) / ARENA_ALIGN;
	w->live[0] = first;
	units_mark(first, 0, header, true);
	w->live_octets = header * ARENA_ALIGN;
	w->n_backed = 1;
	w->empty_hint = 1;
	w->adopting = adopt;
	w->state[0] = adopt ? SEGMENT_ADOPTED : SEGMENT_BLOCKS;
	a->writer = w;
	if (!adopt)
		run_insert(a, header * ARENA_ALIGN, UNITS - header);
	return 0;
}

void
arena_writer_destroy(struct arena_writer *w)
{
	if (w == NULL)
		return;
	for (uint64_t i = 0; w->live != NULL && i < w->n_segments; i++)
		free(w->live[i]);
	free(w->live);
	free(w->state);
	free(w);
}

/* Segment without live data and with memory behind it, made ready for blocks; false when there is
 * none. */
static bool
segment_open(struct arena *a, uint64_t s)
{
	struct arena_writer *w = a->writer;
	uint64_t *map = calloc(WORDS, 8);
	if (map == NULL)
		return false;
	if (w->state[s] == SEGMENT_SPARE) {
		w->n_spare--;
	} else if (arena_back(a, s, 1) != 0) {
		arena_unback(a, s, 1);
		free(map);
		return false;
	} else {
		w->n_backed++;
	}
	w->live[s] = map;
	w->state[s] = SEGMENT_BLOCKS;
	return true;
}

/* First of n neighbouring segments that hold nothing; n_segments when there are none. */
static uint64_t
segments_find(struct arena_writer *w, uint64_t n)
{
	uint64_t first = w->empty_hint, found = 0;
	for (uint64_t s = first; s < w->n_segments; s++) {
		if (w->state[s] == SEGMENT_EMPTY || w->state[s] == SEGMENT_SPARE) {
			if (found++ == 0)
				first = s;
			if (found == n)
				return first;
		} else {
			if (s == w->empty_hint)
				w->empty_hint++;
			found = 0;
		}
	}
	return w->n_segments;
}

/* Nothing is live here any more: keep its memory as a spare, or give it back. */
static void
segment_close(struct arena *a, uint64_t s)
{
	struct arena_writer *w = a->writer;
	free(w->live[s]);
	w->live[s] = NULL;
	if (s < w->empty_hint)
		w->empty_hint = s;
	if (w->n_spare < SPARE_MAX) {
		w->n_spare++;
		w->state[s] = SEGMENT_SPARE;
		return;
	}
	arena_unback(a, s, 1);
	w->n_backed--;
	w->state[s] = SEGMENT_EMPTY;
}

/* Adoption is over: put what is free between live blocks into the bins. */
static void
adopt_finish(struct arena *a)
{
	struct arena_writer *w = a->writer;
	for (uint64_t s = 0; s < w->n_segments; s++) {
		if (w->state[s] == SEGMENT_EMPTY) {
			uint64_t n = 1;
			while (s + n < w->n_segments && w->state[s + n] == SEGMENT_EMPTY)
				n++;
			arena_unback(a, s, n); /* what the last writer had there is garbage */
			s += n - 1;
			continue;
		}
		if (w->state[s] != SEGMENT_ADOPTED)
			continue;
		w->state[s] = SEGMENT_BLOCKS;
		/* It should have its memory already; where it has not, and there is none, use no
		 * free unit. */
		if (arena_back(a, s, 1) != 0) {
			memset(w->live[s], 0xff, WORDS * 8);
			continue;
		}
		for (uint64_t u = 0; u < UNITS;) {
			if (u % 64 == 0 && w->live[s][u / 64] == ~0ull) {
				u += 64;
				continue;
			}
			uint64_t n = 0;
			while (u + n < UNITS && !unit_live(w->live[s], u + n))
				n++;
			if (n > 0)
				run_insert(a, s * ARENA_SEGMENT + u * ARENA_ALIGN, n);
			u += n + 1;
		}
	}
	w->adopting = false;
}

/* A block larger than a segment. */
static uint64_t
alloc_run(struct arena *a, uint64_t len)
{
	struct arena_writer *w = a->writer;
	uint64_t n = (len + ARENA_SEGMENT - 1) / ARENA_SEGMENT;
	uint64_t s = segments_find(w, n);

	if (s == w->n_segments)
		return 0;
	if (arena_back(a, s, n) != 0) {
		/* a spare among them keeps what it has; the others go back to nothing */
		for (uint64_t i = s; i < s + n; i++)
			if (w->state[i] == SEGMENT_EMPTY)
				arena_unback(a, i, 1);
		return 0;
	}
	for (uint64_t i = s; i < s + n; i++) {
		if (w->state[i] == SEGMENT_SPARE)
			w->n_spare--;
		else
			w->n_backed++;
		w->state[i] = SEGMENT_RUN;
	}
	return s * ARENA_SEGMENT;
}

static uint64_t
alloc_units(struct arena *a, uint64_t units)
{
	struct arena_writer *w = a->writer;
	uint64_t off = run_take(a, units), found;

	if (off == 0) {
		uint64_t s = segments_find(w, 1);
		if (s == w->n_segments || !segment_open(a, s))
			return 0;
		off = s * ARENA_SEGMENT;
		found = UNITS;
	} else {
		found = run_at(a, off)->units;
	}
	if (found > units)
		run_insert(a, off + units * ARENA_ALIGN, found - units);
	bool was_free = units_mark(
		w->live[off / ARENA_SEGMENT], off % ARENA_SEGMENT / ARENA_ALIGN, units, true);
	assert(was_free);
	(void)was_free;
	return off;
}

/* Octets that a block of this length takes; 0 when the arena could never hold it. */
static uint64_t
block_octets(const struct arena *a, uint64_t len)
{
	if (len == 0 || len > a->size)
		return 0;
	uint64_t step = len > ARENA_SEGMENT ? ARENA_SEGMENT : ARENA_ALIGN;
	return (len + step - 1) / step * step;
}

uint64_t
arena_alloc(struct arena *a, uint64_t len)
{
	struct arena_writer *w = a->writer;
	uint64_t octets = block_octets(a, len), off;

	if (octets == 0)
		return 0;
	pthread_mutex_lock(&w->lock);
	if (w->adopting)
		adopt_finish(a);
	off = octets > ARENA_SEGMENT ? alloc_run(a, len) : alloc_units(a, octets / ARENA_ALIGN);
	if (off != 0)
		w->live_octets += octets;
	pthread_mutex_unlock(&w->lock);
	return off;
}

/* Units of a block are free again: join them with the free runs around them. */
static void
free_units(struct arena *a, uint64_t off, uint64_t units)
{
	struct arena_writer *w = a->writer;
	uint64_t s = off / ARENA_SEGMENT, unit = off % ARENA_SEGMENT / ARENA_ALIGN,
		 end = unit + units;

	assert(w->state[s] == SEGMENT_BLOCKS && end <= UNITS);
	bool was_live = units_mark(w->live[s], unit, units, false);
	assert(was_live);
	(void)was_live;
	if (end < UNITS && !unit_live(w->live[s], end)) {
		uint64_t next = off + units * ARENA_ALIGN;
		units += run_at(a, next)->units;
		run_remove(a, next);
	}
	if (unit > 0 && !unit_live(w->live[s], unit - 1)) {
		uint64_t before;
		memcpy(&before, a->base + off - 8, 8);
		off -= before * ARENA_ALIGN;
		units += before;
		run_remove(a, off);
	}
	if (units == UNITS)
		segment_close(a, s);
	else
		run_insert(a, off, units);
}

void
arena_free(struct arena *a, uint64_t off, uint64_t len)
{
	struct arena_writer *w = a->writer;
	uint64_t octets = block_octets(a, len);

	assert(octets != 0 && off % ARENA_ALIGN == 0 && off < a->size && octets <= a->size - off);
	pthread_mutex_lock(&w->lock);
	if (w->adopting)
		adopt_finish(a);
	w->live_octets -= octets;
	if (octets <= ARENA_SEGMENT) {
		free_units(a, off, octets / ARENA_ALIGN);
	} else {
		for (uint64_t s = off / ARENA_SEGMENT; s < (off + octets) / ARENA_SEGMENT; s++) {
			assert(w->state[s] == SEGMENT_RUN);
			segment_close(a, s);
		}
	}
	pthread_mutex_unlock(&w->lock);
}

/* A run of segments, all of them unused so far. */
static int
adopt_run(struct arena_writer *w, uint64_t off, uint64_t octets)
{
	uint64_t first = off / ARENA_SEGMENT, end = (off + octets) / ARENA_SEGMENT;

	if (off % ARENA_SEGMENT != 0)
		return -EINVAL;
	for (uint64_t s = first; s < end; s++)
		if (w->state[s] != SEGMENT_EMPTY)
			return -EINVAL;
	for (uint64_t s = first; s < end; s++)
		w->state[s] = SEGMENT_RUN;
	w->n_backed += end - first;
	return 0;
}

static int
adopt_units(struct arena_writer *w, uint64_t off, uint64_t units)
{
	uint64_t s = off / ARENA_SEGMENT, unit = off % ARENA_SEGMENT / ARENA_ALIGN;

	if (unit + units > UNITS ||
		(w->state[s] != SEGMENT_EMPTY && w->state[s] != SEGMENT_ADOPTED))
		return -EINVAL;
	if (w->state[s] == SEGMENT_EMPTY) {
		w->live[s] = calloc(WORDS, 8);
		if (w->live[s] == NULL)
			return -ENOMEM;
		w->state[s] = SEGMENT_ADOPTED;
		w->n_backed++;
	}
	for (uint64_t u = unit; u < unit + units; u++)
		if (unit_live(w->live[s], u))
			return -EINVAL;
	units_mark(w->live[s], unit, units, true);
	return 0;
}

int
arena_adopt(struct arena *a, uint64_t off, uint64_t len)
{
	struct arena_writer *w = a->writer;
	uint64_t octets = block_octets(a, len);
	int err = -EINVAL;

	if (octets == 0 || off == 0 || off % ARENA_ALIGN != 0 || off >= a->size ||
		octets > a->size - off)
		return -EINVAL;
	pthread_mutex_lock(&w->lock);
	if (w->adopting)
		err = octets > ARENA_SEGMENT ? adopt_run(w, off, octets)
					     : adopt_units(w, off, octets / ARENA_ALIGN);
	if (err == 0)
		w->live_octets += octets;
	pthread_mutex_unlock(&w->lock);
	return err;
}

void
arena_usage(const struct arena *a, struct arena_usage *out)
{
	struct arena_writer *w = a->writer;

	*out = (struct arena_usage){.size_octets = a->size};
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	out->backed_octets = w->n_backed * ARENA_SEGMENT;
	out->live_octets = w->live_octets;
	pthread_mutex_unlock(&w->lock);
}
