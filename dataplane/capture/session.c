/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session: see session.h. What the control plane's file says is checked here, once: workers get
 * numbers within their bounds and a filter that was validated, in memory of our own. */
#include "dataplane/capture/session.h"

#include "config/log.h"
#include "dataplane/capture/tap.h"
#include "shm/doorbell.h"
#include "shm/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 5u /* polls between looks at whether there is another control file */

static_assert(sizeof(struct capture_instruction) == sizeof(struct bpf_insn) &&
		      offsetof(struct capture_instruction, k) == offsetof(struct bpf_insn, k) &&
		      offsetof(struct capture_instruction, jt) == offsetof(struct bpf_insn, jt) &&
		      offsetof(struct capture_instruction, jf) == offsetof(struct bpf_insn, jf),
	"one is copied over the other");

/* One capture, while workers have its taps. */
struct session {
	uint32_t generation;
	struct capture_data *data;
	size_t octets;
	bool leaving; /* taps were taken back, and workers may still use them */
	struct capture_tap *tap[HUB_WORKERS_MAX];
};

struct captures {
	const char *run_dir;
	struct hub *hub;
	struct worker *worker;
	unsigned n_workers, n_polls;
	const struct capture_control *control; /* NULL: there is none yet */
	dev_t dev;
	ino_t ino;
	struct session *session;
	uint32_t failed; /* generation that could not be served; it is not tried again */
	uint64_t first_tsc, first_ns;
	struct capture_request request; /* as copied last */
};

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the control plane's file --- */

static int
control_path(const struct captures *c, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/" RUN_CAPTURE_CONTROL, c->run_dir) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

/* Map the file at the path, if it is another one than before. */
static void
look_for_control(struct captures *c)
{
	const struct capture_control *control;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (control_path(c, path) < 0 || stat(path, &st) < 0 ||
		(c->control != NULL && st.st_dev == c->dev && st.st_ino == c->ino))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof *control) {
		control = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, fd, 0);
		if (control != MAP_FAILED && control->magic == CAPTURE_MAGIC &&
			control->version == CAPTURE_VERSION) {
			if (c->control != NULL)
				munmap((void *)(uintptr_t)c->control, sizeof *control);
			c->control = control;
			c->dev = st.st_dev;
			c->ino = st.st_ino;
			c->failed = 0;
		} else if (control != MAP_FAILED) {
			munmap((void *)(uintptr_t)control, sizeof *control);
		}
	}
	close(fd);
}

/* Copy the request. @return its generation; 0: there is none, it is being changed, or void */
static uint32_t
read_request(struct captures *c)
{
	const struct capture_control *k = c->control;
	struct capture_request *r = &c->request;
	uint32_t generation;

	if (k == NULL)
		return 0;
	generation = atomic_load_explicit(&k->generation, memory_order_acquire);
	if (generation % 2 != 0 || !__atomic_load_n(&k->request.active, __ATOMIC_RELAXED) ||
		atomic_load_explicit(&k->lease_ns, memory_order_relaxed) <
			clock_ns(CLOCK_MONOTONIC))
		return 0;
	/* what is served already needs not be read */
	if (c->session != NULL && c->session->generation == generation)
		return generation;
	memcpy(r, &k->request, sizeof *r);
	atomic_thread_fence(memory_order_acquire); /* the copy before the second look */
	if (atomic_load_explicit(&k->generation, memory_order_relaxed) != generation)
		return 0;
	if (r->sample == 0 || r->sample > CAPTURE_SAMPLE_MAX || r->snaplen == 0 ||
		r->snaplen > CAPTURE_SNAPLEN_MAX || r->n_instructions > CAPTURE_INSTRUCTIONS_MAX ||
		(r->n_instructions != 0 &&
			!bpf_validate((const struct bpf_insn *)(const void *)r->program,
				(int)r->n_instructions))) {
		if (c->failed != generation)
			log_error("a capture is asked for that makes no sense (another version of "
				  "the control plane?); it is left out");
		c->failed = generation;
	}
	return generation;
}

/* --- a session --- */

static int
data_path(const struct captures *c, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/" RUN_CAPTURE_DATA, c->run_dir, c->hub->seat) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

/* A new file, with memory behind all of it: a full tmpfs is an error here and no SIGBUS later. */
static int
make_data(const struct captures *c, struct session *s)
{
	char path[PATH_MAX];
	int fd, err;

	s->octets = capture_data_octets(c->n_workers);
	err = data_path(c, path);
	if (err < 0)
		return err;
	(void)unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	err = hub_share_file(fd, path, 0640);
	if (err == 0)
		err = -posix_fallocate(fd, 0, (off_t)s->octets);
	if (err == 0) {
		void *at = mmap(NULL, s->octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = at == MAP_FAILED ? -errno : 0;
		s->data = at == MAP_FAILED ? NULL : at;
	}
	close(fd);
	if (err < 0)
		(void)unlink(path);
	return err;
}

/* What TSC values mean. The longer we have counted, the better the rate is known. */
static void
tell_clock(const struct captures *c, struct capture_data *d)
{
	uint64_t tsc = rte_rdtsc(), ns = clock_ns(CLOCK_REALTIME);
	uint64_t since_ns = clock_ns(CLOCK_MONOTONIC_RAW) - c->first_ns;
	uint64_t hz = (uint64_t)((double)(tsc - c->first_tsc) * 1e9 / (double)since_ns);
	uint32_t sequence = atomic_load_explicit(&d->sequence, memory_order_relaxed);

	atomic_store_explicit(&d->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* "being written" before what is */
	atomic_store_explicit(&d->clock_tsc, tsc, memory_order_relaxed);
	atomic_store_explicit(&d->clock_ns, ns, memory_order_relaxed);
	atomic_store_explicit(&d->tsc_hz, hz, memory_order_relaxed);
	atomic_store_explicit(&d->sequence, sequence + 2, memory_order_release);
}

static int
make_tap(const struct captures *c, struct session *s, unsigned i)
{
	const struct capture_request *r = &c->request;
	struct capture_ring *ring = &s->data->ring[i];
	struct worker *w = &c->worker[i];
	struct capture_tap *t = aligned_alloc(64, (sizeof *t + 63) & ~(size_t)63);

	if (t == NULL)
		return -ENOMEM;
	memset(t, 0, sizeof *t);
	s->tap[i] = t;
	capture_writer_init(
		&t->writer, ring, &c->control->tails[c->hub->seat], i, s->data->instance);
	t->counters = &w->shared->counters;
	t->sample = r->sample;
	t->snaplen = r->snaplen;
	t->drops_only = r->drops_only != 0;
	t->n_instructions = r->n_instructions;
	memcpy(t->program, r->program, r->n_instructions * sizeof r->program[0]);
	t->random = s->data->instance * 0x9e3779b97f4a7c15ull + i + 1;
	for (unsigned k = 0; k < w->n_ports; k++) {
		const struct port *p = w->port[k];
		if (p->tap_index < CAPTURE_PORTS_MAX)
			snprintf(ring->name[p->tap_index], sizeof ring->name[0], "%s", p->name);
	}
	return 0;
}

static void
session_destroy(const struct captures *c, struct session *s)
{
	char path[PATH_MAX];

	if (s->data != NULL) {
		munmap(s->data, s->octets);
		if (data_path(c, path) == 0)
			(void)unlink(path);
	}
	for (unsigned i = 0; i < HUB_WORKERS_MAX; i++)
		free(s->tap[i]);
	free(s);
}

static int
session_start(struct captures *c, uint32_t generation)
{
	struct session *s = calloc(1, sizeof *s);
	int err = s != NULL ? make_data(c, s) : -ENOMEM;

	if (err == 0) {
		s->generation = generation;
		s->data->version = CAPTURE_VERSION;
		s->data->generation = generation;
		s->data->n_workers = c->n_workers;
		s->data->instance = clock_ns(CLOCK_REALTIME);
	}
	for (unsigned i = 0; i < c->n_workers && err == 0; i++)
		err = make_tap(c, s, i);
	if (err < 0) {
		if (s != NULL)
			session_destroy(c, s);
		return err;
	}
	tell_clock(c, s->data);
	c->session = s;
	for (unsigned i = 0; i < c->n_workers; i++) {
		atomic_store_explicit(&c->worker[i].tap_wanted, s->tap[i], memory_order_release);
		doorbell_ring(c->worker[i].bell);
	}
	return 0;
}

/* Have all workers what they should? @param none  they should have no tap */
static bool
has_everybody(const struct captures *c, bool none)
{
	for (unsigned i = 0; i < c->n_workers; i++) {
		/* acquire: the last use of the one before is over */
		if (atomic_load_explicit(&c->worker[i].tap_now, memory_order_acquire) !=
			(none ? NULL : c->session->tap[i]))
			return false;
	}
	return true;
}

static void
session_leave(struct captures *c)
{
	c->session->leaving = true;
	for (unsigned i = 0; i < c->n_workers; i++) {
		atomic_store_explicit(&c->worker[i].tap_wanted, NULL, memory_order_release);
		doorbell_ring(c->worker[i].bell);
	}
	log_info("packets are not captured any more");
}

/* Goes on with the session. @return false when it is over and gone */
static bool
session_continue(struct captures *c, uint32_t wanted)
{
	struct session *s = c->session;

	if (!s->leaving && wanted != s->generation)
		session_leave(c);
	if (s->leaving) {
		if (!has_everybody(c, true))
			return true;
		session_destroy(c, s);
		c->session = NULL;
		return false;
	}
	tell_clock(c, s->data);
	if (atomic_load_explicit(&s->data->magic, memory_order_relaxed) == 0 &&
		has_everybody(c, false)) {
		log_info("capturing packets");
		/* release: the rest of the file before */
		atomic_store_explicit(&s->data->magic, CAPTURE_MAGIC, memory_order_release);
	}
	return true;
}

void
captures_poll(struct captures *c)
{
	uint32_t wanted = read_request(c);
	int err;

	if (c->session != NULL && session_continue(c, wanted))
		return;
	/* no tap looks at the control file now */
	if (c->n_polls++ % LOOK_EVERY == 0) {
		look_for_control(c);
		wanted = read_request(c);
	}
	if (wanted == 0 || wanted == c->failed)
		return;
	err = session_start(c, wanted);
	if (err == 0)
		return;
	c->failed = wanted;
	log_error(
		"packets cannot be captured: no memory for the workers' rings (%zu octets in %s): "
		"%s",
		capture_data_octets(c->n_workers), c->run_dir, strerror(-err));
}

struct captures *
captures_create(const char *run_dir, struct hub *hub, struct worker *workers, unsigned n_workers)
{
	struct captures *c = calloc(1, sizeof *c);
	char path[PATH_MAX];

	if (c == NULL)
		return NULL;
	c->run_dir = run_dir;
	c->hub = hub;
	c->worker = workers;
	c->n_workers = n_workers;
	c->first_tsc = rte_rdtsc();
	c->first_ns = clock_ns(CLOCK_MONOTONIC_RAW);
	/* of one that died */
	if (data_path(c, path) == 0)
		(void)unlink(path);
	return c;
}

void
captures_destroy(struct captures *c)
{
	if (c == NULL)
		return;
	if (c->session != NULL)
		session_destroy(c, c->session);
	if (c->control != NULL)
		munmap((void *)(uintptr_t)c->control, sizeof *c->control);
	free(c);
}
