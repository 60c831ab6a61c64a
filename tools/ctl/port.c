/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/port: `millracectl port list|bind|unbind`: which driver has a network card. Needs no server.
 * The driver that a card had is remembered in a file of its own under STATE_DIR until it is given
 * back. */
#include "tools/ctl/ctl.h"
#include "tools/doctor/pci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* not the run directory: a card is the machine's, not a suite's. Gone with the next boot, as
 * bindings are */
#define STATE_DIR "/run/millrace-ports"
#define DRIVER_DEFAULT "vfio-pci"

static struct sysroot
root_of(const struct ctl *c)
{
	const char *root = ctl_value(c, "root");

	return (struct sysroot){.prefix = root != NULL ? root : ""};
}

static void
join_interfaces(const struct pci_device *d, char *out, size_t room)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < d->n_interfaces && at < room; i++)
		at += (size_t)snprintf(
			out + at, room - at, "%s%s", i > 0 ? " " : "", d->interface[i]);
}

static bool
remembered(const struct sysroot *r, const char *address, char out[SYS_TEXT_MAX])
{
	return sys_text(r, out, STATE_DIR "/%s", address);
}

static void
list_json(const struct sysroot *r, const struct pci_device *d, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		char was[SYS_TEXT_MAX];
		json_t *interfaces = json_array(), *j;
		for (unsigned k = 0; k < d[i].n_interfaces; k++)
			json_array_append_new(interfaces, json_string(d[i].interface[k]));
		j = json_pack("{s:s,s:i,s:i,s:s,s:o,s:i,s:i,s:b,s:b,s:s?}", "address", d[i].address,
			"vendor", (int)d[i].vendor, "device", (int)d[i].device, "driver",
			d[i].driver, "interfaces", interfaces, "numa_node", d[i].numa_node,
			"iommu_group", d[i].iommu_group, "virtual_function", (int)d[i].is_vf,
			"default_route", (int)d[i].default_route, "kernel_driver",
			remembered(r, d[i].address, was) ? was : NULL);
		if (j == NULL || json_array_append_new(list, j) != 0)
			abort();
	}
	ctl_print_json(list);
	json_decref(list);
}

static void
list_table(const struct ctl *c, const struct sysroot *r, const struct pci_device *d, size_t n)
{
	static const struct ctl_column column[] = {{"address", false}, {"id", false},
		{"driver", false}, {"interface", false}, {"node", true}, {"iommu", true},
		{"", false}};
	struct ctl_table t = {.column = column, .n_columns = sizeof column / sizeof column[0]};

	for (size_t i = 0; i < n; i++) {
		char id[16], node[16], group[16], names[512], was[SYS_TEXT_MAX],
			note[SYS_TEXT_MAX + 32];
		snprintf(id, sizeof id, "%04x:%04x", d[i].vendor, d[i].device);
		snprintf(node, sizeof node, d[i].numa_node < 0 ? "-" : "%d", d[i].numa_node);
		snprintf(group, sizeof group, d[i].iommu_group < 0 ? "-" : "%d", d[i].iommu_group);
		join_interfaces(&d[i], names, sizeof names);
		note[0] = '\0';
		if (d[i].default_route)
			snprintf(note, sizeof note, "default route");
		else if (remembered(r, d[i].address, was))
			snprintf(note, sizeof note, "was with %s", was[0] ? was : "no driver");
		else if (pci_is_bifurcated(d[i].driver))
			snprintf(note, sizeof note, "not supported yet, but through AF_XDP");
		else if (d[i].is_vf)
			snprintf(note, sizeof note, "virtual function");
		ctl_table_add(&t, (const char *const[]){d[i].address, id,
					  d[i].driver[0] != '\0' ? d[i].driver : "-",
					  names[0] != '\0' ? names : "-", node, group, note});
	}
	ctl_table_print(c, &t, NULL);
	ctl_table_free(&t);
}

int
ctl_port_list(const struct ctl *c)
{
	struct pci_device *d = calloc(PCI_DEVICES_MAX, sizeof *d);
	struct sysroot r = root_of(c);
	size_t n;

	if (d == NULL)
		abort();
	n = pci_scan(&r, d);
	if (c->json)
		list_json(&r, d, n);
	else if (n == 0)
		printf("This machine has no PCI network card. AF_XDP, AF_PACKET and kernel sockets "
		       "need none: docs/ports.md\n");
	else
		list_table(c, &r, d, n);
	free(d);
	return CTL_OK;
}

/* The card that the verb's argument names, by address or interface, into out. */
static int
find_card(const struct ctl *c, const struct sysroot *r, struct pci_device *out)
{
	struct pci_device *d = calloc(PCI_DEVICES_MAX, sizeof *d);
	char address[PCI_NAME_MAX] = "";
	bool found = false;
	size_t n;

	if (d == NULL)
		abort();
	(void)pci_full_address(c->argv[0], address);
	n = pci_scan(r, d);
	for (size_t i = 0; i < n && !found; i++) {
		found = strcmp(d[i].address, address) == 0;
		for (unsigned k = 0; k < d[i].n_interfaces && !found; k++)
			found = strcmp(d[i].interface[k], c->argv[0]) == 0;
		if (found)
			*out = d[i];
	}
	free(d);
	if (!found)
		fprintf(stderr,
			"millracectl: there is no network card %s; `millracectl port list` shows "
			"them, by address and by "
			"interface\n",
			c->argv[0]);
	return found ? 0 : -ENOENT;
}

/* Remember the driver before the card leaves it: a kill in between then loses nothing. */
static int
remember(const struct sysroot *r, const struct pci_device *d)
{
	char folder[SYS_TEXT_MAX], path[SYS_TEXT_MAX + PCI_NAME_MAX];
	int fd, err = 0;

	snprintf(folder, sizeof folder, "%s" STATE_DIR, r->prefix);
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof path, "%s/%s", folder, d->address);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, d->driver, strlen(d->driver)) != (ssize_t)strlen(d->driver))
		err = errno != 0 ? -errno : -EIO;
	close(fd);
	return err;
}

static void
forget(const struct sysroot *r, const struct pci_device *d)
{
	char path[SYS_TEXT_MAX + PCI_NAME_MAX];

	snprintf(path, sizeof path, "%s" STATE_DIR "/%s", r->prefix, d->address);
	unlink(path);
}

/* The way back may be lost with the interface: it must be said twice. */
static bool
may_take(const struct ctl *c, const struct pci_device *d)
{
	char names[512];

	if (!d->default_route || ctl_times(c, "force") >= 2)
		return true;
	join_interfaces(d, names, sizeof names);
	fprintf(stderr,
		"millracectl: %s (%s) carries this machine's default route: without it you may not "
		"get back in. %s\n",
		d->address, names,
		ctl_times(c, "force") == 0 ? "Refused; who means it says --force twice"
					   : "Refused; once is not enough: --force --force");
	return false;
}

int
ctl_port_bind(const struct ctl *c)
{
	const char *driver = ctl_given(c, "driver") ? ctl_value(c, "driver") : DRIVER_DEFAULT;
	struct sysroot r = root_of(c);
	char error[512] = "";
	struct pci_device d;
	int err;

	if (find_card(c, &r, &d) != 0)
		return CTL_FAILURE;
	if (!pci_is_userspace_driver(driver)) {
		fprintf(stderr,
			"millracectl: --driver %s: DPDK uses cards through vfio-pci (or "
			"uio_pci_generic, igb_uio)\n",
			driver);
		return CTL_USAGE;
	}
	if (pci_is_bifurcated(d.driver)) {
		fprintf(stderr,
			"millracectl: %s has %s: such cards are not supported as DPDK ports yet, "
			"and vfio-pci cannot drive them; AF_XDP ports can use their interface: "
			"docs/ports.md\n",
			d.address, d.driver);
		return CTL_FAILURE;
	}
	if (strcmp(d.driver, driver) == 0) {
		printf("%s is bound to %s already\n", d.address, driver);
		return CTL_OK;
	}
	if (!may_take(c, &d))
		return CTL_FAILURE;
	err = pci_is_userspace_driver(d.driver) ? 0 : remember(&r, &d);
	if (err != 0) {
		fprintf(stderr, "millracectl: cannot write " STATE_DIR "/%s: %s%s\n", d.address,
			strerror(-err), err == -EACCES ? "; run it as root" : "");
		return CTL_FAILURE;
	}
	if (pci_bind(&r, &d, driver, error, sizeof error) != 0) {
		fprintf(stderr, "millracectl: %s\n", error);
		if (!pci_is_userspace_driver(d.driver))
			forget(&r, &d);
		return CTL_FAILURE;
	}
	printf("%s: %s -> %s; `millracectl port unbind %s` gives it back\n", d.address,
		d.driver[0] != '\0' ? d.driver : "no driver", driver, d.address);
	return CTL_OK;
}

int
ctl_port_unbind(const struct ctl *c)
{
	struct sysroot r = root_of(c);
	char was[SYS_TEXT_MAX], error[512] = "";
	struct pci_device d;
	int err;

	if (find_card(c, &r, &d) != 0)
		return CTL_FAILURE;
	if (d.driver[0] != '\0' && !pci_is_userspace_driver(d.driver)) {
		printf("%s is with the kernel's driver %s already\n", d.address, d.driver);
		forget(&r, &d);
		return CTL_OK;
	}
	/* the driver it had may not be loaded any more: whichever wants it then */
	if (!remembered(&r, d.address, was) || was[0] == '\0' || strlen(was) >= PCI_NAME_MAX ||
		!sys_exists(&r, "/sys/bus/pci/drivers/%s", was))
		was[0] = '\0';
	err = pci_bind(&r, &d, was, error, sizeof error);
	if (err == 0 && was[0] != '\0') /* an override would keep it from other drivers for good */
		(void)sys_write(&r, "\n", "/sys/bus/pci/devices/%s/driver_override", d.address);
	if (err != 0) {
		fprintf(stderr, "millracectl: %s\n", error);
		return CTL_FAILURE;
	}
	forget(&r, &d);
	if (sys_exists(&r, "/sys/bus/pci/devices/%s/driver", d.address))
		printf("%s is the kernel's again\n", d.address);
	else
		printf("%s is with no driver now: the kernel has none loaded that wants it\n",
			d.address);
	return CTL_OK;
}
