/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exception_twin: the tap interface of the exception path. It is persistent: addresses and routes
 * that the operator gave it outlive a restart of the dataplane, and so do the TCP connections over
 * it. Without "offloads" (the default of a tap) the kernel hands over packets that fit the MTU and
 * have their checksums. */
#include "config/log.h"
#include "dataplane/eal.h"
#include "dataplane/ports/exception_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUSY_TRIES 20u /* a second */
#define BUSY_PAUSE_US 50000u

int
exception_twin_name(const char *device, char name[IF_NAMESIZE])
{
	unsigned domain = 0, bus, slot, function;
	size_t len = strcspn(device, ",");
	int n;

	if (eal_is_pci(device)) {
		if (sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) {
			domain = 0;
			if (sscanf(device, "%x:%x.%x", &bus, &slot, &function) != 3)
				return -EINVAL;
		}
		/* as the kernel's own: enP1p2s0f0 */
		n = domain != 0 ? snprintf(name, IF_NAMESIZE, "mrP%up%us%uf%u", domain, bus, slot,
					  function)
				: snprintf(name, IF_NAMESIZE, "mrp%us%uf%u", bus, slot, function);
	} else {
		if (strncmp(device, "net_", 4) == 0) {
			device += 4;
			len -= 4;
		}
		n = snprintf(name, IF_NAMESIZE, "mr%.*s", (int)len, device);
	}
	return n < 0 || n >= IF_NAMESIZE ? -ENAMETOOLONG : 0;
}

static const char *
open_advice(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENODEV:
		return "; there is no /dev/net/tun: `modprobe tun`, or set the port's `exception: "
		       "none`";
	case -EPERM:
	case -EACCES:
		return "; it takes CAP_NET_ADMIN (or root), or a tap interface made for our user: "
		       "`ip tuntap add dev NAME mode tap user USER`";
	case -EBUSY:
		return "; another program has it (another dataplane?), or it is no tap interface: "
		       "set the port's `exception-interface`";
	case -EINVAL:
		return "; there is an interface of that name which is no tap interface of one "
		       "queue: set the port's `exception-interface`";
	default:
		return "";
	}
}

/* MAC address, MTU and "up", as far as they differ: an interface that was made for us may be right
 * already, and we without the right to change it. @return 0 or negative errno; *what failed */
static int
set_up(const char *name, const uint8_t mac[6], uint16_t mtu, const char **what)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq r = {0};

	*what = "a socket";
	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	*what = "its MAC address";
	if (ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		goto fail;
	if (memcmp(r.ifr_hwaddr.sa_data, mac, 6) != 0) {
		r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(r.ifr_hwaddr.sa_data, mac, 6);
		if (ioctl(fd, SIOCSIFHWADDR, &r) < 0)
			goto fail;
	}
	*what = "its MTU";
	if (ioctl(fd, SIOCGIFMTU, &r) < 0)
		goto fail;
	if (r.ifr_mtu != mtu) {
		r.ifr_mtu = mtu;
		if (ioctl(fd, SIOCSIFMTU, &r) < 0)
			goto fail;
	}
	*what = "it up";
	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		goto fail;
	if (!(r.ifr_flags & IFF_UP)) {
		r.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
			goto fail;
	}
	close(fd);
	return 0;
fail:
	err = -errno;
	close(fd);
	return err;
}

/* Attach to the interface; one that a dataplane which is just ending still has is waited for.
 * @return descriptor or negative errno */
static int
attach(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), err = 0;
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	for (unsigned tries = 0; tries < BUSY_TRIES; tries++) {
		err = ioctl(fd, TUNSETIFF, &r) < 0 ? -errno : 0;
		if (err != -EBUSY)
			break;
		usleep(BUSY_PAUSE_US);
	}
	if (err == 0 && ioctl(fd, TUNSETPERSIST, 1) < 0)
		err = -errno;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

int
exception_twin_open(
	const char *name, const uint8_t mac[6], uint16_t mtu, bool required, const char *device)
{
	const enum log_level level = required ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
	int fd = attach(name), err;
	const char *what;

	if (fd < 0) {
		log_write(level, "port %s: cannot make the twin interface %s: %s%s%s", device, name,
			strerror(-fd), open_advice(fd),
			required ? "" : "; what is not DNS on this port is dropped");
		return fd;
	}
	/* it may have been left otherwise; and the kernel is to do all work on its packets */
	(void)ioctl(fd, TUNSETOFFLOAD, 0);
	err = set_up(name, mac, mtu, &what);
	if (err == 0)
		return fd;
	log_write(level, "port %s: cannot set %s of the twin interface %s: %s", device, what, name,
		strerror(-err));
	close(fd);
	return err;
}

void
exception_twin_set_carrier(int fd, bool up)
{
	int on = up;
	/* Linux 5.0 and later; without it the twin merely looks connected */
	(void)ioctl(fd, TUNSETCARRIER, &on);
}
