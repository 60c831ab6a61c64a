/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor: looks at the machine and says, a line each, what keeps Millrace from running or from
 * running fast, with the command that mends it. Changes nothing. One thread. */
#pragma once
#include "config/config.h"
#include "tools/doctor/pci.h"
#include "tools/doctor/sysroot.h"

#include <stdbool.h>
#include <stddef.h>

#define DOCTOR_FINDINGS_MAX 256u
#define DOCTOR_TEXT_MAX 512u

enum doctor_level {
	DOCTOR_OK,   /* looked at, nothing to do */
	DOCTOR_INFO, /* does not apply, or could not be looked at: the text says why */
	DOCTOR_SLOW, /* runs, but slower or less evenly than this machine could */
	DOCTOR_BAD,  /* will not start, or will lose queries */
};

struct doctor_finding {
	enum doctor_level level;
	const char *check; /* name of the check */
	char text[DOCTOR_TEXT_MAX];
	char mend[DOCTOR_TEXT_MAX]; /* command, or ""; ready to be pasted */
};

struct doctor {
	struct sysroot root;
	const struct config *config; /* NULL: for no configuration in particular */
	bool here;                   /* root is this machine: system calls tell the same story */
	struct pci_device pci[PCI_DEVICES_MAX];
	size_t n_pci;
	struct sys_cpus workers; /* CPUs that workers are pinned to, as configured */
	size_t n_findings;
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
};

/** One check; the table in doctor.c is the list of all. */
struct doctor_check {
	const char *name, *help;
	void (*run)(struct doctor *d);
};

/**
 * Run all checks.
 * @param d  root and config are set; the rest is filled in. Large: not for the stack
 * @return the worst level
 */
enum doctor_level doctor_run(struct doctor *d);

/** Add a finding of the check that runs. Those behind DOCTOR_FINDINGS_MAX are lost. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *mend, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/** Device kinds of a configured port, by its device arguments. */
bool doctor_is_pci(const char *device);
/** Value of ",key=value" in device arguments into out. @return false when it is not there */
bool doctor_argument(const char *device, const char *key, char *out, size_t room);
/** The PCI device of that address ("0000:01:00.0" or "01:00.0"), or NULL. */
const struct pci_device *doctor_find_pci(const struct doctor *d, const char *device);

/* checks, by file */
void check_kernel(struct doctor *d);
void check_limits(struct doctor *d);
void check_capabilities(struct doctor *d);
void check_user(struct doctor *d);
void check_conntrack(struct doctor *d);
void check_listen(struct doctor *d);
void check_huge_pages(struct doctor *d);
void check_shared_memory(struct doctor *d);
void check_swap(struct doctor *d);
void check_numa(struct doctor *d);
void check_cpu(struct doctor *d);
void check_governor(struct doctor *d);
void check_idle_states(struct doctor *d);
void check_isolation(struct doctor *d);
void check_siblings(struct doctor *d);
void check_clock(struct doctor *d);
void check_iommu(struct doctor *d);
void check_drivers(struct doctor *d);
void check_pcie(struct doctor *d);
void check_interfaces(struct doctor *d);
