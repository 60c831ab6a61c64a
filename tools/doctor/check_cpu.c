/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_cpu: the CPUs that workers poll on: instructions, clock rate, sleep, neighbours. Where none
 * are configured, all of the machine's are looked at. */
#include "tools/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

#define WAKE_US_MAX                                                                   \
	50 /* a worker that slept shall answer again within (OPERATORS.md, section 4) \
	    */
#define CPULIST_MAX 512u

static void
present_cpus(const struct doctor *d, struct sys_cpus *out)
{
	char text[SYS_TEXT_MAX];

	if (!sys_text(&d->root, text, "/sys/devices/system/cpu/online"))
		text[0] = '\0';
	sys_parse_cpus(text, out);
}

/* The workers' CPUs; without a configuration of them all. */
static void
polled_cpus(const struct doctor *d, struct sys_cpus *out)
{
	static const struct sys_cpus none;

	if (memcmp(&d->workers, &none, sizeof none) != 0)
		*out = d->workers;
	else
		present_cpus(d, out);
}

void
check_cpu(struct doctor *d)
{
	char path[SYS_TEXT_MAX], line[8192];
	struct sys_cpus present;
	bool sse42 = false;
	FILE *f;

	snprintf(path, sizeof path, "%s/proc/cpuinfo", d->root.prefix);
	f = fopen(path, "re");
	if (f == NULL) {
		doctor_say(d, DOCTOR_INFO, "", "/proc/cpuinfo cannot be read");
		return;
	}
	while (!sse42 && fgets(line, sizeof line, f) != NULL)
		sse42 = strncmp(line, "flags", 5) == 0 && strstr(line, " sse4_2") != NULL;
	fclose(f);
#if defined(__x86_64__)
	if (!sse42)
		doctor_say(d, DOCTOR_BAD, "lscpu",
			"the CPU has no SSE4.2, which Debian's DPDK is built for; in a virtual "
			"machine choose the host's CPU model");
	else
		doctor_say(d, DOCTOR_OK, "", "the CPU has what DPDK needs (SSE4.2)");
#endif
	present_cpus(d, &present);
	for (unsigned i = 0; d->config != NULL && i < d->config->dataplane.cores_count; i++) {
		unsigned cpu = d->config->dataplane.cores[i];
		char mend[DOCTOR_TEXT_MAX] = "lscpu --extended";
		bool off = sys_exists(&d->root, "/sys/devices/system/cpu/cpu%u/online", cpu);
		if (off)
			snprintf(mend, sizeof mend, "echo 1 > /sys/devices/system/cpu/cpu%u/online",
				cpu);
		if (!sys_has_cpu(&present, cpu))
			doctor_say(d, DOCTOR_BAD, mend, "dataplane.cores names CPU %u, which is %s",
				cpu, off ? "not online" : "not there");
	}
}

void
check_governor(struct doctor *d)
{
	struct sys_cpus cpus, slow = {0};
	char governor[SYS_TEXT_MAX], list[CPULIST_MAX];
	bool some = false, any = false;

	polled_cpus(d, &cpus);
	for (unsigned cpu = 0; cpu < SYS_CPUS_MAX; cpu++) {
		if (!sys_has_cpu(&cpus, cpu) ||
			!sys_text(&d->root, governor,
				"/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu))
			continue;
		any = true;
		if (strcmp(governor, "performance") == 0)
			continue;
		some = true;
		sys_add_cpu(&slow, cpu);
	}
	if (!any) {
		doctor_say(d, DOCTOR_OK, "",
			"the clock rate is not the kernel's to choose here (a virtual machine, or "
			"the "
			"firmware does)");
	} else if (!some) {
		doctor_say(d, DOCTOR_OK, "", "performance on all CPUs that are polled");
	} else {
		char mend[DOCTOR_TEXT_MAX];
		sys_format_cpus(&slow, list, sizeof list);
		snprintf(
			mend, sizeof mend, "cpupower -c %.400s frequency-set -g performance", list);
		doctor_say(d, DOCTOR_SLOW, mend,
			"CPU %.300s may lower their clock rate under a worker that polls", list);
	}
}

void
check_idle_states(struct doctor *d)
{
	struct sys_cpus cpus, deep = {0};
	char list[CPULIST_MAX], mend[DOCTOR_TEXT_MAX];
	int64_t worst = 0;

	polled_cpus(d, &cpus);
	for (unsigned cpu = 0; cpu < SYS_CPUS_MAX; cpu++) {
		for (unsigned s = 0; sys_has_cpu(&cpus, cpu) && s < 16; s++) {
			int64_t us, off = 0;
			if (!sys_number(&d->root, &us,
				    "/sys/devices/system/cpu/cpu%u/cpuidle/state%u/latency", cpu,
				    s))
				break;
			(void)sys_number(&d->root, &off,
				"/sys/devices/system/cpu/cpu%u/cpuidle/state%u/disable", cpu, s);
			if (off != 0 || us <= WAKE_US_MAX)
				continue;
			sys_add_cpu(&deep, cpu);
			if (us > worst)
				worst = us;
		}
	}
	if (worst == 0) {
		doctor_say(d, DOCTOR_OK, "", "no sleep state takes longer than %d us to leave",
			WAKE_US_MAX);
		return;
	}
	sys_format_cpus(&deep, list, sizeof list);
	snprintf(mend, sizeof mend, "cpupower -c %.400s idle-set -D %d", list, WAKE_US_MAX);
	doctor_say(d, DOCTOR_SLOW, mend,
		"CPU %.300s may sleep so deeply that waking takes %lld us: the first queries after "
		"a "
		"pause wait",
		list, (long long)worst);
}

void
check_isolation(struct doctor *d)
{
	struct sys_cpus isolated, shared = {0};
	char text[SYS_TEXT_MAX], list[CPULIST_MAX], mend[DOCTOR_TEXT_MAX];
	bool some = false;

	if (d->config == NULL || d->config->dataplane.cores_count == 0) {
		doctor_say(d, DOCTOR_INFO, "",
			"no dataplane.cores are configured: workers share CPUs with everything "
			"else");
		return;
	}
	if (!sys_text(&d->root, text, "/sys/devices/system/cpu/isolated"))
		text[0] = '\0';
	sys_parse_cpus(text, &isolated);
	for (unsigned cpu = 0; cpu < SYS_CPUS_MAX; cpu++) {
		if (!sys_has_cpu(&d->workers, cpu) || sys_has_cpu(&isolated, cpu))
			continue;
		some = true;
		sys_add_cpu(&shared, cpu);
	}
	if (!some) {
		doctor_say(d, DOCTOR_OK, "", "all of dataplane.cores are isolated");
		return;
	}
	sys_format_cpus(&d->workers, list, sizeof list);
	snprintf(mend, sizeof mend,
		"boot with isolcpus=%.120s nohz_full=%.120s rcu_nocbs=%.120s (GRUB_CMDLINE_LINUX "
		"in "
		"/etc/default/grub, then update-grub)",
		list, list, list);
	sys_format_cpus(&shared, list, sizeof list);
	doctor_say(d, DOCTOR_SLOW, mend,
		"CPU %.300s: the scheduler may put other work there, which delays answers by "
		"milliseconds",
		list);
}

void
check_siblings(struct doctor *d)
{
	struct sys_cpus told = {0};
	bool some = false;

	for (unsigned cpu = 0; cpu < SYS_CPUS_MAX; cpu++) {
		char text[SYS_TEXT_MAX], list[CPULIST_MAX];
		struct sys_cpus siblings, both = {0};
		unsigned n = 0;

		if (!sys_has_cpu(&d->workers, cpu) || sys_has_cpu(&told, cpu) ||
			!sys_text(&d->root, text,
				"/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu))
			continue;
		sys_parse_cpus(text, &siblings);
		for (unsigned other = 0; other < SYS_CPUS_MAX; other++) {
			if (!sys_has_cpu(&siblings, other) || !sys_has_cpu(&d->workers, other))
				continue;
			sys_add_cpu(&both, other);
			sys_add_cpu(&told, other);
			n++;
		}
		if (n < 2)
			continue;
		some = true;
		sys_format_cpus(&both, list, sizeof list);
		doctor_say(d, DOCTOR_SLOW, "lscpu --extended=CPU,CORE,NODE",
			"CPU %.300s are threads of one core and share its units and caches: two "
			"workers "
			"there do the work of about 1.3; take CPUs of different cores for "
			"dataplane.cores",
			list);
	}
	if (!some && d->config != NULL && d->config->dataplane.cores_count != 0)
		doctor_say(d, DOCTOR_OK, "", "each worker has a core of its own");
}

void
check_clock(struct doctor *d)
{
	char text[SYS_TEXT_MAX], available[SYS_TEXT_MAX];

	if (!sys_text(&d->root, text,
		    "/sys/devices/system/clocksource/clocksource0/current_clocksource")) {
		doctor_say(d, DOCTOR_INFO, "", "the kernel does not name its clock source");
		return;
	}
	if (strcmp(text, "tsc") == 0 || strcmp(text, "kvm-clock") == 0 ||
		strcmp(text, "arch_sys_counter") == 0 || strncmp(text, "hyperv", 6) == 0) {
		doctor_say(d, DOCTOR_OK, "", "%.100s: reading it takes no system call", text);
		return;
	}
	if (!sys_text(&d->root, available,
		    "/sys/devices/system/clocksource/clocksource0/available_clocksource"))
		available[0] = '\0';
	doctor_say(d, DOCTOR_SLOW,
		strstr(available, "tsc") != NULL
			? "echo tsc > "
			  "/sys/devices/system/clocksource/clocksource0/current_clocksource"
			: "dmesg | grep -i tsc",
		"%.100s: each look at the clock is a slow system call%s", text,
		strstr(available, "tsc") != NULL
			? ""
			: "; the kernel found the TSC unreliable, and says why");
}
