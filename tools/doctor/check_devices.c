/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_devices: PCI network cards: IOMMU, drivers, links. */
#include "tools/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

static bool
wants_pci(const struct doctor *d)
{
	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.ports_count; i++)
		if (doctor_is_pci(d->config->dataplane.ports[i].device))
			return true;
	return false;
}

void
check_iommu(struct doctor *d)
{
	char name[1][256], text[SYS_TEXT_MAX];
	static const char boot[] =
		"boot with intel_iommu=on iommu=pt, or amd_iommu=on iommu=pt (GRUB_CMDLINE_LINUX "
		"in /etc/default/grub, then update-grub)";
	bool groups = sys_list(&d->root, name, 1, "/sys/kernel/iommu_groups") != 0;
	bool wanted = wants_pci(d);
	bool unsafe = sys_text(&d->root, text,
			      "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") &&
		      text[0] == 'Y';

	if (groups)
		doctor_say(d, DOCTOR_OK, "", "on");
	else if (!wanted)
		doctor_say(d, DOCTOR_INFO, "", "off or absent; only cards on vfio-pci need it");
	else if (unsafe)
		doctor_say(d, DOCTOR_SLOW, boot,
			"off, and vfio runs without it: a faulty card can overwrite any memory");
	else
		doctor_say(d, DOCTOR_BAD, boot,
			"vfio-pci needs an IOMMU: switch VT-d or AMD-Vi on in the firmware, and in "
			"the kernel");
}

static void
check_card(struct doctor *d, const char *device)
{
	const struct pci_device *card = doctor_find_pci(d, device);
	char mend[DOCTOR_TEXT_MAX];

	if (card == NULL) {
		doctor_say(d, DOCTOR_BAD, "millracectl port list",
			"there is no network card %.100s; take one of the list", device);
		return;
	}
	if (pci_is_userspace_driver(card->driver)) {
		if (!sys_exists(&d->root, "/dev/vfio/%d", card->iommu_group) &&
			strcmp(card->driver, "vfio-pci") == 0 &&
			!sys_exists(&d->root, "/dev/vfio/noiommu-%d", card->iommu_group))
			doctor_say(d, DOCTOR_BAD, "modprobe vfio-pci",
				"card %s is bound to vfio-pci, but /dev/vfio/%d is not there",
				card->address, card->iommu_group);
		else
			doctor_say(d, DOCTOR_OK, "", "card %s is bound to %s", card->address,
				card->driver);
	} else if (pci_is_bifurcated(card->driver)) {
		doctor_say(d, DOCTOR_BAD, "millracectl port list",
			"card %s has %s: such cards are not supported as DPDK ports yet; name its "
			"interface in an AF_XDP port, net_af_xdp0,iface=%s",
			card->address, card->driver,
			card->n_interfaces > 0 ? card->interface[0] : "...");
	} else {
		snprintf(mend, sizeof mend, "%smillracectl port bind %s",
			sys_exists(&d->root, "/sys/bus/pci/drivers/vfio-pci")
				? ""
				: "modprobe vfio-pci && ",
			card->address);
		doctor_say(d, DOCTOR_BAD, mend, "card %s is %s%s; DPDK cannot use it",
			card->address, card->driver[0] == '\0' ? "without a driver" : "bound to ",
			card->driver);
	}
}

void
check_drivers(struct doctor *d)
{
	if (!wants_pci(d)) {
		doctor_say(d, DOCTOR_INFO, "", "no PCI card is configured; this machine has %zu",
			d->n_pci);
		return;
	}
	for (unsigned i = 0; i < d->config->dataplane.ports_count; i++)
		if (doctor_is_pci(d->config->dataplane.ports[i].device))
			check_card(d, d->config->dataplane.ports[i].device);
}

/* The configured cards, or all where none is. */
static bool
is_ours(const struct doctor *d, const struct pci_device *card)
{
	if (!wants_pci(d))
		return true;
	for (unsigned i = 0; i < d->config->dataplane.ports_count; i++)
		if (doctor_find_pci(d, d->config->dataplane.ports[i].device) == card)
			return true;
	return false;
}

void
check_pcie(struct doctor *d)
{
	size_t before = d->n_findings, n_known = 0;
	char mend[DOCTOR_TEXT_MAX];

	for (size_t i = 0; i < d->n_pci; i++) {
		const struct pci_device *card = &d->pci[i];
		if (!is_ours(d, card) || card->width <= 0 || card->width_max <= 0 ||
			card->width_max >= 255)
			continue;
		n_known++;
		snprintf(mend, sizeof mend, "lspci -vv -s %s", card->address);
		if (card->width < card->width_max)
			doctor_say(d, DOCTOR_SLOW, mend,
				"card %s uses %lld of its %lld PCIe lanes: move it to a slot that "
				"has them",
				card->address, (long long)card->width, (long long)card->width_max);
		if (card->speed[0] != '\0' && card->speed_max[0] != '\0' &&
			strcmp(card->speed, card->speed_max) != 0)
			doctor_say(d, DOCTOR_SLOW, mend,
				"card %s runs its PCIe link at %.20s, it could do %.20s: see the "
				"slot and the "
				"firmware's settings",
				card->address, card->speed, card->speed_max);
	}
	if (d->n_findings != before)
		return;
	if (n_known == 0)
		doctor_say(d, DOCTOR_INFO, "", "no card tells about its link");
	else
		doctor_say(d, DOCTOR_OK, "", "full width and speed");
}
