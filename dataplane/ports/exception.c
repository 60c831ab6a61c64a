/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exception: life of a port's exception path. Main thread; the traffic is in exception_thread.c and
 * exception_queue.h. */
#include "dataplane/ports/exception.h"

#include "config/log.h"
#include "dataplane/ports/exception_private.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAGS_OCTETS 8u /* of two VLAN tags, which do not count for the MTU */

struct exception *exception_list;

bool
exception_wanted(const struct config_port *c, const char *driver)
{
	switch ((enum config_exception)c->exception) {
	case CONFIG_EXCEPTION_TAP:
		return true;
	case CONFIG_EXCEPTION_NONE:
		return false;
	case CONFIG_EXCEPTION_AUTO:
		break;
	}
	return strcmp(driver, "net_af_xdp") != 0 && strcmp(driver, "net_af_packet") != 0;
}

unsigned
exception_buffers(unsigned n_queues)
{
	return (n_queues + 1) * EXCEPTION_RING + 2 * EXCEPTION_BURST + 1;
}

static struct rte_ring *
make_ring(void)
{
	ssize_t octets = rte_ring_get_memsize(EXCEPTION_RING);
	struct rte_ring *r = octets > 0
				     ? aligned_alloc(RTE_CACHE_LINE_SIZE,
					       RTE_ALIGN_CEIL((size_t)octets, RTE_CACHE_LINE_SIZE))
				     : NULL;

	if (r != NULL &&
		rte_ring_init(r, "exception", EXCEPTION_RING, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		free(r);
		r = NULL;
	}
	return r;
}

static void
free_ring(struct rte_ring *r)
{
	void *m;

	while (r != NULL && rte_ring_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
	free(r);
}

static int
make_rings(struct exception *x, unsigned n_queues)
{
	x->to_kernel = calloc(n_queues, sizeof(struct rte_ring *));
	x->from_kernel = make_ring();
	if (x->to_kernel == NULL || x->from_kernel == NULL)
		return -ENOMEM;
	for (unsigned q = 0; q < n_queues; q++) {
		x->to_kernel[q] = make_ring();
		if (x->to_kernel[q] == NULL)
			return -ENOMEM;
		x->n_queues++;
	}
	return 0;
}

/* Neighbour discovery and routing daemons need groups that the port's filter does not let through
 * by itself. */
static void
let_groups_in(uint16_t port_id, const char *device)
{
	if (rte_eth_allmulticast_enable(port_id) == 0 || rte_eth_promiscuous_enable(port_id) == 0)
		return;
	/* drivers without a filter have nothing to be told */
	log_debug("port %s: its driver has no multicast filter that could be opened", device);
}

static int
open_twin(struct exception *x, const struct exception_options *o)
{
	bool required = o->port->exception == CONFIG_EXCEPTION_TAP;
	struct rte_ether_addr mac;
	int err;

	if (o->port->exception_interface != NULL)
		snprintf(x->name, sizeof x->name, "%s", o->port->exception_interface);
	else if (exception_twin_name(o->port->device, x->name) != 0) {
		log_write(required ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
			"port %s: its name does not fit a network interface; set the port's "
			"`exception-interface`%s",
			o->port->device,
			required ? "" : "; until then what is not DNS on this port is dropped");
		return -ENAMETOOLONG;
	}
	err = rte_eth_macaddr_get(o->port_id, &mac);
	if (err != 0) {
		log_error(
			"port %s: it has no MAC address: %s", o->port->device, rte_strerror(-err));
		return err;
	}
	x->fd = exception_twin_open(x->name, mac.addr_bytes, o->mtu, required, o->port->device);
	return x->fd < 0 ? x->fd : 0;
}

int
exception_open(struct exception **out, const struct exception_options *o)
{
	struct exception *x = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof *x, 64));
	int err;

	*out = NULL;
	if (x == NULL) {
		log_error("port %s: out of memory", o->port->device);
		return -ENOMEM;
	}
	memset(x, 0, sizeof *x);
	x->fd = -1;
	x->partial = o->partial;
	x->pool = o->pool;
	x->filter = o->filter;
	x->frame_max = o->mtu + RTE_ETHER_HDR_LEN + TAGS_OCTETS;
	err = make_rings(x, o->n_queues);
	if (err != 0) {
		log_error("port %s: %s", o->port->device, strerror(-err));
		exception_close(x);
		return err;
	}
	err = open_twin(x, o);
	if (err != 0) {
		exception_close(x);
		return o->port->exception == CONFIG_EXCEPTION_TAP ? err : 0;
	}
	let_groups_in(o->port_id, o->port->device);
	x->next = exception_list;
	exception_list = x;
	*out = x;
	return 0;
}

void
exception_connect(struct exception *x, unsigned q, struct exception_queue *out)
{
	*out = (struct exception_queue){0};
	if (x == NULL)
		return;
	out->to_kernel = x->to_kernel[q];
	if (q != 0)
		return;
	out->from_kernel = x->from_kernel;
	out->counts = &x->counts;
}

void
exception_wakes(struct exception *x, unsigned q, struct sleeper *s)
{
	if (x != NULL && q == 0) /* see exception_connect() */
		x->owner = s;
}

void
exception_set_link(struct exception *x, bool up)
{
	if (x != NULL)
		exception_twin_set_carrier(x->fd, up);
}

const char *
exception_interface(const struct exception *x)
{
	return x != NULL ? x->name : NULL;
}

void
exception_close(struct exception *x)
{
	if (x == NULL)
		return;
	for (struct exception **at = &exception_list; *at != NULL; at = &(*at)->next) {
		if (*at == x) {
			*at = x->next;
			break;
		}
	}
	if (x->fd >= 0)
		close(x->fd);
	for (unsigned q = 0; q < x->n_queues; q++)
		free_ring(x->to_kernel[q]);
	free(x->to_kernel);
	free_ring(x->from_kernel);
	rte_pktmbuf_free(x->spare);
	free(x);
}
