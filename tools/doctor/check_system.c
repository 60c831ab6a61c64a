/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_system: the kernel's version and limits, privileges, the user, connection tracking. */
#include "shm/paths.h"
#include "tools/doctor/doctor.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define KERNEL_XDP_MAJOR 5
#define KERNEL_XDP_MINOR 10
#define MEMLOCK_MIB 64u      /* that AF_XDP and vfio lock at least */
#define FILES_BESIDE 64u     /* descriptors that are no connections */
#define SOCKETS_MAX 1000000u /* lines of /proc/net/udp that are looked at */
#define CAP(x) (1ull << (x))

static bool
uses(const struct doctor *d, const char *driver)
{
	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.ports_count; i++)
		if (strncmp(d->config->dataplane.ports[i].device, driver, strlen(driver)) == 0)
			return true;
	return false;
}

static bool
uses_pci(const struct doctor *d)
{
	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.ports_count; i++)
		if (doctor_is_pci(d->config->dataplane.ports[i].device))
			return true;
	return false;
}

void
check_kernel(struct doctor *d)
{
	char text[SYS_TEXT_MAX];
	int64_t jit;
	int major, minor;

	if (!sys_text(&d->root, text, "/proc/sys/kernel/osrelease") ||
		sscanf(text, "%d.%d", &major, &minor) != 2) {
		doctor_say(d, DOCTOR_INFO, "", "the kernel does not tell its version");
		return;
	}
	if (major < KERNEL_XDP_MAJOR || (major == KERNEL_XDP_MAJOR && minor < KERNEL_XDP_MINOR))
		doctor_say(d, uses(d, "net_af_xdp") ? DOCTOR_BAD : DOCTOR_INFO,
			uses(d, "net_af_xdp") ? "apt install linux-image-amd64" : "",
			"Linux %.60s; AF_XDP ports need %d.%d or later", text, KERNEL_XDP_MAJOR,
			KERNEL_XDP_MINOR);
	else
		doctor_say(d, DOCTOR_OK, "", "Linux %.60s", text);
	if (uses(d, "net_af_xdp") &&
		sys_number(&d->root, &jit, "/proc/sys/net/core/bpf_jit_enable") && jit == 0)
		doctor_say(d, DOCTOR_SLOW, "sysctl -w net.core.bpf_jit_enable=1",
			"the XDP program is interpreted for each packet");
}

/* Soft limit "Max NAME" of a process from its limits file; UINT64_MAX: unlimited. */
static bool
limit_of(const struct doctor *d, const char *pid, const char *name, uint64_t *out)
{
	char text[SYS_TEXT_MAX];
	const char *at;

	if (!sys_text(&d->root, text, "/proc/%s/limits", pid))
		return false;
	at = strstr(text, name);
	if (at == NULL)
		return false;
	at += strlen(name);
	at += strspn(at, " ");
	*out = strncmp(at, "unlimited", 9) == 0 ? UINT64_MAX : strtoull(at, NULL, 10);
	return true;
}

void
check_limits(struct doctor *d)
{
	uint64_t locked, files, wanted;
	size_t before = d->n_findings;
	char mend[DOCTOR_TEXT_MAX];

	if (!d->here) {
		doctor_say(d, DOCTOR_INFO, "", "needs the machine itself");
		return;
	}
	if ((uses(d, "net_af_xdp") || uses_pci(d)) && geteuid() != 0 &&
		limit_of(d, "self", "Max locked memory", &locked) &&
		locked < (uint64_t)MEMLOCK_MIB << 20)
		doctor_say(d, DOCTOR_BAD, "sudo prlimit --pid $$ --memlock=unlimited",
			"%" PRIu64 " KiB of locked memory are allowed, devices need more "
			"(systemd: LimitMEMLOCK=infinity)",
			locked >> 10);
	wanted = (d->config != NULL ? d->config->stream.connections_max : 0) + FILES_BESIDE;
	if (d->config != NULL && geteuid() != 0 && limit_of(d, "self", "Max open files", &files)) {
		struct rlimit l;
		if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max != RLIM_INFINITY &&
			l.rlim_max < wanted) {
			snprintf(mend, sizeof mend, "sudo prlimit --pid $$ --nofile=%" PRIu64,
				wanted);
			doctor_say(d, DOCTOR_SLOW, mend,
				"%" PRIu64
				" open files are allowed: not enough for stream.connections-max %u "
				"(systemd: LimitNOFILE=)",
				(uint64_t)l.rlim_max, d->config->stream.connections_max);
		}
	}
	if (d->n_findings == before)
		doctor_say(d, DOCTOR_OK, "", "%s", geteuid() == 0 ? "root's are enough" : "enough");
}

static const struct {
	unsigned bit;
	const char *name;
} capability_names[] = {
	{CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_NET_RAW, "CAP_NET_RAW"},
	{CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
};

static uint16_t
port_of(const struct sockaddr_storage *sa)
{
	return ntohs(sa->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)sa)->sin6_port
					       : ((const struct sockaddr_in *)sa)->sin_port);
}

/* What the configured ports need of a process that opens them. */
static uint64_t
capabilities_wanted(const struct doctor *d)
{
	uint64_t wanted = 0;

	if (d->config == NULL)
		return 0;
	for (unsigned i = 0; i < d->config->dataplane.listen_count; i++) {
		uint16_t port = port_of(&d->config->dataplane.listen[i].sa);
		int64_t first = 1024;
		(void)sys_number(&d->root, &first, "/proc/sys/net/ipv4/ip_unprivileged_port_start");
		if (port < first)
			wanted |= CAP(CAP_NET_BIND_SERVICE);
	}
	if (uses(d, "net_af_xdp"))
		wanted |= CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW) | CAP(CAP_SYS_ADMIN) |
			  CAP(CAP_DAC_OVERRIDE);
	if (uses(d, "net_af_packet"))
		wanted |= CAP(CAP_NET_RAW);
	if (uses(d, "net_tap"))
		wanted |= CAP(CAP_NET_ADMIN);
	return wanted;
}

/* The units' drop-in that gives what is missing; a low port alone has a setting of the kernel. */
static const char *
capabilities_mend(const struct doctor *d, uint64_t missing)
{
	if (missing == CAP(CAP_NET_BIND_SERVICE))
		return "sysctl -w net.ipv4.ip_unprivileged_port_start=53";
	if (uses(d, "net_af_xdp"))
		return "millrace-host enable af-xdp && systemctl restart millrace-dataplane";
	if (uses(d, "net_af_packet"))
		return "millrace-host enable af-packet && systemctl restart millrace-dataplane";
	return "millrace-host enable tap && systemctl restart millrace-dataplane";
}

void
check_capabilities(struct doctor *d)
{
	uint64_t wanted = capabilities_wanted(d), have = 0, missing;
	char text[SYS_TEXT_MAX], list[256] = "";
	const char *at;
	size_t len = 0;

	if (!d->here) {
		doctor_say(d, DOCTOR_INFO, "", "needs the machine itself");
		return;
	}
	if (sys_text(&d->root, text, "/proc/self/status") && (at = strstr(text, "CapEff:")) != NULL)
		have = strtoull(at + 7, NULL, 16);
	missing = wanted & ~have;
	if (missing == 0) {
		doctor_say(d, DOCTOR_OK, "", "%s",
			wanted == 0 ? "none are needed" : "this user has what the ports need");
		return;
	}
	for (unsigned i = 0; i < sizeof capability_names / sizeof capability_names[0]; i++)
		if (missing & CAP(capability_names[i].bit))
			len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
				len ? ", " : "", capability_names[i].name);
	doctor_say(d, DOCTOR_BAD, capabilities_mend(d, missing),
		"this user lacks %s, which the ports need at the start; or start as root with "
		"`user` set",
		list);
}

void
check_user(struct doctor *d)
{
	char mend[DOCTOR_TEXT_MAX];

	if (d->config == NULL || d->config->user == NULL) {
		if (d->config != NULL && geteuid() == 0)
			doctor_say(d, DOCTOR_SLOW,
				"adduser --system --group --no-create-home millrace",
				"`user` is not set: started by root the processes stay root; set "
				"it "
				"to `millrace`");
		else
			doctor_say(
				d, DOCTOR_OK, "", "the processes stay the user that starts them");
		return;
	}
	if (!d->here) {
		doctor_say(d, DOCTOR_INFO, "", "needs the machine itself");
	} else if (getpwnam(d->config->user) == NULL) {
		snprintf(mend, sizeof mend, "adduser --system --group --no-create-home %s",
			d->config->user);
		doctor_say(d, DOCTOR_BAD, mend, "there is no user %s", d->config->user);
	} else {
		doctor_say(d, DOCTOR_OK, "", "%s exists", d->config->user);
	}
}

/* The configured ports of kernel sockets, each once, as many as there is room for. */
static void
list_ports(const struct doctor *d, char *out, size_t room)
{
	size_t len = (size_t)snprintf(out, room, d->config == NULL ? "53" : "");

	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.listen_count; i++) {
		uint16_t port = port_of(&d->config->dataplane.listen[i].sa);
		bool told = false;
		for (unsigned k = 0; k < i && !told; k++)
			told = port_of(&d->config->dataplane.listen[k].sa) == port;
		if (!told && room - len > sizeof ", 65535")
			len += (size_t)snprintf(out + len, room - len, len ? ", %u" : "%u", port);
	}
}

void
check_conntrack(struct doctor *d)
{
	char mend[DOCTOR_TEXT_MAX], ports[80];
	int64_t n, most;

	if (d->config != NULL && d->config->dataplane.listen_count == 0) {
		doctor_say(
			d, DOCTOR_OK, "", "no kernel sockets are configured: queries pass by it");
		return;
	}
	if (!sys_number(&d->root, &n, "/proc/sys/net/netfilter/nf_conntrack_count") ||
		!sys_number(&d->root, &most, "/proc/sys/net/netfilter/nf_conntrack_max")) {
		doctor_say(d, DOCTOR_OK, "", "off");
		return;
	}
	if (n == 0) {
		doctor_say(d, DOCTOR_OK, "", "loaded, but nothing is tracked");
		return;
	}
	list_ports(d, ports, sizeof ports);
	snprintf(mend, sizeof mend,
		"nft 'add table inet notrack; add chain inet notrack in { type filter hook "
		"prerouting priority raw; }; add chain inet notrack out { type filter hook output "
		"priority raw; }; add rule inet notrack in udp dport { %.80s } notrack; add rule "
		"inet "
		"notrack out udp sport { %.80s } notrack'",
		ports, ports);
	doctor_say(d, n * 4 > most * 3 ? DOCTOR_BAD : DOCTOR_SLOW, mend,
		"on, %lld of %lld entries used: each query over kernel sockets takes one, and when "
		"they are all taken queries are lost",
		(long long)n, (long long)most);
}

/* Is a UDP socket bound to this address (or to all) and port? From /proc/net/udp and udp6. */
static bool
is_taken(const struct doctor *d, const struct sockaddr_storage *sa)
{
	bool ip6 = sa->ss_family == AF_INET6, taken = false;
	char path[SYS_TEXT_MAX], line[512], wanted[40] = "";
	const uint32_t *word;
	unsigned port;
	FILE *f;

	if (ip6) {
		word = ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr32;
		port = ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
		snprintf(wanted, sizeof wanted, "%08X%08X%08X%08X", word[0], word[1], word[2],
			word[3]);
	} else {
		port = ntohs(((const struct sockaddr_in *)sa)->sin_port);
		snprintf(wanted, sizeof wanted, "%08X",
			((const struct sockaddr_in *)sa)->sin_addr.s_addr);
	}
	snprintf(path, sizeof path, "%s/proc/net/udp%s", d->root.prefix, ip6 ? "6" : "");
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	for (unsigned n = 0; n < SOCKETS_MAX && !taken && fgets(line, sizeof line, f) != NULL;
		n++) {
		char local[64];
		unsigned local_port;
		taken = sscanf(line, " %*u: %63[0-9A-F]:%x", local, &local_port) == 2 &&
			local_port == port &&
			(strcmp(local, wanted) == 0 || strspn(local, "0") == strlen(local));
	}
	fclose(f);
	return taken;
}

void
check_listen(struct doctor *d)
{
	char text[64], socket_path[SYS_TEXT_MAX], mend[DOCTOR_TEXT_MAX];
	size_t before = d->n_findings;

	if (d->config == NULL || d->config->dataplane.listen_count == 0) {
		doctor_say(d, DOCTOR_INFO, "", "no kernel sockets are configured");
		return;
	}
	snprintf(socket_path, sizeof socket_path, "%s/" RUN_API, d->config->run_dir);
	if (sys_exists(&d->root, "%s", socket_path)) {
		doctor_say(d, DOCTOR_INFO, "", "%s is there: the suite runs, and has its addresses",
			socket_path);
		return;
	}
	for (unsigned i = 0; i < d->config->dataplane.listen_count; i++) {
		if (!is_taken(d, &d->config->dataplane.listen[i].sa))
			continue;
		config_format_address(&d->config->dataplane.listen[i], text);
		snprintf(mend, sizeof mend, "ss -lunp 'sport = :%u'",
			port_of(&d->config->dataplane.listen[i].sa));
		doctor_say(d, DOCTOR_BAD, mend,
			"another program has a UDP socket on %s; on port 53 it is often "
			"systemd-resolved "
			"(DNSStubListener=no in /etc/systemd/resolved.conf)",
			text);
	}
	if (d->n_findings == before)
		doctor_say(d, DOCTOR_OK, "", "the configured addresses are free");
}
