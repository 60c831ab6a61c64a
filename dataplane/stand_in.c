/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stand_in: see stand_in.h. */
#include "dataplane/stand_in.h"

#include "config/log.h"
#include "dataplane/crew.h"
#include "dataplane/port_figures.h"
#include "dataplane/ports/ethdev.h"
#include "dataplane/ports/socket.h"
#include "dataplane/ports/xdp/filter.h"
#include "dataplane/takeover.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DRY_MS 20l     /* for workers to empty the rings of a port that gets nothing any more */
#define QUIET_TICKS 5u /* the sockets stay for so long at least */
#define PATIENCE_TICKS                                                                       \
	50u            /* and at most: some queries always go to the kernel, those of queues \
			   that are not served */
#define DEATH_MS 1000u /* for the kernel to take a dead process's locks */
#define DNS_PORT 53u

static unsigned ticks; /* since the ports have the queries; 0: nothing is to be done */

/* --- addresses --- */

static bool
has_socket(const struct heritage *h, const struct config_address *a)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->fd[i] >= 0 && socket_port_is_bound_to(h->fd[i], a))
			return true;
	return false;
}

/* Addresses that a port answers for. *n: how many; any: room for those of a port that has none */
static const struct config_address *
addresses_of(const struct config_port *p, struct config_address any[2], unsigned *n)
{
	*n = p->addresses_count;
	if (*n != 0)
		return p->addresses;
	memset(any, 0, 2 * sizeof *any);
	*(struct sockaddr_in *)&any[0].sa =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	*(struct sockaddr_in6 *)&any[1].sa =
		(struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
	*n = 2;
	return any;
}

/* --- the one that comes --- */

static int
open_sockets(struct heritage *h, const struct config_address *a, unsigned n)
{
	int first = -1, err = 0;

	for (unsigned i = 0; i < n && err == 0; i++) {
		int fd = socket_open(a);
		err = fd < 0 ? fd : heritage_offer(h, fd);
		if (fd >= 0 && err != 0)
			close(fd);
		first = i == 0 ? fd : first;
	}
	/* or else a client's queries all go to one of them, which is as good for the moment */
	if (err == 0)
		(void)socket_spread(first, n);
	return err;
}

static const char *
advice(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "; another program listens there (`ss -lunp` names it)";
	case -EADDRNOTAVAIL:
		return "; this machine does not have that address (`ip address` lists them)";
	case -EACCES:
		return "; CAP_NET_BIND_SERVICE is needed, or root";
	default:
		return "";
	}
}

/* @param optional  a kernel without that address family can do without the socket */
static int
open_missing(struct heritage *h, const struct config_address *a, unsigned n_workers, bool optional,
	const char *text)
{
	int err = has_socket(h, a) ? 0 : open_sockets(h, a, n_workers);

	if (err == 0 || (optional && err == -EAFNOSUPPORT))
		return 0;
	log_error("AF_XDP ports cannot be taken over while they are in use: a kernel socket on %s "
		  "must stand in, and cannot be opened: %s%s; mend that, restart the dataplane, or "
		  "upgrade by draining (millrace-drain): docs/operations.md",
		text, strerror(-err), advice(err));
	return err;
}

static int
open_all(struct heritage *h, const struct config *c)
{
	char text[64];
	int err = 0;

	for (unsigned d = 0; d < c->dataplane.ports_count && err == 0; d++) {
		struct config_address any[2];
		unsigned n;
		const struct config_address *a = addresses_of(&c->dataplane.ports[d], any, &n);
		for (unsigned i = 0;
			ethdev_may_step_aside(&c->dataplane.ports[d]) && i < n && err == 0; i++) {
			config_format_address(&a[i], text);
			err = open_missing(h, &a[i], c->dataplane.workers, a == any, text);
		}
	}
	/* the old one may have an AF_XDP port where this one is to have a socket */
	for (unsigned l = 0; l < c->dataplane.listen_count && err == 0; l++) {
		config_format_address(&c->dataplane.listen[l], text);
		err = open_missing(h, &c->dataplane.listen[l], c->dataplane.workers, false, text);
	}
	return err;
}

static bool
is_dead(const struct hub *hub)
{
	const struct timespec pause = {.tv_nsec = 1000000l};

	for (unsigned ms = 0; ms < DEATH_MS; ms++) {
		if (hub_predecessor(hub) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int
stand_in_request(const struct config *c, struct heritage *h, const struct hub *hub)
{
	int err;

	/* until we answer, whatever comes is the old one's */
	xdp_filters_step(true);
	if (!h->has_filters)
		return 0;
	err = open_all(h, c);
	if (err != 0)
		return err;
	ethdev_expect_busy(true);
	err = heritage_step_aside(h);
	if (err == 0 || err == -ETIMEDOUT || !is_dead(hub))
		return err;
	log_warning("it has died: going on without it");
	return 0;
}

int
stand_in_adopt(struct setup *s, const struct config *c, struct heritage *h)
{
	int err = 0;

	for (unsigned d = 0; d < c->dataplane.ports_count && err == 0; d++) {
		struct config_address any[2];
		const struct config_address *a;
		unsigned n = 0;
		if (!ethdev_may_step_aside(&c->dataplane.ports[d]))
			continue;
		a = addresses_of(&c->dataplane.ports[d], any, &n);
		for (unsigned i = 0; i < n && err == 0; i++) {
			unsigned n_sockets, index;
			char text[64];
			if (!has_socket(h, &a[i]))
				continue;
			config_format_address(&a[i], text);
			index = port_figures_enter(s->hub, text, HUB_PORT_SOCKET);
			s->standing_in = true;
			err = setup_inherit_sockets(s, h, &a[i], index, &n_sockets);
			for (unsigned k = 0; k < n_sockets; k++) {
				const struct worker *w = &s->worker[k % s->n_workers];
				w->port[w->n_ports - 1 - k / s->n_workers]->stand_in = true;
			}
		}
	}
	if (err != 0)
		log_error("cannot take over the sockets that stand in: %s", strerror(-err));
	return err;
}

/* --- giving ports away --- */

/* Take these ports from the workers, which do not run. @param[out] out  room for all */
static unsigned
detach(struct setup *s, bool (*match)(const struct port *), struct port **out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_workers; i++) {
		struct worker *w = &s->worker[i];
		unsigned kept = 0;
		for (unsigned k = 0; k < w->n_ports; k++) {
			struct port *p = w->port[k];
			if (!match(p)) {
				w->port[kept++] = p;
				continue;
			}
			port_figures_retire(s->hub, p);
			out[n++] = p;
		}
		w->n_ports = kept;
	}
	return n;
}

static struct port **
room_for_all(const struct setup *s)
{
	size_t n = 1;

	for (unsigned i = 0; i < s->n_workers; i++)
		n += s->worker[i].n_ports;
	return calloc(n, sizeof(struct port *));
}

static void
close_all(struct port **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i]->ops->close(p[i]);
}

/* No port hands anything on to other workers any more. */
static void
untie(struct setup *s, struct port **out)
{
	unsigned n;

	if (s->spread == NULL)
		return;
	n = detach(s, spread_is_port, out);
	close_all(out, n);
	for (unsigned i = 0; i < s->n_workers; i++)
		for (unsigned k = 0; k < s->worker[i].n_ports; k++)
			ethdev_port_untie(s->worker[i].port[k]);
	spread_close(s->spread);
	s->spread = NULL;
}

/* Stop, take ports away, go on, close them. */
static int
drop_ports(struct setup *s, bool (*match)(const struct port *), bool devices)
{
	struct port **gone = room_for_all(s);
	unsigned n;
	int err;

	if (gone == NULL) {
		log_error("out of memory");
		return -ENOMEM;
	}
	port_figures_update(s);
	crew_pause(s);
	if (devices)
		untie(s, gone);
	n = detach(s, match, gone);
	err = crew_resume(s);
	close_all(gone, n);
	free(gone);
	return err == 0 ? 0 : -EIO;
}

static bool
is_stand_in(const struct port *p)
{
	return p->stand_in;
}

/* --- the one that runs --- */

/* The entry of an address, which several sockets share. */
static unsigned
enter_address(const struct setup *s, const char *text)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		for (unsigned k = 0; k < s->worker[i].n_ports; k++) {
			const struct port *p = s->worker[i].port[k];
			if (p->stand_in && strcmp(p->name, text) == 0)
				return p->index;
		}
	return port_figures_enter(s->hub, text, HUB_PORT_SOCKET);
}

static int
adopt(struct setup *s, int fd, unsigned worker)
{
	struct worker *w = &s->worker[worker];
	struct config_address a = {0};
	socklen_t len = sizeof a.sa;
	struct port *p;
	char text[64];
	int err;

	err = getsockname(fd, (struct sockaddr *)&a.sa, &len) < 0 ? -errno : 0;
	if (err == 0 && !socket_port_is_bound_to(fd, &a))
		err = -EINVAL;
	if (err == 0)
		err = socket_port_inherit(&p, fd, &a, &w->shared->counters);
	if (err != 0) {
		close(fd);
		return err;
	}
	p->stand_in = true;
	config_format_address(&a, text);
	return setup_add_port(w, p, enter_address(s, text));
}

static int
adopt_all(struct setup *s, const int *fd, unsigned n)
{
	int err = 0;

	crew_pause(s);
	for (unsigned i = 0; i < n; i++) {
		if (err == 0)
			err = adopt(s, fd[i], i % s->n_workers);
		else
			close(fd[i]);
	}
	if (crew_resume(s) != 0)
		return -EIO;
	if (err != 0)
		log_error("cannot use the sockets that the new dataplane has opened: %s",
			strerror(-err));
	return err;
}

int
stand_in_begin(struct setup *s, const int *fd, unsigned n)
{
	const struct timespec dry = {.tv_nsec = DRY_MS * 1000000l};
	bool again = xdp_filters_aside();
	int err = adopt_all(s, fd, n);

	if (err == 0 && !again) {
		xdp_filters_step(true);
		xdp_filters_keep();
		nanosleep(&dry, NULL);
		err = drop_ports(s, ethdev_port_steps_aside, true);
	}
	if (err == 0) {
		s->standing_in = true;
		/* those of the upgrade that made us may have been on their way out */
		ticks = 0;
		log_info("kernel sockets stand in for the AF_XDP ports");
	} else if (err != -EIO && !again) {
		xdp_filters_step(false);
		if (drop_ports(s, is_stand_in, false) == -EIO)
			err = -EIO;
	}
	return err;
}

/* Workers with nothing but these ports are added to those that run. */
static int
move_ports(struct setup *s, struct setup *from)
{
	int err = 0;

	for (unsigned i = 0; i < s->n_workers; i++) {
		struct worker *w = &from->worker[i];
		while (w->n_ports > 0 && err == 0) {
			err = setup_move_port(&s->worker[i], w->port[w->n_ports - 1]);
			w->n_ports -= err == 0;
		}
	}
	return err;
}

/* What could not be moved is gone, and its entries are free. */
static void
close_apart(struct setup *apart)
{
	for (unsigned i = 0; i < apart->n_workers; i++) {
		struct worker *w = &apart->worker[i];
		for (unsigned k = 0; k < w->n_ports; k++)
			port_figures_retire(apart->hub, w->port[k]);
		close_all(w->port, w->n_ports);
		free(w->port);
	}
	free(apart->worker);
}

static int
open_again(struct setup *s, const struct config *c)
{
	size_t octets = s->n_workers * sizeof(struct worker);
	struct setup apart = *s;
	int err;

	/* the workers run on meanwhile */
	apart.spread = NULL;
	apart.worker = aligned_alloc(64, octets);
	if (apart.worker == NULL)
		return -ENOMEM;
	memcpy(apart.worker, s->worker, octets);
	for (unsigned i = 0; i < s->n_workers; i++) {
		apart.worker[i].port = NULL;
		apart.worker[i].n_ports = 0;
	}
	err = setup_open_devices(&apart, c, true);
	if (err == -EIO) /* of a device; ours means something else */
		err = -ENODEV;
	if (err == 0) {
		crew_pause(s);
		err = move_ports(s, &apart);
		s->spread = apart.spread;
		if (crew_resume(s) != 0)
			err = -EIO;
	}
	close_apart(&apart);
	if (s->spread != apart.spread)
		spread_close(apart.spread);
	return err;
}

int
stand_in_return(struct setup *s, const struct config *c, bool just_left)
{
	static bool told;
	bool may = geteuid() == 0; /* others have let go of what it takes */
	int err = -EPERM;

	if (!xdp_filters_aside())
		return 0;
	ethdev_expect_busy(just_left);
	if (may)
		err = open_again(s, c);
	if (err == 0) {
		log_info("the AF_XDP ports are open again");
		stand_in_over(s);
		told = false;
	} else if (err != -EIO && (just_left || !told)) {
		told = true;
		log_error(
			"the AF_XDP ports stay closed, and kernel sockets answer in their place%s; "
			"upgrade again, or restart the dataplane",
			may ? " until they can be opened" : "");
	}
	return err;
}

/* --- both --- */

void
stand_in_over(struct setup *s)
{
	xdp_filters_forget();
	xdp_filters_step(false);
	ticks = s->standing_in ? 1 : 0;
}

/* Has any of the sockets something to read? */
static bool
is_asked(const struct setup *s)
{
	for (unsigned i = 0; i < s->n_workers; i++) {
		for (unsigned k = 0; k < s->worker[i].n_ports; k++) {
			const struct port *p = s->worker[i].port[k];
			struct pollfd fd = {.fd = p->wait_fd, .events = POLLIN};
			if (p->stand_in && poll(&fd, 1, 0) > 0)
				return true;
		}
	}
	return false;
}

int
stand_in_tick(struct setup *s)
{
	int err;

	/* while nobody has the ports there is nothing else that answers */
	if (ticks == 0 || xdp_filters_aside())
		return 0;
	if (++ticks <= QUIET_TICKS || (ticks <= PATIENCE_TICKS && is_asked(s)))
		return 0;
	ticks = 0;
	err = drop_ports(s, is_stand_in, false);
	s->standing_in = err != 0;
	return err == -EIO ? err : 0;
}
