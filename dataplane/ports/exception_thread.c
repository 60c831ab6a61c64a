/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exception_thread: the thread between the workers' rings and the twins. It alone makes the system
 * calls that a tap needs, at a lower priority than the workers: on a machine without a CPU to spare
 * a flood of packets that are not ours takes some percent from them, not half. */
#include "config/log.h"
#include "dataplane/ports/exception_private.h"
#include "dataplane/ports/frame.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#define NICENESS 10 /* of 19: about a tenth of a worker's share of a CPU */
#define LINGER_NS \
	200000l         /* looks into the rings this often before it sleeps, so that it is woken */
#define LINGERS 50u     /* 5000 times a second at most */
#define SLEEP_S 1       /* a lost wake-up costs no more than this */
#define SEGMENTS_MAX 16 /* buffers of a packet: 9600 octets need 5 */
#define TWINS_MAX 32    /* ports that a configuration may have */

_Atomic bool exception_asleep;

static struct {
	pthread_t thread;
	int bell; /* eventfd */
	_Atomic bool stop;
	bool running;
} self = {.bell = -1};

void
exception_wake(void)
{
	const uint64_t one = 1;

	/* several workers see that it sleeps; one rings */
	if (atomic_exchange(&exception_asleep, false) && write(self.bell, &one, sizeof one) < 0) {
		/* EAGAIN: it rings already */
	}
}

/* The interface is gone: somebody deleted it. */
static void
lose_twin(struct exception *x, int err)
{
	x->lost = true;
	log_error("the twin interface %s is gone (%s): what is not DNS is dropped until the "
		  "dataplane is restarted",
		x->name, strerror(err));
}

/* The thread alone writes these. */
static void
count(_Atomic uint64_t *of, unsigned n)
{
	atomic_store_explicit(
		of, atomic_load_explicit(of, memory_order_relaxed) + n, memory_order_relaxed);
}

/* One packet into the twin. @return 0 or errno */
static int
write_packet(const struct exception *x, struct rte_mbuf *m)
{
	struct iovec part[SEGMENTS_MAX];
	int n = 0;

	if (m->nb_segs > SEGMENTS_MAX)
		return EMSGSIZE;
	if (m->nb_segs == 1 && (x->partial || (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) ==
						      RTE_MBUF_F_RX_L4_CKSUM_NONE))
		(void)frame_complete_checksum(rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next, n++)
		part[n] = (struct iovec){rte_pktmbuf_mtod(s, void *), s->data_len};
	return writev(x->fd, part, n) < 0 ? errno : 0;
}

static void
put_packet(struct exception *x, struct rte_mbuf *m)
{
	int err = x->lost ? EBADFD : write_packet(x, m);

	rte_pktmbuf_free(m);
	if (err == 0) {
		x->refusing = false;
		return;
	}
	count(&x->counts.refused, 1);
	if (x->lost)
		return;
	if (err == EBADFD) {
		lose_twin(x, err);
	} else if (err == EIO && !x->refusing) { /* others are about the packet */
		x->refusing = true;
		log_warning("the twin interface %s is down: what is not DNS is dropped; `ip link "
			    "set dev %s up`",
			x->name, x->name);
	}
}

static unsigned
serve_to_kernel(struct exception *x)
{
	unsigned n_all = 0;

	for (unsigned q = 0; q < x->n_queues; q++) {
		void *m[EXCEPTION_BURST];
		unsigned n = rte_ring_sc_dequeue_burst(x->to_kernel[q], m, EXCEPTION_BURST, NULL);
		for (unsigned i = 0; i < n; i++)
			put_packet(x, m[i]);
		n_all += n;
	}
	return n_all;
}

/* The next packet of the kernel in x->spare. @return octets; 0: none now */
static uint32_t
read_packet(struct exception *x)
{
	ssize_t n;

	if (x->spare == NULL)
		x->spare = rte_pktmbuf_alloc(x->pool);
	if (x->spare == NULL) {
		x->stalled = true;
		return 0;
	}
	n = read(x->fd, rte_pktmbuf_mtod(x->spare, void *), rte_pktmbuf_tailroom(x->spare));
	if (n > 0)
		return (uint32_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		lose_twin(x, errno);
	return 0;
}

static unsigned
serve_from_kernel(struct exception *x)
{
	unsigned room = rte_ring_free_count(x->from_kernel), n = 0, tries = 0;
	void *m[EXCEPTION_BURST];

	x->stalled = room == 0;
	if (room > EXCEPTION_BURST)
		room = EXCEPTION_BURST;
	for (; tries < room && !x->lost; tries++) {
		uint32_t octets = read_packet(x);
		if (octets == 0)
			break;
		/* larger than the MTU that we set, perhaps cut off: not a packet for the port */
		if (octets > x->frame_max || octets < EXCEPTION_FRAME_MIN) {
			count(&x->counts.refused, 1);
			continue;
		}
		x->spare->data_len = (uint16_t)octets;
		x->spare->pkt_len = octets;
		if (frame_refuses_tcp(x->filter, rte_pktmbuf_mtod(x->spare, uint8_t *), octets))
			count(&x->counts.tcp_refused, 1);
		m[n++] = x->spare;
		x->spare = NULL;
	}
	if (n != 0) {
		(void)rte_ring_sp_enqueue_bulk(x->from_kernel, m, n, NULL); /* there is room */
		if (x->owner != NULL)
			sleeper_ring(x->owner);
	}
	return tries;
}

static bool
rings_empty(void)
{
	for (struct exception *x = exception_list; x != NULL; x = x->next) {
		for (unsigned q = 0; q < x->n_queues; q++)
			if (!rte_ring_empty(x->to_kernel[q]))
				return false;
	}
	return true;
}

static void
silence_bell(void)
{
	uint64_t rung;

	if (read(self.bell, &rung, sizeof rung) < 0) {
		/* EAGAIN: silent already */
	}
}

/* Wait until there may be something to do. A twin whose packets cannot be taken now is not waited
 * for, but looked at again soon. */
static void
wait_for_packets(bool linger)
{
	struct pollfd fd[TWINS_MAX + 1] = {{.fd = self.bell, .events = POLLIN}};
	struct timespec wait = {.tv_nsec = LINGER_NS};
	bool stalled = false;
	nfds_t n = 1;

	for (const struct exception *x = exception_list; x != NULL && n < TWINS_MAX + 1;
		x = x->next) {
		stalled |= x->stalled && !x->lost;
		if (!x->lost && !x->stalled)
			fd[n++] = (struct pollfd){.fd = x->fd, .events = POLLIN};
	}
	if (linger || stalled) {
		(void)ppoll(fd, n, &wait, NULL);
	} else {
		wait = (struct timespec){.tv_sec = SLEEP_S};
		/* exception_give() looks after its packets are in the ring: one of us sees the
		 * other */
		atomic_store(&exception_asleep, true);
		atomic_thread_fence(memory_order_seq_cst);
		if (rings_empty())
			(void)ppoll(fd, n, &wait, NULL);
		atomic_store(&exception_asleep, false);
	}
	if (fd[0].revents != 0)
		silence_bell();
}

static void *
exception_thread(void *arg)
{
	bool registered = rte_thread_register() == 0; /* else it works without a buffer cache */
	unsigned idle = 0;

	pthread_setname_np(pthread_self(), "exception");
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	while (!atomic_load_explicit(&self.stop, memory_order_relaxed)) {
		unsigned n = 0;
		for (struct exception *x = exception_list; x != NULL; x = x->next)
			n += serve_to_kernel(x) + serve_from_kernel(x);
		if (n != 0)
			idle = 0;
		else
			wait_for_packets(idle++ < LINGERS);
	}
	if (registered)
		rte_thread_unregister();
	return arg;
}

int
exception_start(void)
{
	int err;

	if (exception_list == NULL)
		return 0;
	self.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (self.bell < 0)
		return -errno;
	atomic_store(&self.stop, false);
	err = pthread_create(&self.thread, NULL, exception_thread, NULL);
	if (err == 0) {
		self.running = true;
		return 0;
	}
	close(self.bell);
	self.bell = -1;
	return -err;
}

void
exception_stop(void)
{
	const uint64_t one = 1;

	if (!self.running)
		return;
	atomic_store(&self.stop, true);
	if (write(self.bell, &one, sizeof one) < 0) {
		/* EAGAIN: it rings already */
	}
	pthread_join(self.thread, NULL);
	close(self.bell);
	self.bell = -1;
	self.running = false;
}
