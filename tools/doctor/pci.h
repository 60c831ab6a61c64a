/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pci: the machine's network cards, and which driver has them. Binding goes through
 * driver_override, so no other device with the same id is touched. One thread. */
#pragma once
#include "tools/doctor/sysroot.h"

#include <stdbool.h>

#define PCI_DEVICES_MAX 128u
#define PCI_INTERFACES_MAX 4u /* of one card: some drivers make one for each port of it */
#define PCI_NAME_MAX 64u

struct pci_device {
	char address[PCI_NAME_MAX]; /* 0000:01:00.0 */
	unsigned vendor, device;
	char driver[PCI_NAME_MAX]; /* "" when none has it */
	char interface[PCI_INTERFACES_MAX][PCI_NAME_MAX];
	unsigned n_interfaces;
	int numa_node;                                     /* -1: the machine does not say */
	int iommu_group;                                   /* -1: none */
	int64_t width, width_max;                          /* PCIe lanes; 0: not known */
	char speed[PCI_NAME_MAX], speed_max[PCI_NAME_MAX]; /* "8.0 GT/s PCIe" */
	bool is_vf;                                        /* an SR-IOV virtual function */
	bool default_route; /* one of its interfaces carries a default route */
};

/** Find all network cards (class 02). @return how many, at most PCI_DEVICES_MAX */
size_t pci_scan(const struct sysroot *r, struct pci_device list[PCI_DEVICES_MAX]);

/** Drivers that DPDK uses a card through. */
bool pci_is_userspace_driver(const char *driver);
/** Cards whose kernel driver would have to stay while DPDK uses them (Mellanox/NVIDIA,
 * "bifurcated"): not supported yet. */
bool pci_is_bifurcated(const char *driver);

/** "01:00.0" or "0000:01:00.0" in full. @return false when it is no PCI address */
bool pci_full_address(const char *text, char out[PCI_NAME_MAX]);

/**
 * Give a card to another driver and see that it took it.
 * @param driver  "" for whichever kernel driver wants it, which may be none
 * @param[out] error  of DOCTOR_TEXT_MAX octets: what failed, and what would help; set on failure
 * @return 0 or negative errno; on failure the card is given back to the driver it had, if possible
 */
int pci_bind(const struct sysroot *r, const struct pci_device *d, const char *driver, char *error,
	size_t room) __attribute__((warn_unused_result));
