/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_start: configures a DPDK device and starts its queues. Main thread. */
#include "config/log.h"
#include "dataplane/ports/ethdev_device.h"
#include "dataplane/ports/ethdev_wait.h"
#include "dataplane/ports/spread.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <sys/socket.h>

#define RING_MIN 512u   /* descriptors, when the configuration leaves the choice to the driver */
#define POOL_CACHE 256u /* mbufs that a worker keeps at hand */
/* Beside the packet in a buffer: Ethernet header, two VLAN tags, frame check sequence. */
#define FRAME_EXTRA (RTE_ETHER_HDR_LEN + 2u * 4 + RTE_ETHER_CRC_LEN)
#define BUFFER_STEP 1024u                                    /* cards count buffers in these */
#define SPREAD_BUFFERS (2 * SPREAD_TAKERS_MAX * SPREAD_RING) /* on their way between workers */

/* Buffers that hold the largest frame of the port, so that it lies in one piece. */
static struct rte_mempool *
make_pool(const struct ethdev_device *d, unsigned n)
{
	char text[RTE_MEMPOOL_NAMESIZE];
	int socket = rte_eth_dev_socket_id(d->port_id);
	unsigned room = RTE_MBUF_DEFAULT_DATAROOM;

	if (d->mtu + FRAME_EXTRA > room)
		room = RTE_ALIGN_CEIL(d->mtu + FRAME_EXTRA, BUFFER_STEP);
	snprintf(text, sizeof text, "port.%u", d->port_id);
	return rte_pktmbuf_pool_create(text, n, POOL_CACHE, 0,
		(uint16_t)(room + RTE_PKTMBUF_HEADROOM), socket < 0 ? SOCKET_ID_ANY : socket);
}

struct rte_eth_conf
ethdev_make_conf(const struct rte_eth_dev_info *info, unsigned n_queues)
{
	static const uint64_t spread = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
	struct rte_eth_conf conf = {0};

	if (n_queues > 1 && (info->flow_type_rss_offloads & spread) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & spread;
	}
	/* one pool a device, and nobody else holds our packets */
	conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	conf.intr_conf.rxq = driver_may_interrupt(info);
	if (driver_filters_tags(info->driver_name))
		conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	if (driver_is_software(info)) /* it would only do in software what we do better */
		return conf;
	conf.rxmode.offloads |= info->rx_offload_capa &
				(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	conf.txmode.offloads |= info->tx_offload_capa &
				(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
	return conf;
}

static int
setup_queues(struct ethdev_device *d, unsigned n, uint16_t n_rx, uint16_t n_tx)
{
	int socket = rte_eth_dev_socket_id(d->port_id), err = 0, fd;

	for (uint16_t q = 0; q < n && err == 0; q++)
		err = rte_eth_tx_queue_setup(d->port_id, q, n_tx, (unsigned)socket, NULL);
	for (uint16_t q = 0; q < n && err == 0; q++) {
		/* net_af_xdp opens the queue's socket here */
		struct ethdev_sockets before;
		ethdev_sockets_note(&before, AF_XDP);
		err = rte_eth_rx_queue_setup(d->port_id, q, n_rx, (unsigned)socket, NULL, d->pool);
		if (err == 0 && d->socket[q] < 0 && ethdev_sockets_new(&before, &fd, 1) == 1)
			d->socket[q] = fd;
	}
	return err;
}

/* Does the driver tell DPDK which MTUs it has? Those of memif, taps and sockets do not; they take
 * what comes and fits a buffer. */
static bool
knows_mtu(const struct rte_eth_dev_info *info)
{
	return info->max_mtu != UINT16_MAX;
}

/* The configured MTU, before the device is configured. @return 0 or negative errno */
static int
choose_mtu(struct ethdev_device *d, const struct config_port *c,
	const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	if (c->mtu == 0)
		return 0; /* DPDK takes 1500 */
	if (!knows_mtu(info))
		return 0;
	if (c->mtu >= info->min_mtu && c->mtu <= info->max_mtu) {
		conf->rxmode.mtu = c->mtu;
		return 0;
	}
	log_error("port %s: the device has MTUs from %u to %u; set `mtu` to one of these",
		c->device, info->min_mtu, info->max_mtu);
	d->explained = true;
	return -EINVAL;
}

/* The MTU of a configured device, set once more: with some drivers only this reaches the hardware,
 * or the interface beneath. */
static int
settle_mtu(
	struct ethdev_device *d, const struct config_port *c, const struct rte_eth_dev_info *info)
{
	int err = c->mtu != 0 ? rte_eth_dev_set_mtu(d->port_id, c->mtu) : 0;

	if (err == 0)
		(void)rte_eth_dev_get_mtu(d->port_id, &d->mtu);
	if (err != 0 && err != -ENOTSUP && knows_mtu(info)) {
		log_error("port %s: the device does not take an MTU of %u: %s", c->device, c->mtu,
			rte_strerror(-err));
		d->explained = true;
		return err;
	}
	if (err != 0)
		d->mtu = c->mtu;
	if (d->mtu < RTE_ETHER_MIN_MTU)
		d->mtu = RTE_ETHER_MTU;
	return 0;
}

/* Configure a device and start its queues, with receive interrupts where the driver can. */
static int
run_device(struct ethdev_device *d, const struct config_port *c,
	const struct rte_eth_dev_info *info, struct rte_eth_conf *conf, unsigned n, uint16_t *n_rx,
	uint16_t *n_tx)
{
	int err = rte_eth_dev_configure(d->port_id, (uint16_t)n, (uint16_t)n, conf);

	if (err == 0)
		err = settle_mtu(d, c, info);
	if (err == 0)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(d->port_id, n_rx, n_tx);
	if (err == 0 && d->pool == NULL) {
		unsigned buffers =
			n * (*n_rx + *n_tx + driver_queue_buffers(info->driver_name, c->device) +
				    2 * POOL_CACHE + 2 * PORT_BURST + SPREAD_BUFFERS);
		if (exception_wanted(c, info->driver_name))
			buffers += exception_buffers(n) + 2 * POOL_CACHE;
		d->pool = make_pool(d, buffers);
		if (d->pool == NULL)
			return rte_errno ? -rte_errno : -ENOMEM;
	}
	if (err == 0)
		err = setup_queues(d, n, *n_rx, *n_tx);
	return err == 0 ? rte_eth_dev_start(d->port_id) : err;
}

int
ethdev_start(struct ethdev_device *d, const struct config_port *c,
	const struct rte_eth_dev_info *info, struct rte_eth_conf *conf, unsigned n)
{
	uint16_t n_rx = c->ring_size, n_tx = c->ring_size;
	int err;

	if (n_rx == 0)
		n_rx = info->default_rxportconf.ring_size > RING_MIN
			       ? info->default_rxportconf.ring_size
			       : RING_MIN;
	if (n_tx == 0)
		n_tx = info->default_txportconf.ring_size > RING_MIN
			       ? info->default_txportconf.ring_size
			       : RING_MIN;
	err = choose_mtu(d, c, info, conf);
	if (err == 0)
		err = run_device(d, c, info, conf, n, &n_rx, &n_tx);
	if (err != 0 && conf->intr_conf.rxq && !d->explained) {
		/* too few interrupt vectors, or a driver that has none: its queues are polled */
		conf->intr_conf.rxq = 0;
		err = run_device(d, c, info, conf, n, &n_rx, &n_tx);
	}
	d->started = err == 0;
	if (err == 0 && (conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER))
		driver_accept_tags(d->port_id, d->name);
	d->n_rx = n_rx;
	return err;
}
