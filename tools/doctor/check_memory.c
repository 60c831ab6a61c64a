/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_memory: huge pages, the file systems that hold shared memory, NUMA nodes. */
#include "tools/doctor/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#define PAGE_KIB 2048u
#define EAL_MIB 64u       /* DPDK's own */
#define QUEUE_XDP_MIB 32u /* packet buffers a queue, as docs/ports.md says */
#define QUEUE_MIB 4u
#define NODES_MAX 64u
#define RUN_DIR_FREE_MIB 16u /* hub and rings */

static uint64_t
mib_wanted(const struct config *c)
{
	uint64_t mib = c->dataplane.ports_count != 0 ? EAL_MIB : 0;

	for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
		const struct config_port *p = &c->dataplane.ports[i];
		unsigned queues = p->queues != 0 ? p->queues : c->dataplane.workers;
		mib += (uint64_t)queues *
		       (strncmp(p->device, "net_af_xdp", 10) == 0 ? QUEUE_XDP_MIB : QUEUE_MIB);
	}
	return mib;
}

static bool
needs_huge_pages(const struct config *c)
{
	for (unsigned i = 0; i < c->dataplane.ports_count; i++)
		if (doctor_is_pci(c->dataplane.ports[i].device))
			return true;
	return c->dataplane.huge_pages_set && c->dataplane.huge_pages &&
	       c->dataplane.ports_count != 0;
}

void
check_huge_pages(struct doctor *d)
{
	int64_t total = 0, free_pages = 0;
	uint64_t wanted = d->config != NULL ? mib_wanted(d->config) : 0, have;
	char mend[DOCTOR_TEXT_MAX];

	if (!sys_number(&d->root, &total, "/sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages",
		    PAGE_KIB) ||
		!sys_number(&d->root, &free_pages,
			"/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", PAGE_KIB)) {
		doctor_say(d, DOCTOR_INFO, "", "the kernel has no huge pages of 2 MiB");
		return;
	}
	have = (uint64_t)free_pages * PAGE_KIB / 1024;
	snprintf(mend, sizeof mend,
		"echo %" PRIu64 " > /sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages",
		(uint64_t)(total - free_pages) + (wanted + 1) / 2, PAGE_KIB);
	if (wanted == 0)
		doctor_say(d, DOCTOR_OK, "", "%lld of %lld pages of 2 MiB are free; %s",
			(long long)free_pages, (long long)total,
			d->config != NULL ? "kernel sockets need none" : "cards need some");
	else if (have >= wanted)
		doctor_say(d, DOCTOR_OK, "",
			"%" PRIu64 " MiB free, the ports need about %" PRIu64 " MiB", have, wanted);
	else if (needs_huge_pages(d->config))
		doctor_say(d, DOCTOR_BAD, mend,
			"%" PRIu64 " MiB free, the ports need about %" PRIu64
			" MiB (unless the suite runs already and has them)",
			have, wanted);
	else
		doctor_say(d, DOCTOR_SLOW, mend,
			"%" PRIu64 " MiB free, the ports need about %" PRIu64
			" MiB; without them ordinary memory is used",
			have, wanted);
}

static const char *
file_system_name(long type)
{
	return type == TMPFS_MAGIC       ? "tmpfs"
	       : type == HUGETLBFS_MAGIC ? "hugetlbfs"
					 : "a disk's file system";
}

/* File system of a path, or of the nearest folder above it that exists. */
static bool
stat_above(const char *path, struct statfs *out)
{
	char copy[SYS_TEXT_MAX], *slash;

	snprintf(copy, sizeof copy, "%s", path);
	while (statfs(copy, out) < 0) {
		slash = strrchr(copy, '/');
		if (errno != ENOENT || slash == NULL)
			return false;
		if (slash == copy)
			return statfs("/", out) == 0;
		*slash = '\0';
	}
	return true;
}

void
check_shared_memory(struct doctor *d)
{
	char *arena, mend[DOCTOR_TEXT_MAX];
	struct statfs fs;
	uint64_t free_mib;

	if (d->config == NULL || !d->here) {
		doctor_say(d, DOCTOR_INFO, "", "%s",
			d->here ? "no configuration given" : "needs the machine itself");
		return;
	}
	if (!stat_above(d->config->run_dir, &fs)) {
		int err = errno;
		snprintf(mend, sizeof mend, "namei -l %.300s", d->config->run_dir);
		doctor_say(
			d, DOCTOR_BAD, mend, "run-dir %s: %s", d->config->run_dir, strerror(err));
	} else {
		free_mib = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >> 20;
		snprintf(mend, sizeof mend, "mkdir -p %.200s && mount -t tmpfs millrace %.200s",
			d->config->run_dir, d->config->run_dir);
		if (fs.f_type != TMPFS_MAGIC)
			doctor_say(d, DOCTOR_SLOW, mend,
				"run-dir %s lies on %s: shared memory there is written to it all "
				"the time; "
				"set run-dir to a folder on tmpfs, such as /run/millrace, or mount "
				"one there",
				d->config->run_dir, file_system_name(fs.f_type));
		else if (free_mib < RUN_DIR_FREE_MIB) {
			snprintf(mend, sizeof mend,
				"mount -o remount,size=50%% \"$(findmnt -no TARGET -T %.300s)\"",
				d->config->run_dir);
			doctor_say(d, DOCTOR_BAD, mend,
				"run-dir %s has %" PRIu64 " MiB free; hub and rings "
				"need %u MiB, zones come on top",
				d->config->run_dir, free_mib, RUN_DIR_FREE_MIB);
		} else
			doctor_say(d, DOCTOR_OK, "", "run-dir %s is on tmpfs, %" PRIu64 " MiB free",
				d->config->run_dir, free_mib);
	}
	arena = config_arena_path(d->config);
	if (arena == NULL || d->config->arena.path == NULL || !stat_above(arena, &fs)) {
		free(arena);
		return;
	}
	if (fs.f_type == HUGETLBFS_MAGIC || fs.f_type == TMPFS_MAGIC)
		doctor_say(d, DOCTOR_OK, "", "the arena %s is on %s", arena,
			file_system_name(fs.f_type));
	else
		doctor_say(d, DOCTOR_SLOW,
			"mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages",
			"the arena %s lies on %s", arena, file_system_name(fs.f_type));
	free(arena);
}

void
check_swap(struct doctor *d)
{
	char text[SYS_TEXT_MAX];
	const char *line;

	if (!sys_text(&d->root, text, "/proc/swaps")) {
		doctor_say(d, DOCTOR_INFO, "", "/proc/swaps cannot be read");
		return;
	}
	line = strchr(text, '\n'); /* behind the titles */
	if (line == NULL || line[1] == '\0')
		doctor_say(d, DOCTOR_OK, "", "no swap: what is served stays in memory");
	else if (d->config != NULL && d->config->arena.path != NULL)
		doctor_say(d, DOCTOR_INFO, "",
			"there is swap; an arena on hugetlbfs is never swapped out, one on tmpfs "
			"may be");
	else
		doctor_say(d, DOCTOR_SLOW, "swapoff -a",
			"zones on tmpfs may be swapped out when memory is short, and a worker then "
			"waits for the disk; turn swap off, or put arena.path on hugetlbfs");
}

/* Nodes of the machine's CPUs. @return how many nodes there are */
static unsigned
read_nodes(const struct doctor *d, struct sys_cpus node[NODES_MAX])
{
	char text[SYS_TEXT_MAX];
	unsigned n = 0;

	while (n < NODES_MAX &&
		sys_text(&d->root, text, "/sys/devices/system/node/node%u/cpulist", n))
		sys_parse_cpus(text, &node[n++]);
	return n;
}

static void
check_port_node(struct doctor *d, const struct pci_device *card, const struct sys_cpus *node,
	unsigned n_nodes)
{
	struct sys_cpus far = {0};
	char list[256], near[256], mend[DOCTOR_TEXT_MAX];
	bool some = false;

	if (card->numa_node < 0 || (unsigned)card->numa_node >= n_nodes)
		return;
	for (unsigned cpu = 0; cpu < SYS_CPUS_MAX; cpu++) {
		if (!sys_has_cpu(&d->workers, cpu) || sys_has_cpu(&node[card->numa_node], cpu))
			continue;
		some = true;
		sys_add_cpu(&far, cpu);
	}
	if (!some)
		return;
	sys_format_cpus(&far, list, sizeof list);
	sys_format_cpus(&node[card->numa_node], near, sizeof near);
	snprintf(mend, sizeof mend, "take dataplane.cores from %.200s", near);
	doctor_say(d, DOCTOR_SLOW, mend,
		"card %s is on node %d, the workers on CPU %.200s are not: each packet crosses the "
		"sockets",
		card->address, card->numa_node, list);
}

void
check_numa(struct doctor *d)
{
	struct sys_cpus node[NODES_MAX];
	unsigned n = read_nodes(d, node);
	size_t before = d->n_findings;

	if (n <= 1) {
		doctor_say(d, DOCTOR_OK, "", "one node");
		return;
	}
	if (d->config == NULL || d->config->dataplane.cores_count == 0) {
		doctor_say(d, DOCTOR_SLOW, "millracectl port list; lscpu --extended=CPU,NODE",
			"%u nodes and no dataplane.cores: workers may run far from their card; "
			"take "
			"CPUs of its node",
			n);
		return;
	}
	for (unsigned i = 0; i < d->config->dataplane.ports_count; i++) {
		const struct pci_device *card =
			doctor_find_pci(d, d->config->dataplane.ports[i].device);
		if (card != NULL)
			check_port_node(d, card, node, n);
	}
	for (unsigned k = 0; k < n; k++) {
		int64_t free_pages;
		bool used = false;
		for (unsigned cpu = 0; cpu < SYS_CPUS_MAX && !used; cpu++)
			used = sys_has_cpu(&d->workers, cpu) && sys_has_cpu(&node[k], cpu);
		if (!used || !needs_huge_pages(d->config) ||
			!sys_number(&d->root, &free_pages,
				"/sys/devices/system/node/node%u/hugepages/hugepages-%ukB/"
				"free_hugepages",
				k, PAGE_KIB) ||
			free_pages != 0)
			continue;
		char mend[DOCTOR_TEXT_MAX];
		snprintf(mend, sizeof mend,
			"echo %" PRIu64
			" > /sys/devices/system/node/node%u/hugepages/hugepages-%ukB/nr_hugepages",
			(mib_wanted(d->config) + 1) / 2, k, PAGE_KIB);
		doctor_say(d, DOCTOR_SLOW, mend,
			"node %u has workers but no free huge pages: their packets would lie on "
			"another node",
			k);
	}
	if (d->n_findings == before)
		doctor_say(d, DOCTOR_OK, "", "%u nodes; workers, cards and memory are together", n);
}
