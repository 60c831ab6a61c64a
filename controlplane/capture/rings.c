/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rings: see rings.h. What the dataplane wrote is read as a stranger's: numbers are bounded, names
 * are made printable, and nothing is looked at twice. */
#include "controlplane/capture/rings.h"

#include "controlplane/capture/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS 100000000u  /* between looks for files, once there was one */
#define CLOCK_TRIES 100u          /* to read a clock that is being written */
#define CLOCK_FAR_NS 10000000000l /* no packet is further from the clock's last renewal */
#define INTERFACES_MAX (HUB_SEATS * HUB_WORKERS_MAX * CAPTURE_PORTS_MAX)

struct interface {
	uint8_t seat, worker, port;
	char name[CAPTURE_NAME_OCTETS + 16];
	uint64_t delivered, lost_before; /* lost in files that are gone */
};

/* The data file of a dataplane. */
struct source {
	const struct capture_data *data; /* NULL: there is none */
	size_t octets;                   /* mapped; 0: not ours to unmap */
	unsigned n_workers;
	dev_t dev;
	ino_t ino;
	struct capture_reader reader[HUB_WORKERS_MAX];
};

struct capture_rings {
	struct capture_link *link;
	char *filter;
	uint32_t snaplen;
	uint64_t looked_ns;
	struct source source[HUB_SEATS];
	unsigned next; /* ring to look into first: seat * HUB_WORKERS_MAX + worker */
	struct interface *interface;
	unsigned n_interfaces, n_written; /* the file has blocks of so many */
	uint16_t id[HUB_SEATS][HUB_WORKERS_MAX][CAPTURE_PORTS_MAX]; /* of interface, + 1 */
	bool pending; /* a packet was taken out and not written yet */
	unsigned pending_id;
	uint64_t pending_ns;
	struct capture_packet packet;
};
static_assert(INTERFACES_MAX < UINT16_MAX, "ids fit");

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- interfaces --- */

static void
add_interface(struct capture_rings *r, unsigned seat, unsigned worker, unsigned port)
{
	struct interface *i = &r->interface[r->n_interfaces++];
	char name[CAPTURE_NAME_OCTETS];

	memcpy(name, r->source[seat].data->ring[worker].name[port], sizeof name);
	name[sizeof name - 1] = '\0';
	for (char *c = name; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	*i = (struct interface){
		.seat = (uint8_t)seat, .worker = (uint8_t)worker, .port = (uint8_t)port};
	snprintf(i->name, sizeof i->name, "%s, worker %u", name[0] != '\0' ? name : "?", worker);
	r->id[seat][worker][port] = (uint16_t)r->n_interfaces;
}

/* Of all ports that have a name. */
static void
add_interfaces(struct capture_rings *r, unsigned seat)
{
	const struct source *s = &r->source[seat];

	for (unsigned w = 0; w < s->n_workers; w++)
		for (unsigned p = 0; p < CAPTURE_PORTS_MAX; p++)
			if (s->data->ring[w].name[p][0] != '\0' && r->id[seat][w][p] == 0)
				add_interface(r, seat, w, p);
}

/* --- sources --- */

static void
detach(struct capture_rings *r, unsigned seat)
{
	struct source *s = &r->source[seat];

	if (s->data == NULL)
		return;
	for (unsigned i = 0; i < r->n_interfaces; i++) {
		struct interface *f = &r->interface[i];
		if (f->seat == seat && f->worker < s->n_workers)
			f->lost_before += atomic_load_explicit(
				&s->data->ring[f->worker].lost[f->port], memory_order_relaxed);
	}
	if (s->octets != 0)
		munmap((void *)(uintptr_t)s->data, s->octets);
	*s = (struct source){0};
}

int
capture_rings_attach(
	struct capture_rings *r, unsigned seat, const struct capture_data *data, size_t octets)
{
	struct capture_tails *tails = &r->link->control->tails[seat];
	struct source *s = &r->source[seat];
	uint32_t n_workers;

	/* acquire: the rest was written before */
	if (octets < sizeof *data ||
		atomic_load_explicit(&data->magic, memory_order_acquire) != CAPTURE_MAGIC ||
		data->version != CAPTURE_VERSION || data->generation != r->link->generation)
		return -EPROTO;
	n_workers = data->n_workers;
	if (n_workers > HUB_WORKERS_MAX || octets < capture_data_octets(n_workers))
		return -EPROTO;
	detach(r, seat);
	s->data = data;
	s->n_workers = n_workers;
	for (unsigned w = 0; w < n_workers; w++) {
		s->reader[w] = (struct capture_reader){
			.ring = &data->ring[w], .tail = &tails->worker[w].tail};
		atomic_store_explicit(s->reader[w].tail, 0, memory_order_relaxed);
	}
	/* release: they are of this file from now on */
	atomic_store_explicit(&tails->instance, data->instance, memory_order_release);
	add_interfaces(r, seat);
	return 0;
}

/* Was everything read that a dataplane which is gone has left? */
static bool
is_drained(const struct source *s)
{
	for (unsigned w = 0; s->data != NULL && w < s->n_workers; w++)
		if (atomic_load_explicit(&s->reader[w].ring->head, memory_order_acquire) !=
			s->reader[w].at)
			return false;
	return true;
}

static void
look_at_seat(struct capture_rings *r, unsigned seat)
{
	struct source *s = &r->source[seat];
	const struct capture_data *data;
	char path[4200];
	struct stat st;
	int fd;

	snprintf(path, sizeof path, "%s/" RUN_CAPTURE_DATA, r->link->run_dir, seat);
	if (stat(path, &st) < 0 ||
		(s->data != NULL && st.st_dev == s->dev && st.st_ino == s->ino) || !is_drained(s))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof *data) {
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (data != MAP_FAILED &&
			capture_rings_attach(r, seat, data, (size_t)st.st_size) == 0) {
			s->octets = (size_t)st.st_size;
			s->dev = st.st_dev;
			s->ino = st.st_ino;
		} else if (data != MAP_FAILED) {
			munmap((void *)(uintptr_t)data, (size_t)st.st_size);
		}
	}
	close(fd);
}

bool
capture_rings_look(struct capture_rings *r)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool any = false;

	for (unsigned seat = 0; seat < HUB_SEATS; seat++)
		any |= r->source[seat].data != NULL;
	if (any && now - r->looked_ns < LOOK_EVERY_NS)
		return true;
	r->looked_ns = now;
	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		look_at_seat(r, seat);
		any |= r->source[seat].data != NULL;
	}
	return any;
}

/* --- packets --- */

/* When was that? By the dataplane's clock as it stood last. */
static uint64_t
time_of(const struct capture_data *d, uint64_t tsc)
{
	uint64_t at = 0, ns = 0, hz = 0;
	double away;

	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		uint32_t before = atomic_load_explicit(&d->sequence, memory_order_acquire);
		at = atomic_load_explicit(&d->clock_tsc, memory_order_relaxed);
		ns = atomic_load_explicit(&d->clock_ns, memory_order_relaxed);
		hz = atomic_load_explicit(&d->tsc_hz, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 &&
			atomic_load_explicit(&d->sequence, memory_order_relaxed) == before)
			break;
	}
	if (hz == 0)
		return ns;
	away = (double)(int64_t)(tsc - at) * 1e9 / (double)hz;
	if (away > (double)CLOCK_FAR_NS || away < -(double)CLOCK_FAR_NS)
		return ns;
	return ns + (uint64_t)(int64_t)away;
}

/* Take a packet out of some ring, by turns. */
static bool
take_packet(struct capture_rings *r)
{
	const unsigned n = HUB_SEATS * HUB_WORKERS_MAX;

	for (unsigned k = 0; k < n; k++) {
		unsigned at = (r->next + k) % n, seat = at / HUB_WORKERS_MAX,
			 worker = at % HUB_WORKERS_MAX, port;
		struct source *s = &r->source[seat];
		if (s->data == NULL || worker >= s->n_workers ||
			capture_read(&s->reader[worker], &r->packet) != CAPTURE_PACKET)
			continue;
		port = r->packet.record.port;
		if (r->id[seat][worker][port] == 0)
			add_interface(r, seat, worker, port);
		r->pending_id = r->id[seat][worker][port] - 1u;
		r->pending_ns = time_of(s->data, r->packet.record.tsc);
		r->pending = true;
		/* the same one again: a ring is emptied before the next has its turn */
		r->next = at;
		return true;
	}
	return false;
}

static size_t
write_packet(struct capture_rings *r, uint8_t *out, size_t room)
{
	const struct capture_record *h = &r->packet.record;
	struct pcapng p = {out, room};
	char text[32 + CAPTURE_REASON_OCTETS];
	struct pcapng_packet packet = {
		.interface = r->pending_id,
		.time_ns = r->pending_ns,
		.frame = r->packet.frame,
		.kept = h->kept,
		.original = h->original,
		.direction = h->direction == CAPTURE_IN ? PCAPNG_IN : PCAPNG_OUT,
	};

	if (h->fate == CAPTURE_DROPPED) {
		snprintf(text, sizeof text, "dropped: %s",
			h->reason[0] != '\0' ? h->reason : "no response");
		packet.comment = text;
	} else if (h->fate == CAPTURE_TO_KERNEL) {
		packet.comment = "to the kernel";
	} else if (h->fate == CAPTURE_FROM_KERNEL) {
		packet.comment = "from the kernel";
	}
	r->pending = false;
	r->interface[r->pending_id].delivered++;
	return pcapng_packet(&p, &packet) ? (size_t)(p.at - out) : 0;
}

size_t
capture_rings_next(struct capture_rings *r, uint8_t *out, size_t room, bool *packet)
{
	*packet = false;
	if (!r->pending)
		(void)take_packet(r);
	if (r->n_written < r->n_interfaces) {
		struct pcapng p = {out, room};
		(void)pcapng_interface(
			&p, r->interface[r->n_written++].name, r->snaplen, r->filter);
		return (size_t)(p.at - out);
	}
	if (!r->pending)
		return 0;
	*packet = true;
	return write_packet(r, out, room);
}

size_t
capture_rings_statistics(struct capture_rings *r, unsigned i, uint8_t *out, size_t room)
{
	struct pcapng p = {out, room};
	const struct interface *f = &r->interface[i];
	const struct source *s;
	uint64_t lost;

	if (i >= r->n_written)
		return 0;
	s = &r->source[f->seat];
	lost = f->lost_before;
	if (s->data != NULL && f->worker < s->n_workers)
		lost += atomic_load_explicit(
			&s->data->ring[f->worker].lost[f->port], memory_order_relaxed);
	(void)pcapng_statistics(&p, i, clock_ns(CLOCK_REALTIME), f->delivered, lost);
	return (size_t)(p.at - out);
}

/* --- life --- */

struct capture_rings *
capture_rings_create(struct capture_link *l, const char *filter, uint32_t snaplen)
{
	struct capture_rings *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->link = l;
	r->snaplen = snaplen;
	r->filter = strdup(filter);
	r->interface = calloc(INTERFACES_MAX, sizeof *r->interface);
	if (r->filter != NULL && r->interface != NULL)
		return r;
	capture_rings_destroy(r);
	return NULL;
}

void
capture_rings_destroy(struct capture_rings *r)
{
	if (r == NULL)
		return;
	for (unsigned seat = 0; seat < HUB_SEATS; seat++)
		if (r->source[seat].octets != 0)
			munmap((void *)(uintptr_t)r->source[seat].data, r->source[seat].octets);
	free(r->filter);
	free(r->interface);
	free(r);
}
