/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_driver: knowledge about DPDK's drivers that their interface does not tell. Keep it small:
 * each entry names what happens without it. */
#include "dataplane/ports/ethdev_driver.h"

#include "config/log.h"
#include "dataplane/eal.h"
#include "dataplane/ports/xdp/filter.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define AF_XDP_BUFFERS \
	8192u /* fill and completion rings of 2048, descriptors of 2048, and some in hand */
#define MEMIF_RING_BITS 10u      /* of `rsize`, when it is not there */
#define MEMIF_RING_BITS_MAX 14u  /* the driver takes no more */
#define NAP_NS_A_DESCRIPTOR 100u /* a ring overflows only above 10 M packets a second */
#define NAP_NS_MAX 250000u
#define NAP_NS_MEMIF                                                                             \
	900000u /* the peer sees a full ring, and waits; naps of 0.75 ms cost 2.4 % of a CPU, of \
		   0.1 ms a tenth */
#define XDP_QUEUES_MAX 16u /* that we serve unasked: 32 MiB of buffers each */
#define VLANS 4095u        /* 4095 itself is reserved (802.1Q) */
#define ATTACH_TRIES 10u   /* a program that is just going away is still there for a moment */
#define ATTACH_PAUSE_US 50000u

struct driver_state {
	struct xdp_filter *filter;
};

static bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Value of ",key=value" in device arguments. @return false when it is not there or too long */
static bool
get_argument(const char *device, const char *key, char *value, size_t room)
{
	size_t len = strlen(key);

	for (const char *at = strchr(device, ','); at != NULL; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, len) != 0 || at[len] != '=')
			continue;
		at += len + 1;
		len = strcspn(at, ",");
		if (len >= room)
			return false;
		memcpy(value, at, len);
		value[len] = 0;
		return true;
	}
	return false;
}

static bool
has_argument(const char *device, const char *key)
{
	char value[256];
	return get_argument(device, key, value, sizeof value);
}

bool
driver_is_software(const struct rte_eth_dev_info *info)
{
	/* rings, sockets and taps to this machine, and memif to another process on it; drivers of
	 * network cards begin with "net_" as well */
	return strcmp(rte_bus_name(rte_dev_bus(info->device)), "vdev") == 0;
}

bool
driver_may_interrupt(const struct rte_eth_dev_info *info)
{
	/* QEMU's vmxnet3 ends the whole machine when a process with interrupts on is killed */
	if (strcmp(info->driver_name, "net_vmxnet3") == 0)
		return false;
	return !driver_is_software(info) || strcmp(info->driver_name, "net_tap") == 0;
}

bool
driver_filters_tags(const char *driver)
{
	/* the other side (QEMU, vhost) lets no VLAN through once the filter was agreed on, and the
	 * driver always agrees */
	return strcmp(driver, "net_virtio") == 0;
}

void
driver_accept_tags(uint16_t port_id, const char *name)
{
	for (uint16_t vlan = 0; vlan < VLANS; vlan++) {
		int err = rte_eth_dev_vlan_filter(port_id, vlan, 1);
		if (err != 0) {
			log_warning("port %s: queries with a VLAN tag will not come: %s", name,
				rte_strerror(-err));
			return;
		}
	}
}

bool
driver_start_may_fail(const char *driver)
{
	return strcmp(driver, "net_af_xdp") == 0;
}

bool
driver_steps_aside(const struct config_port *c)
{
	/* a twin is made by the process that has the port, and nobody may have it twice */
	return has_prefix(c->device, "net_af_xdp") && !has_argument(c->device, "xdp_prog") &&
	       c->exception != CONFIG_EXCEPTION_TAP;
}

unsigned
driver_queue_buffers(const char *driver, const char *device)
{
	char value[16];

	if (strcmp(driver, "net_memif") == 0 &&
		get_argument(device, "zero-copy", value, sizeof value) &&
		strcmp(value, "yes") == 0) {
		/* it takes no notice of our descriptors: its two rings are as long as `rsize` says,
		 * and the one of receive is filled at once or not at all */
		unsigned long bits = get_argument(device, "rsize", value, sizeof value)
					     ? strtoul(value, NULL, 10)
					     : MEMIF_RING_BITS;
		return 2u << (bits <= MEMIF_RING_BITS_MAX ? bits : MEMIF_RING_BITS_MAX);
	}
	return strcmp(driver, "net_af_xdp") == 0 ? AF_XDP_BUFFERS : 0;
}

uint32_t
driver_nap_ns(const char *driver, unsigned n_rx)
{
	uint32_t ns = n_rx * NAP_NS_A_DESCRIPTOR;

	/* what comes through the kernel's network stack comes at 2 M packets a second at most */
	if (strcmp(driver, "net_af_xdp") == 0 || strcmp(driver, "net_af_packet") == 0 ||
		strcmp(driver, "net_tap") == 0)
		return NAP_NS_MAX;
	if (strcmp(driver, "net_memif") == 0)
		return NAP_NS_MEMIF;
	return ns < NAP_NS_MAX ? ns : NAP_NS_MAX;
}

const char *
driver_advice(const char *device)
{
	if (has_prefix(device, "net_af_xdp"))
		return "it needs iface=NAME of an interface that is up, a kernel with AF_XDP, and "
		       "CAP_NET_ADMIN, "
		       "CAP_NET_RAW, CAP_SYS_ADMIN, CAP_DAC_OVERRIDE (or root); docs/ports.md";
	if (has_prefix(device, "net_af_packet"))
		return "it needs iface=NAME of an interface that is up, and CAP_NET_RAW (or root); "
		       "docs/ports.md";
	if (has_prefix(device, "net_tap"))
		return "it needs /dev/net/tun and CAP_NET_ADMIN (or root); docs/ports.md";
	if (has_prefix(device, "net_memif"))
		return "it needs role=server or role=client, and socket=PATH in a folder that both "
		       "sides may use; "
		       "docs/ports.md";
	if (has_prefix(device, "net_virtio_user") || has_prefix(device, "net_vhost"))
		return "see path= or iface=, and docs/ports.md";
	if (eal_is_pci(device))
		return "is it there and bound to vfio-pci (`millracectl port list`)? "
		       "docs/ports.md";
	return "device arguments begin with a PCI address or with a driver's name and a number "
	       "(net_af_xdp0,...); docs/ports.md";
}

/* Receive queues of an interface. @return 0 when it does not say; *combined: how many of them
 * net_af_xdp lets one device have */
static unsigned
receive_queues(const char *interface, unsigned *combined)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	*combined = 1;
	if (fd < 0)
		return 0;
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	request.ifr_data = (void *)&channels;
	err = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	if (err != 0)
		return 0;
	if (channels.combined_count > 0)
		*combined = channels.combined_count;
	return channels.combined_count + channels.rx_count;
}

/* "net_af_xdp0,iface=x,..." and its name before the first comma, with a suffix for queue q of
 * several. */
__attribute__((format(printf, 4, 5))) static int
make_device(struct driver_device *d, const char *device, unsigned q, const char *format, ...)
{
	size_t len = strcspn(device, ",");
	char more[128];
	va_list args;
	int n;

	*d = (struct driver_device){.queues = 1};
	va_start(args, format);
	vsnprintf(more, sizeof more, format, args);
	va_end(args);
	if (q == 0)
		n = snprintf(d->name, sizeof d->name, "%.*s", (int)len, device);
	else
		n = snprintf(d->name, sizeof d->name, "%.*sq%u", (int)len, device, q);
	if (n < 0 || (size_t)n >= sizeof d->name)
		return -ENAMETOOLONG;
	if (asprintf(&d->arguments, "%s%s%s", d->name, device + len, more) < 0) {
		d->arguments = NULL;
		return -ENOMEM;
	}
	return 0;
}

static const char *
attach_advice(int err)
{
	switch (err) {
	case -ENODEV:
		return "; there is no such interface here (`ip link` lists them)";
	case -EBUSY:
	case -EEXIST:
		return "; another XDP program is attached (`ip link` shows it; `ip link set dev "
		       "NAME xdp off` "
		       "removes one that was left behind)";
	case -EPERM:
		return "; CAP_NET_ADMIN and CAP_SYS_ADMIN (or root) are needed";
	default:
		return "";
	}
}

static int
attach_filter(const struct config_port *c, const char *interface, struct driver_state **out)
{
	struct driver_state *s = calloc(1, sizeof *s);
	int err = -ENOMEM;

	if (s == NULL)
		return err;
	for (unsigned tries = 0; tries < ATTACH_TRIES; tries++) {
		err = xdp_filter_attach(&s->filter, interface, c->addresses, c->addresses_count);
		if (err != -EBUSY && err != -EEXIST)
			break;
		usleep(ATTACH_PAUSE_US);
	}
	if (err != 0) {
		log_error("port %s: cannot attach the XDP filter program to %s: %s%s", c->device,
			interface, strerror(-err), attach_advice(err));
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

/* How many queues of the interface to serve: all, as the kernel gets the queries of the others. */
static int
choose_xdp_queues(const struct config_port *c, unsigned present, unsigned room, unsigned *queues)
{
	if (has_argument(c->device, "start_queue") || has_argument(c->device, "queue_count")) {
		*queues = 1; /* the arguments say all */
		return 0;
	}
	*queues = c->queues ? c->queues : present;
	if (*queues == 0)
		*queues = 1;
	if (present != 0 && *queues > present) {
		log_error(
			"port %s: %u queues are configured, the interface has %u; set `queues` to "
			"that, or leave it out",
			c->device, *queues, present);
		return -EINVAL;
	}
	if (c->queues == 0 && (*queues > XDP_QUEUES_MAX || *queues > room)) {
		log_error(
			"port %s: the interface has %u receive queues; set it to as many as there "
			"are workers (`ethtool -L NAME combined N`), or set `queues`",
			c->device, present);
		return -EINVAL;
	}
	if (*queues < present)
		log_warning("port %s: %u of %u receive queues are served, queries on the others go "
			    "to the kernel; `ethtool -L NAME combined %u` would mend that",
			c->device, *queues, present, *queues);
	return 0;
}

static int
prepare_af_xdp(const struct config_port *c, struct driver_device *list, unsigned room, unsigned *n)
{
	struct driver_state *state = NULL;
	unsigned present, combined, queues;
	char interface[IF_NAMESIZE];
	int err;

	if (!get_argument(c->device, "iface", interface, sizeof interface)) {
		log_error("port %s: iface=NAME is missing", c->device);
		return -EINVAL;
	}
	present = receive_queues(interface, &combined);
	err = choose_xdp_queues(c, present, room, &queues);
	if (err != 0)
		return err;
	/* a program of the user's own takes care of everything itself */
	if (!has_argument(c->device, "xdp_prog")) {
		err = attach_filter(c, interface, &state);
		if (err != 0)
			return err;
	}
	*n = 1;
	if (queues == 1) {
		err = make_device(&list[0], c->device, 0, "%s", "");
	} else if (queues <= combined) {
		err = make_device(&list[0], c->device, 0, ",queue_count=%u", queues);
		list[0].queues = queues;
	} else {
		/* veth and others have queues without "combined channels": one device each */
		for (unsigned q = 0; q < queues && err == 0; q++) {
			*n = q + 1;
			err = make_device(&list[q], c->device, q, ",start_queue=%u", q);
		}
	}
	list[0].state = state;
	return err;
}

int
driver_prepare(const struct config_port *c, unsigned n_workers, struct driver_device *list,
	unsigned room, unsigned *n)
{
	unsigned queues = c->queues ? c->queues : n_workers;
	char interface[IF_NAMESIZE];
	int err;

	*n = 0;
	if (has_prefix(c->device, "net_af_") &&
		get_argument(c->device, "iface", interface, sizeof interface) &&
		if_nametoindex(interface) == 0) {
		log_error("port %s: there is no interface %s here (`ip link` lists them)",
			c->device, interface);
		return -ENODEV;
	}
	if (has_prefix(c->device, "net_af_xdp"))
		return prepare_af_xdp(c, list, room, n);
	*n = 1;
	/* without qpairs the device has one queue */
	if (has_prefix(c->device, "net_af_packet") && queues > 1 &&
		!has_argument(c->device, "qpairs"))
		err = make_device(&list[0], c->device, 0, ",qpairs=%u", queues);
	else
		err = make_device(&list[0], c->device, 0, "%s", "");
	list[0].queues = queues;
	return err;
}

void
driver_release(struct driver_state *s)
{
	if (s == NULL)
		return;
	xdp_filter_detach(s->filter);
	free(s);
}
