/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev: opening, watching and closing DPDK Ethernet devices. Main thread; their configuration is
 * in ethdev_start.c, the packet path in ethdev_queue.c, what is special about drivers in
 * ethdev_driver.c. */
#include "dataplane/ports/ethdev.h"

#include "config/log.h"
#include "dataplane/eal.h"
#include "dataplane/ports/ethdev_device.h"
#include "dataplane/ports/ethdev_queue.h"
#include "dataplane/ports/exception.h"

#include <errno.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_TRIES 5u       /* for drivers that may fail at first */
#define START_TRIES_BUSY 50u /* where another dataplane has just closed it */
#define START_PAUSE_US 100000u

static unsigned start_tries = START_TRIES; /* main thread only */
static struct ethdev_device *devices;      /* for the links; main thread only */

/* net_af_xdp (22.11) forgets to close the socket that came with the memory of a queue; as long as
 * it is open the kernel gives the queue to nobody. */
static void
close_forgotten(const struct ethdev_device *d)
{
	for (unsigned q = 0; q < ETHDEV_QUEUES_MAX; q++)
		if (d->socket[q] >= 0 && d->cookie[q] != 0 &&
			ethdev_socket_cookie(d->socket[q]) == d->cookie[q])
			close(d->socket[q]);
}

static void
device_destroy(struct ethdev_device *d)
{
	for (struct ethdev_device **at = &devices; *at != NULL; at = &(*at)->next) {
		if (*at == d) {
			*at = d->next;
			break;
		}
	}
	/* first of all: from now on the kernel gets the queries */
	driver_release(d->driver);
	if (d->port_id != RTE_MAX_ETHPORTS) {
		struct rte_eth_dev_info info;
		bool known = rte_eth_dev_info_get(d->port_id, &info) == 0;
		/* drivers complain when they may not undo what root once did for them */
		eal_log_hold();
		if (d->started)
			(void)rte_eth_dev_stop(d->port_id);
		(void)rte_eth_dev_close(d->port_id);
		/* closed, a device that was made by its arguments is still there, and could not be
		 * opened again */
		if (known && driver_is_software(&info))
			(void)rte_dev_remove(info.device);
		eal_log_release(false);
		close_forgotten(d);
	}
	exception_close(d->exception);
	rte_mempool_free(d->pool);
	free(d);
}

static void
queue_close(struct port *p)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;
	struct ethdev_device *d = e->device;

	ethdev_wait_close(&e->wait);
	free(e->back_from);
	free(e);
	if (--d->n_open == 0)
		device_destroy(d);
}

static bool
queue_may_sleep(struct port *p)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;
	bool quiet = ethdev_wait_arm(&e->wait, e->port_id, e->queue_id);

	if (e->exception.from_kernel != NULL && !rte_ring_empty(e->exception.from_kernel))
		return false;
	for (unsigned k = 0; k < e->n_back; k++)
		if (!rte_ring_empty(e->back_from[k]))
			return false;
	return quiet;
}

static void
queue_awake(struct port *p)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;

	ethdev_wait_disarm(&e->wait, e->port_id, e->queue_id);
}

/* The device's figures, once: with its first queue. */
static void
queue_figures(struct port *p, struct port_figures *sum)
{
	const struct ethdev_queue *e = (const struct ethdev_queue *)p;
	struct rte_eth_stats s;

	if (e->queue_id != 0)
		return;
	sum->n_devices++;
	sum->n_up += e->device->link_up;
	sum->mbps += e->device->mbps;
	sum->counter[PCTR_LINK_CHANGES] += e->device->n_link_changes;
	if (rte_eth_stats_get(e->port_id, &s) != 0)
		return;
	sum->counter[PCTR_RX_MISSED] += s.imissed;
	sum->counter[PCTR_RX_ERRORS] += s.ierrors;
	sum->counter[PCTR_RX_NO_BUFFERS] += s.rx_nombuf;
	sum->counter[PCTR_TX_ERRORS] += s.oerrors;
	sum->counter[PCTR_DEVICE_RX] += s.ipackets;
	sum->counter[PCTR_DEVICE_TX] += s.opackets;
}

static const struct port_ops queue_ops = {
	.figures = queue_figures,
	.receive = ethdev_queue_receive,
	.transmit = ethdev_queue_transmit,
	.may_sleep = queue_may_sleep,
	.awake = queue_awake,
	.close = queue_close,
};

static int
fill_filter(struct frame_filter *f, const struct config_port *c)
{
	for (unsigned i = 0; i < c->addresses_count; i++) {
		const struct sockaddr_storage *sa = &c->addresses[i].sa;
		if (sa->ss_family == AF_INET6) {
			const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
			if (f->n_ip6 == FRAME_ADDRESSES_MAX)
				return -E2BIG;
			memcpy(f->ip6[f->n_ip6].address, &in6->sin6_addr, 16);
			f->ip6[f->n_ip6++].port_be = in6->sin6_port;
		} else {
			const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
			if (f->n_ip4 == FRAME_ADDRESSES_MAX)
				return -E2BIG;
			f->ip4[f->n_ip4].address_be = in->sin_addr.s_addr;
			f->ip4[f->n_ip4++].port_be = in->sin_port;
		}
	}
	return 0;
}

/* Make DPDK aware of the device. @return its port id, or negative errno */
static int
probe(const char *device, const char *name)
{
	uint16_t port_id;
	int err;

	/* PCI devices were probed when EAL started, as --allow named them */
	if (!eal_is_pci(device)) {
		err = rte_dev_probe(device);
		if (err != 0)
			return err < 0 ? err : -EIO;
	}
	if (rte_eth_dev_get_port_by_name(name, &port_id) != 0)
		return -ENODEV;
	return port_id;
}

/* How many queues of this device we use. 0 after an error line. */
static unsigned
choose_queues(const struct config_port *c, const struct rte_eth_dev_info *info, unsigned wanted,
	bool exact)
{
	unsigned most = info->max_rx_queues < info->max_tx_queues ? info->max_rx_queues
								  : info->max_tx_queues;

	if (most > ETHDEV_QUEUES_MAX)
		most = ETHDEV_QUEUES_MAX;
	if (wanted <= most)
		return wanted;
	if (!exact)
		return most;
	log_error("port %s: %u queues are configured, the device has %u; set `queues` to at most "
		  "that",
		c->device, wanted, most);
	return 0;
}

static int
open_queues(struct ethdev_device *d, const struct rte_eth_conf *conf,
	const struct rte_eth_dev_info *info, struct port **queue, unsigned n)
{
	for (unsigned q = 0; q < n; q++) {
		struct ethdev_queue *e = aligned_alloc(64, (sizeof *e + 63) & ~(size_t)63);
		if (e == NULL)
			return -ENOMEM;
		memset(e, 0, sizeof *e);
		e->port = (struct port){.ops = &queue_ops,
			.wait_fd = -1,
			.device = true,
			.nap_ns = driver_nap_ns(info->driver_name, d->n_rx)};
		e->port_id = d->port_id;
		e->queue_id = (uint16_t)q;
		snprintf(e->port.name, sizeof e->port.name, "%.40s queue %u", d->name, q);
		e->mtu = d->mtu;
		e->parse_flags = driver_is_software(info) ? FRAME_PARTIAL_OK : 0;
		if (conf->txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
			e->offloads |= FRAME_OFFLOAD_IP;
		if (conf->txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
			e->offloads |= FRAME_OFFLOAD_UDP;
		e->filter = &d->filter;
		e->device = d;
		d->cookie[q] = d->socket[q] >= 0 ? ethdev_socket_cookie(d->socket[q]) : 0;
		exception_connect(d->exception, q, &e->exception);
		ethdev_wait_open(&e->wait, d->port_id, (uint16_t)q, d->socket[q]);
		e->port.wait_fd = e->wait.fd;
		exception_wakes(d->exception, q, &e->wait.sleeper);
		d->n_open++;
		queue[q] = &e->port;
	}
	return 0;
}

/* The port's way to the kernel, where it is to have one. */
static int
open_exception(struct ethdev_device *d, const struct config_port *c,
	const struct rte_eth_dev_info *info, unsigned n)
{
	const struct exception_options o = {
		.port = c,
		.port_id = d->port_id,
		.mtu = d->mtu,
		.n_queues = n,
		.pool = d->pool,
		.partial = driver_is_software(info),
		.filter = &d->filter,
	};
	int err = exception_wanted(c, info->driver_name) ? exception_open(&d->exception, &o) : 0;

	d->explained |= err != 0;
	return err;
}

/* Open and start a device once. *again: another try may go better. */
static int
try_device(struct ethdev_device *d, const struct config_port *c, const struct driver_device *dd,
	struct port **queue, bool *again)
{
	struct ethdev_sockets before;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	unsigned n, n_sockets;
	int err;

	*again = false;
	for (unsigned q = 0; q < ETHDEV_QUEUES_MAX; q++)
		d->socket[q] = -1;
	ethdev_sockets_note(&before, AF_PACKET);
	err = probe(dd->arguments, dd->name);
	if (err < 0)
		return err;
	/* net_af_packet opens all its sockets here, one a queue and in their order */
	n_sockets = ethdev_sockets_new(&before, d->socket, ETHDEV_QUEUES_MAX);
	d->port_id = (uint16_t)err;
	err = rte_eth_dev_info_get(d->port_id, &info);
	if (err != 0)
		return err;
	if (n_sockets != info.max_rx_queues) /* then who knows whose they are */
		for (unsigned q = 0; q < n_sockets; q++)
			d->socket[q] = -1;
	n = choose_queues(c, &info, dd->queues, c->queues != 0);
	if (n == 0) {
		d->explained = true;
		return -EINVAL;
	}
	conf = ethdev_make_conf(&info, n);
	err = ethdev_start(d, c, &info, &conf, n);
	if (err == 0)
		err = open_exception(d, c, &info, n);
	if (err == 0)
		err = open_queues(d, &conf, &info, queue, n);
	if (err != 0) {
		*again = !d->explained && driver_start_may_fail(info.driver_name);
		return err;
	}
	log_info("port %s (%s): %u queue%s%s%s, MTU %u%s%s", d->name, info.driver_name, n,
		n == 1 ? "" : "s", conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS ? ", RSS" : "",
		conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM ? ", checksums by the device"
								    : "",
		d->mtu, d->exception != NULL ? "; the kernel's twin of it is " : "",
		d->exception != NULL ? exception_interface(d->exception) : "");
	return 0;
}

/* Drivers say -1 for whatever went wrong, and DPDK -EFAULT when there is no such driver. */
static const char *
error_text(int err)
{
	return err == -EPERM    ? "its driver refuses"
	       : err == -EFAULT ? "no driver has that name"
				: rte_strerror(-err);
}

/* One DPDK device: the configured one, or one of those that stand for its queues. */
static int
open_device(const struct config_port *c, struct driver_device *dd, struct port **queue,
	unsigned *n_opened)
{
	bool again = true, explained = false;
	int err = 0;

	for (unsigned tries = 0; tries < start_tries && again; tries++) {
		struct ethdev_device *d = calloc(1, sizeof *d);
		if (d == NULL)
			return -ENOMEM;
		if (tries != 0)
			usleep(START_PAUSE_US);
		d->port_id = RTE_MAX_ETHPORTS;
		d->steps_aside = driver_steps_aside(c);
		snprintf(d->name, sizeof d->name, "%s", dd->name);
		eal_log_hold();
		err = fill_filter(&d->filter, c);
		if (err == 0)
			err = try_device(d, c, dd, queue, &again);
		eal_log_release(err != 0);
		if (err == 0) {
			d->driver = dd->state;
			dd->state = NULL;
			d->next = devices;
			devices = d;
			*n_opened = d->n_open;
			return 0;
		}
		for (unsigned q = 0; q < d->n_open; q++)
			free(queue[q]);
		explained = d->explained;
		device_destroy(d);
	}
	if (explained)
		return err;
	log_error("cannot start port %s: %s; %s", c->device, error_text(err),
		err == -E2BIG ? "it has more addresses than we can tell apart"
			      : driver_advice(c->device));
	return err;
}

int
ethdev_port_open(const struct config_port *c, unsigned n_workers, struct port **queue, unsigned *n)
{
	struct driver_device list[ETHDEV_QUEUES_MAX];
	unsigned n_list = 0;
	int err;

	*n = 0;
	if (c->queues > ETHDEV_QUEUES_MAX) {
		log_error("port %s: at most %u queues", c->device, ETHDEV_QUEUES_MAX);
		return -EINVAL;
	}
	err = driver_prepare(c, n_workers, list, ETHDEV_QUEUES_MAX, &n_list);
	for (unsigned i = 0; i < n_list; i++) {
		unsigned n_opened = 0;
		if (err == 0)
			err = open_device(c, &list[i], queue + *n, &n_opened);
		*n += n_opened;
		driver_release(list[i].state);
		free(list[i].arguments);
	}
	if (err != 0) {
		for (unsigned i = 0; i < *n; i++)
			queue[i]->ops->close(queue[i]);
		*n = 0;
	}
	return err;
}

void
ethdev_watch_links(void)
{
	for (struct ethdev_device *d = devices; d != NULL; d = d->next) {
		struct rte_eth_link link;
		bool up;
		if (rte_eth_link_get_nowait(d->port_id, &link) != 0)
			continue;
		up = link.link_status == RTE_ETH_LINK_UP;
		d->mbps = up && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN ? link.link_speed : 0;
		if (d->link_known && up == d->link_up)
			continue;
		d->n_link_changes += d->link_known;
		d->link_known = true;
		d->link_up = up;
		exception_set_link(d->exception, up);
		if (up)
			log_info("port %s: link up", d->name);
		else
			log_warning("port %s: link down", d->name);
	}
}

bool
ethdev_may_share(const char *device)
{
	return strncmp(device, "net_af_packet", sizeof "net_af_packet" - 1) == 0;
}

bool
ethdev_may_step_aside(const struct config_port *c)
{
	return driver_steps_aside(c);
}

bool
ethdev_port_steps_aside(const struct port *p)
{
	return p->ops == &queue_ops && ((const struct ethdev_queue *)p)->device->steps_aside;
}

void
ethdev_expect_busy(bool busy)
{
	start_tries = busy ? START_TRIES_BUSY : START_TRIES;
}

void
ethdev_port_untie(struct port *p)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;

	if (p->ops != &queue_ops)
		return;
	free(e->back_from);
	e->back_from = NULL;
	e->n_back = 0;
	e->spread = NULL;
}
