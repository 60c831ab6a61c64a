/* SPDX-License-Identifier: GPL-3.0-or-later */
/* eal: the argument list for rte_eal_init(), and DPDK's log in our form. Main thread. */
#include "dataplane/eal.h"

#include "config/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 128
#define MEMORY_BASE_MIB 64u  /* without huge pages EAL wants to know the sum in advance */
#define MEMORY_QUEUE_MIB 32u /* 12 K packet buffers of 2.5 KiB: more than any queue here holds */
#define HELD_OCTETS 4096u    /* of DPDK's messages about one device */
#define QUEUES_GUESS 16u     /* a port may get more queues than there are workers (AF_XDP) */

struct arguments {
	int n;
	char *v[ARGUMENTS_MAX + 1];
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void
add(struct arguments *a, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (a->n == ARGUMENTS_MAX || vasprintf(&text, format, args) < 0)
		a->failed = true;
	else
		a->v[a->n++] = text;
	va_end(args);
}

static void
free_arguments(struct arguments *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->v[i]);
}

/* "0000:01:00.0,..." or "01:00.0": a PCI address is what begins with hex digits and a colon. */
bool
eal_is_pci(const char *device)
{
	return device[strspn(device, "0123456789abcdefABCDEF")] == ':';
}

static bool
has_argument(const struct config *c, const char *name)
{
	size_t len = strlen(name);
	for (unsigned i = 0; i < c->dataplane.eal_count; i++) {
		const char *e = c->dataplane.eal[i];
		if (strncmp(e, name, len) == 0 && (e[len] == 0 || e[len] == '='))
			return true;
	}
	return false;
}

/* The main lcore is this thread, and floats over the CPUs that it may use already: workers have
 * threads of their own. */
static void
add_lcores(struct arguments *a)
{
	char list[4096] = "";
	cpu_set_t cpus;
	size_t at = 0;

	if (sched_getaffinity(0, sizeof cpus, &cpus) < 0)
		return;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && at < sizeof list - 8; cpu++) {
		if (CPU_ISSET(cpu, &cpus))
			at += (size_t)snprintf(
				list + at, sizeof list - at, "%s%u", at ? "," : "", cpu);
	}
	add(a, "--lcores=0@(%s)", list);
}

static void
add_memory(struct arguments *a, const struct config *c)
{
	unsigned mib = MEMORY_BASE_MIB;

	if (c->dataplane.huge_pages) {
		/* in-memory: nothing on hugetlbfs that would outlive a kill; a user's own choice of
		 * files (for dpdk-proc-info and the like) is taken back right after they are mapped
		 */
		if (has_argument(c, "--huge-dir") || has_argument(c, "--file-prefix"))
			add(a, "--huge-unlink=always");
		else
			add(a, "--in-memory");
		return;
	}
	for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
		unsigned queues = c->dataplane.ports[i].queues ? c->dataplane.ports[i].queues
							       : c->dataplane.workers;
		mib += MEMORY_QUEUE_MIB * (queues < QUEUES_GUESS ? QUEUES_GUESS : queues);
	}
	/* EAL refuses in-memory together with no-huge, which leaves no files either */
	add(a, "--no-huge");
	add(a, "--no-shconf");
	if (!has_argument(c, "-m"))
		add(a, "-m%u", mib);
}

static void
add_devices(struct arguments *a, const struct config *c)
{
	bool pci = false;

	/* virtual devices are probed one by one later, which names the one that fails */
	for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
		if (eal_is_pci(c->dataplane.ports[i].device)) {
			add(a, "--allow=%s", c->dataplane.ports[i].device);
			pci = true;
		}
	}
	if (!pci)
		add(a, "--no-pci");
}

/* DPDK's lines while something is being tried: they matter only if it fails. */
static struct {
	pthread_mutex_t lock;
	bool on;
	size_t len;
	char text[HELD_OCTETS];
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

void
eal_log_hold(void)
{
	pthread_mutex_lock(&held.lock);
	held.on = true;
	held.len = 0;
	pthread_mutex_unlock(&held.lock);
}

void
eal_log_release(bool failed)
{
	char *at = held.text, *line;

	pthread_mutex_lock(&held.lock);
	held.on = false;
	held.text[held.len] = 0;
	while ((line = strsep(&at, "\n")) != NULL) {
		if (*line != 0)
			log_write(failed ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "DPDK: %s", line);
	}
	held.len = 0;
	pthread_mutex_unlock(&held.lock);
}

/* Some text of DPDK's log, usually a line. */
static ssize_t
write_log(void *cookie, const char *text, size_t len)
{
	int level = rte_log_cur_msg_loglevel();
	size_t n = len;

	pthread_mutex_lock(&held.lock);
	if (held.on) {
		if (n > sizeof held.text - 1 - held.len)
			n = sizeof held.text - 1 - held.len;
		memcpy(held.text + held.len, text, n);
		held.len += n;
		pthread_mutex_unlock(&held.lock);
		return (ssize_t)len;
	}
	pthread_mutex_unlock(&held.lock);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	/* its errors are not the suite's: what we cannot go on without is logged where we notice */
	if (n > 0)
		log_write(level > 0 && level <= (int)RTE_LOG_ERR ? LOG_LEVEL_WARNING
								 : LOG_LEVEL_DEBUG,
			"DPDK: %.*s", (int)n, text);
	return (ssize_t)len;
}

static void
redirect_log(void)
{
	static const cookie_io_functions_t functions = {.write = write_log};
	FILE *f = fopencookie(NULL, "w", functions);

	if (f == NULL)
		return;
	setvbuf(f, NULL, _IOLBF, 0);
	if (rte_openlog_stream(f) != 0)
		fclose(f);
}

/* rte_eal_init() with its help text for bad arguments kept off our output. */
static int
init_quietly(struct arguments *a)
{
	int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC), err;

	fflush(stdout);
	if (out >= 0 && null >= 0)
		dup2(null, STDOUT_FILENO);
	err = rte_eal_init(a->n, a->v);
	fflush(stdout);
	if (out >= 0 && null >= 0)
		dup2(out, STDOUT_FILENO);
	if (out >= 0)
		close(out);
	if (null >= 0)
		close(null);
	return err < 0 ? (rte_errno ? -rte_errno : -EINVAL) : 0;
}

int
eal_start(const struct config *c)
{
	struct arguments a = {0}, kept;
	int err = 0;

	redirect_log();
	eal_log_hold();
	add(&a, "millrace-dataplane");
	add(&a, "--log-level=warning");
	add(&a, "--no-telemetry");
	if (!has_argument(c, "--lcores") && !has_argument(c, "-l"))
		add_lcores(&a);
	add_memory(&a, c);
	add_devices(&a, c);
	for (unsigned i = 0; i < c->dataplane.eal_count; i++)
		add(&a, "%s", c->dataplane.eal[i]);
	kept = a; /* getopt permutes the list that EAL gets */
	err = a.failed ? -E2BIG : init_quietly(&a);
	eal_log_release(err != 0);
	if (a.failed) {
		log_error("dataplane.eal: too many arguments");
	} else if (err != 0) {
		log_error("DPDK's environment does not start: %s%s", rte_strerror(-err),
			c->dataplane.huge_pages
				? "; reserve huge pages (`echo 512 > /sys/kernel/mm/hugepages/"
				  "hugepages-2048kB/nr_hugepages`), or set dataplane.huge-pages: "
				  "false"
				: "; see the lines above, and dataplane.eal");
	}
	free_arguments(&kept);
	return err;
}

void
eal_stop(void)
{
	(void)rte_eal_cleanup();
}
