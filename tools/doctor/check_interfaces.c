/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_interfaces: what AF_XDP and AF_PACKET ports need of the kernel's interface under them. */
#include "tools/doctor/doctor.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU_XDP_MAX 1790   /* of most drivers, with buffers of 2 KiB */
#define RING_ENOUGH 4096u  /* 0.3 ms at 14.9 M packets a second */
#define QUEUES_UNASKED 16u /* more are refused without `queues` (docs/ports.md) */

/* One ethtool request on an interface. @return 0 or negative errno */
static int
ask(int fd, const char *name, void *request)
{
	struct ifreq r = {.ifr_data = request};

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	return ioctl(fd, SIOCETHTOOL, &r) < 0 ? -errno : 0;
}

static void
check_ring(struct doctor *d, int fd, const char *name)
{
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	unsigned most;
	char mend[DOCTOR_TEXT_MAX];

	if (ask(fd, name, &ring) != 0 || ring.rx_max_pending == 0)
		return;
	most = ring.rx_max_pending < RING_ENOUGH ? ring.rx_max_pending : RING_ENOUGH;
	if (ring.rx_pending >= most)
		return;
	snprintf(mend, sizeof mend, "ethtool -G %s rx %u", name, most);
	doctor_say(d, DOCTOR_SLOW, mend,
		"%s has a receive ring of %u; it may have %u, which rides out longer pauses", name,
		ring.rx_pending, ring.rx_max_pending);
}

static void
check_queues(struct doctor *d, int fd, const char *name, const struct config_port *p)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
	unsigned workers = d->config->dataplane.workers;
	char mend[DOCTOR_TEXT_MAX];

	if (ask(fd, name, &c) != 0 || c.combined_count == 0 || p->queues != 0)
		return;
	snprintf(mend, sizeof mend, "ethtool -L %s combined %u", name, workers);
	if (c.combined_count > QUEUES_UNASKED)
		doctor_say(d, DOCTOR_BAD, mend,
			"%s has %u queues; all are served, and more than %u only when `queues` "
			"says so",
			name, c.combined_count, QUEUES_UNASKED);
	else if (c.combined_count < workers)
		doctor_say(d, c.max_combined >= workers ? DOCTOR_SLOW : DOCTOR_INFO,
			c.max_combined >= workers ? mend : "",
			"%s has %u queue%s for %u workers: some are handed packets by others", name,
			c.combined_count, c.combined_count == 1 ? "" : "s", workers);
	else if (c.combined_count % workers != 0)
		doctor_say(d, DOCTOR_SLOW, mend,
			"%s has %u queues for %u workers: some have more to do than others", name,
			c.combined_count, workers);
}

static void
check_offloads(struct doctor *d, int fd, const char *name)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	char mend[DOCTOR_TEXT_MAX];

	if (ask(fd, name, &flags) != 0)
		return;
	if (flags.data & ETH_FLAG_LRO) {
		snprintf(mend, sizeof mend, "ethtool -K %s lro off", name);
		doctor_say(d, DOCTOR_BAD, mend,
			"%s joins packets (LRO); XDP programs are refused then", name);
	}
	if (flags.data & ETH_FLAG_RXVLAN) {
		snprintf(mend, sizeof mend, "ethtool -K %s rxvlan off", name);
		doctor_say(d, DOCTOR_INFO, mend,
			"%s takes VLAN tags off: tagged queries would be answered without their "
			"tag",
			name);
	}
}

static void
check_interface(struct doctor *d, int fd, const struct config_port *p, bool xdp)
{
	char name[IFNAMSIZ], text[SYS_TEXT_MAX], mend[DOCTOR_TEXT_MAX];
	size_t before = d->n_findings;
	int64_t mtu;

	if (!doctor_argument(p->device, "iface", name, sizeof name)) {
		doctor_say(
			d, DOCTOR_BAD, "ip link", "port %.100s: iface=NAME is missing", p->device);
		return;
	}
	if (!sys_exists(&d->root, "/sys/class/net/%s", name)) {
		doctor_say(d, DOCTOR_BAD, "ip link",
			"port %.100s: there is no interface %s; take one of the list", p->device,
			name);
		return;
	}
	if (sys_text(&d->root, text, "/sys/class/net/%s/operstate", name) &&
		strcmp(text, "down") == 0) {
		snprintf(mend, sizeof mend, "ip link set dev %s up", name);
		doctor_say(d, DOCTOR_BAD, mend, "interface %s is down", name);
	}
	if (xdp && sys_number(&d->root, &mtu, "/sys/class/net/%s/mtu", name) && mtu > MTU_XDP_MAX) {
		snprintf(mend, sizeof mend, "ip link set dev %s mtu 1500", name);
		doctor_say(d, DOCTOR_BAD, mend,
			"interface %s has an MTU of %lld; most drivers take XDP programs up to %d "
			"only",
			name, (long long)mtu, MTU_XDP_MAX);
	}
	if (d->here && fd >= 0) {
		check_ring(d, fd, name);
		if (xdp) {
			check_queues(d, fd, name, p);
			check_offloads(d, fd, name);
		}
	}
	if (d->n_findings == before)
		doctor_say(d, DOCTOR_OK, "", "%s is up and set up well", name);
}

void
check_interfaces(struct doctor *d)
{
	size_t before = d->n_findings;
	int fd = d->here ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.ports_count; i++) {
		const struct config_port *p = &d->config->dataplane.ports[i];
		bool xdp = strncmp(p->device, "net_af_xdp", 10) == 0;
		if (xdp || strncmp(p->device, "net_af_packet", 13) == 0)
			check_interface(d, fd, p, xdp);
	}
	if (fd >= 0)
		close(fd);
	if (d->n_findings == before)
		doctor_say(d, DOCTOR_INFO, "", "no AF_XDP or AF_PACKET port is configured");
}
