/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pci: reads /sys/bus/pci, and writes to it to change drivers. */
#include "tools/doctor/pci.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 4096u /* PCI devices of a machine that are looked at */
#define CLASS_NETWORK 0x02
#define ROUTES_MAX 65536u /* lines of a routing table that are looked at */

bool
pci_is_userspace_driver(const char *driver)
{
	return strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "uio_pci_generic") == 0 ||
	       strcmp(driver, "igb_uio") == 0;
}

bool
pci_is_bifurcated(const char *driver)
{
	return strcmp(driver, "mlx5_core") == 0 || strcmp(driver, "mlx4_core") == 0;
}

bool
pci_full_address(const char *text, char out[PCI_NAME_MAX])
{
	unsigned domain = 0, bus, slot, function;
	int end = -1;

	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
		end < 0) {
		domain = 0;
		end = -1;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3 || end < 0)
			return false;
	}
	if (text[end] != '\0' && text[end] != ',')
		return false;
	snprintf(out, PCI_NAME_MAX, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return true;
}

/* Does a line of /proc/net/route or ipv6_route say that this interface has a default route? */
static bool
is_default_route(const char *line, bool ip6, const char *interface)
{
	char name[PCI_NAME_MAX], destination[64], mask[64];
	unsigned prefix, flags;

	if (!ip6)
		return sscanf(line, "%63s %63s %*s %*s %*s %*s %*s %63s", name, destination,
			       mask) == 3 &&
		       strcmp(destination, "00000000") == 0 && strcmp(mask, "00000000") == 0 &&
		       strcmp(name, interface) == 0;
	return sscanf(line, "%63s %2x %*s %*s %*s %*s %*s %*s %8x %63s", destination, &prefix,
		       &flags, name) == 4 &&
	       prefix == 0 && strspn(destination, "0") == strlen(destination) &&
	       (flags & 0x200) == 0 /* RTF_REJECT */ && strcmp(name, interface) == 0;
}

static bool
has_default_route(const struct sysroot *r, const char *interface)
{
	static const char *const table[] = {"/proc/net/route", "/proc/net/ipv6_route"};
	bool found = false;

	for (unsigned t = 0; t < 2 && !found; t++) {
		char path[SYS_TEXT_MAX], line[512];
		FILE *f;

		if (snprintf(path, sizeof path, "%s%s", r->prefix, table[t]) >= (int)sizeof path)
			continue;
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		for (unsigned n = 0;
			n < ROUTES_MAX && !found && fgets(line, sizeof line, f) != NULL; n++)
			found = is_default_route(line, t == 1, interface);
		fclose(f);
	}
	return found;
}

/* A bridge or a bond over the card may carry the route. */
static bool
carries_default_route(const struct sysroot *r, const char *interface)
{
	char master[SYS_TEXT_MAX], upper[64][256];
	size_t n;

	if (has_default_route(r, interface))
		return true;
	if (sys_link(r, master, "/sys/class/net/%s/master", interface) &&
		has_default_route(r, master))
		return true;
	n = sys_list(r, upper, 64, "/sys/class/net/%s", interface);
	for (size_t i = 0; i < n; i++) /* VLANs: upper_eth0.5 */
		if (strncmp(upper[i], "upper_", 6) == 0 && has_default_route(r, upper[i] + 6))
			return true;
	return false;
}

/* virtio keeps its interfaces one folder further down. */
static void
find_interfaces(const struct sysroot *r, struct pci_device *d)
{
	char name[PCI_INTERFACES_MAX][256], child[64][256];
	size_t n = sys_list(r, name, PCI_INTERFACES_MAX, "/sys/bus/pci/devices/%s/net", d->address);

	if (n == 0) {
		size_t n_child = sys_list(r, child, 64, "/sys/bus/pci/devices/%s", d->address);
		for (size_t i = 0; i < n_child && n == 0; i++)
			if (strncmp(child[i], "virtio", 6) == 0)
				n = sys_list(r, name, PCI_INTERFACES_MAX,
					"/sys/bus/pci/devices/%s/%s/net", d->address, child[i]);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(d->interface[i], PCI_NAME_MAX, "%.63s", name[i]);
		d->default_route |= carries_default_route(r, d->interface[i]);
	}
	d->n_interfaces = (unsigned)n;
}

static void
copy_text(const struct sysroot *r, char out[PCI_NAME_MAX], const char *address, const char *name)
{
	char text[SYS_TEXT_MAX];

	out[0] = '\0';
	if (sys_text(r, text, "/sys/bus/pci/devices/%s/%s", address, name))
		snprintf(out, PCI_NAME_MAX, "%.63s", text);
}

static void
fill_device(const struct sysroot *r, struct pci_device *d, const char *address)
{
	char text[SYS_TEXT_MAX];
	int64_t value;

	memset(d, 0, sizeof *d);
	snprintf(d->address, sizeof d->address, "%.63s", address);
	if (sys_number(r, &value, "/sys/bus/pci/devices/%s/vendor", address))
		d->vendor = (unsigned)value;
	if (sys_number(r, &value, "/sys/bus/pci/devices/%s/device", address))
		d->device = (unsigned)value;
	if (sys_link(r, text, "/sys/bus/pci/devices/%s/driver", address))
		snprintf(d->driver, sizeof d->driver, "%.63s", text);
	d->numa_node = sys_number(r, &value, "/sys/bus/pci/devices/%s/numa_node", address)
			       ? (int)value
			       : -1;
	d->iommu_group =
		sys_link(r, text, "/sys/bus/pci/devices/%s/iommu_group", address) ? atoi(text) : -1;
	(void)sys_number(r, &d->width, "/sys/bus/pci/devices/%s/current_link_width", address);
	(void)sys_number(r, &d->width_max, "/sys/bus/pci/devices/%s/max_link_width", address);
	copy_text(r, d->speed, address, "current_link_speed");
	copy_text(r, d->speed_max, address, "max_link_speed");
	d->is_vf = sys_exists(r, "/sys/bus/pci/devices/%s/physfn", address);
	find_interfaces(r, d);
}

size_t
pci_scan(const struct sysroot *r, struct pci_device list[PCI_DEVICES_MAX])
{
	char(*name)[256] = calloc(NAMES_MAX, sizeof *name);
	size_t n, found = 0;

	if (name == NULL)
		return 0;
	n = sys_list(r, name, NAMES_MAX, "/sys/bus/pci/devices");
	for (size_t i = 0; i < n && found < PCI_DEVICES_MAX; i++) {
		int64_t class;
		if (sys_number(r, &class, "/sys/bus/pci/devices/%s/class", name[i]) &&
			class >> 16 == CLASS_NETWORK)
			fill_device(r, &list[found++], name[i]);
	}
	free(name);
	return found;
}

/* --- binding --- */

static bool
current_driver(const struct sysroot *r, const char *address, char out[PCI_NAME_MAX])
{
	char text[SYS_TEXT_MAX];

	out[0] = '\0';
	if (!sys_link(r, text, "/sys/bus/pci/devices/%s/driver", address))
		return false;
	snprintf(out, PCI_NAME_MAX, "%.63s", text);
	return true;
}

/* Take the card from its driver and let `driver` ("": any) have it. */
static int
hand_over(const struct sysroot *r, const char *address, const char *from, const char *driver)
{
	char line[PCI_NAME_MAX];
	int err = 0;

	/* a line break alone takes an override away */
	snprintf(line, sizeof line, "%.60s\n", driver);
	err = sys_write(r, line, "/sys/bus/pci/devices/%s/driver_override", address);
	if (err == 0 && from[0] != '\0')
		err = sys_write(r, address, "/sys/bus/pci/drivers/%s/unbind", from);
	if (err == 0)
		err = sys_write(r, address, "/sys/bus/pci/drivers_probe");
	return err;
}

static const char *
bind_advice(const struct pci_device *d, const char *driver, int err)
{
	if (err == -EACCES || err == -EPERM)
		return "; run it as root";
	if (strcmp(driver, "vfio-pci") == 0 && d->iommu_group < 0)
		return "; the machine has no IOMMU switched on: enable it in the firmware, and "
		       "boot with "
		       "intel_iommu=on (or amd_iommu=on) iommu=pt";
	return "; `dmesg | tail` tells what the kernel says of it";
}

int
pci_bind(const struct sysroot *r, const struct pci_device *d, const char *driver, char *error,
	size_t room)
{
	char now[PCI_NAME_MAX], was[PCI_NAME_MAX];
	bool any = driver[0] == '\0';
	int err;

	if (!any && !sys_exists(r, "/sys/bus/pci/drivers/%s", driver)) {
		snprintf(error, room, "the kernel has no driver %s; `modprobe %s` loads it", driver,
			driver);
		return -ENOENT;
	}
	if (current_driver(r, d->address, was) && strcmp(was, driver) == 0)
		return 0;
	err = hand_over(r, d->address, was, driver);
	/* the kernel answers a probe that nobody wanted with success */
	(void)current_driver(r, d->address, now);
	if (err == 0 && (any ? !pci_is_userspace_driver(now) : strcmp(now, driver) == 0))
		return 0;
	snprintf(error, room, "%s does not take %s%s%s%s", any ? "the kernel" : driver, d->address,
		err != 0 ? ": " : "", err != 0 ? strerror(-err) : "", bind_advice(d, driver, err));
	if (err == 0)
		err = -ENODEV;
	if (!current_driver(r, d->address, now) && was[0] != '\0')
		(void)hand_over(r, d->address, "", was);
	/* an override that stays would keep other drivers from it for good */
	(void)sys_write(r, "\n", "/sys/bus/pci/devices/%s/driver_override", d->address);
	return err;
}
