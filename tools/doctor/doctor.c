/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor: the list of checks, and what they share. */
#include "tools/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct doctor_check check_table[] = {
	{"kernel", "version, and what AF_XDP needs of it", check_kernel},
	{"limits", "locked memory, open files", check_limits},
	{"capabilities", "what the configured ports need", check_capabilities},
	{"user", "the user that the processes become", check_user},
	{"listen", "other programs on the configured addresses", check_listen},
	{"conntrack", "connection tracking of queries", check_conntrack},
	{"huge-pages", "reserved and free, for packet buffers and zones", check_huge_pages},
	{"shared-memory", "where the run directory and the arena lie", check_shared_memory},
	{"swap", "zones that may be swapped out", check_swap},
	{"numa", "workers, cards and memory on one node", check_numa},
	{"cpu", "instructions that DPDK needs", check_cpu},
	{"governor", "clock rate of the workers' CPUs", check_governor},
	{"c-states", "sleep states of the workers' CPUs", check_idle_states},
	{"isolated", "other work on the workers' CPUs", check_isolation},
	{"siblings", "two workers on one core", check_siblings},
	{"clock", "the kernel's clock source", check_clock},
	{"iommu", "for cards on vfio-pci", check_iommu},
	{"driver", "who has the configured cards", check_drivers},
	{"pcie", "width and speed of the cards' links", check_pcie},
	{"interface", "rings, queues, MTU, offloads of AF_XDP and AF_PACKET interfaces",
		check_interfaces},
};
#define N_CHECKS (sizeof check_table / sizeof check_table[0])

void
doctor_say(struct doctor *d, enum doctor_level level, const char *mend, const char *format, ...)
{
	struct doctor_finding *f;
	va_list args;

	if (d->n_findings == DOCTOR_FINDINGS_MAX)
		return;
	f = &d->finding[d->n_findings++];
	f->level = level;
	snprintf(f->mend, sizeof f->mend, "%s", mend);
	va_start(args, format);
	vsnprintf(f->text, sizeof f->text, format, args);
	va_end(args);
}

bool
doctor_is_pci(const char *device)
{
	return device[strspn(device, "0123456789abcdefABCDEF")] == ':';
}

bool
doctor_argument(const char *device, const char *key, char *out, size_t room)
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
		memcpy(out, at, len);
		out[len] = '\0';
		return true;
	}
	return false;
}

const struct pci_device *
doctor_find_pci(const struct doctor *d, const char *device)
{
	char address[PCI_NAME_MAX];

	if (!pci_full_address(device, address))
		return NULL;
	for (size_t i = 0; i < d->n_pci; i++)
		if (strcmp(d->pci[i].address, address) == 0)
			return &d->pci[i];
	return NULL;
}

enum doctor_level
doctor_run(struct doctor *d)
{
	enum doctor_level worst = DOCTOR_OK;

	d->here = d->root.prefix[0] == '\0';
	d->n_findings = 0;
	d->n_pci = pci_scan(&d->root, d->pci);
	memset(&d->workers, 0, sizeof d->workers);
	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.cores_count; i++)
		sys_add_cpu(&d->workers, d->config->dataplane.cores[i]);
	for (size_t i = 0; i < N_CHECKS; i++) {
		size_t first = d->n_findings;
		check_table[i].run(d);
		for (size_t k = first; k < d->n_findings; k++) {
			d->finding[k].check = check_table[i].name;
			if (d->finding[k].level > worst)
				worst = d->finding[k].level;
		}
	}
	return worst;
}
