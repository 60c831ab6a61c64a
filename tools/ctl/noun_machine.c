/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_machine: the verbs of the suite as a whole, of its configuration, and of the machine. */
#include "tools/ctl/verbs.h"

static const struct ctl_verb status_verbs[] = {
	{NULL, "", 0, 0, 0, NULL, ctl_status, "What runs, what is served, how full the arena is."},
};
const struct ctl_noun ctl_noun_status = CTL_NOUN("status", "The suite.", status_verbs);

static const struct ctl_option stats_options[] = {
	{"watch", "SECONDS", "again and again (default: each second)", .optional = true},
	{"count", "N", "with --watch: end after N times"},
	{"all", NULL, "counters that are 0 too"},
	{NULL},
};
static const struct ctl_verb stats_verbs[] = {
	{NULL, "", 0, 1, 0, stats_options, ctl_stats,
		"Counters of the workers; with --watch rates as well.",
		.example = "millracectl stats --watch\n"
			   "millracectl stats --watch 5 --count 12 --json\n"},
};
const struct ctl_noun ctl_noun_stats = CTL_NOUN("stats", "Counters.", stats_verbs);

static const struct ctl_option reload_options[] = {
	{"partial", NULL, "take over what needs no restart, even if other keys do"},
	{"wait", NULL, "wait for the outcome (the default)"},
	{"no-wait", NULL, "return before it is done"},
	{NULL},
};
static const struct ctl_verb config_verbs[] = {
	{"check", "FILE", 1, 1, CTL_OFFLINE, NULL, ctl_config_check,
		"Check a configuration file. Needs no server.",
		.example = "millracectl config check /etc/millrace/millrace.yaml\n"},
	{"show", "", 0, 0, 0, NULL, ctl_config_show,
		"The configuration that holds, defaults included; secrets are hidden."},
	{"diff", "", 0, 0, 0, NULL, ctl_config_diff,
		"What the file would change, and what needs a restart for it."},
	{"reload", "", 0, 0, 0, reload_options, ctl_config_reload,
		"Take over the configuration file as a whole. Exit status 1 when it is refused."},
};
const struct ctl_noun ctl_noun_config =
	CTL_NOUN("config", "The configuration: the file's, and the one that holds.", config_verbs);

static const struct ctl_option capture_options[] = {
	{"write", "FILE", "where packets go; - is standard output", .letter = 'w'},
	{"filter", "EXPR", "only packets that tcpdump would show for EXPR"},
	{"sample", "N", "one query in N, with what became of it"},
	{"count", "N", "end after N packets"},
	{"duration", "SECONDS", "end after this time"},
	{"snaplen", "OCTETS", "of a packet, at most"},
	{"drops-only", NULL, "only packets that were dropped"},
	{NULL},
};
static const struct ctl_verb capture_verbs[] = {
	{NULL, "", 0, 0, 0, capture_options, ctl_capture,
		"Packets that the workers receive, send and drop, as a pcapng file, until Ctrl-C.",
		.example = "millracectl capture -w packets.pcapng --filter 'host 192.0.2.7'\n"
			   "millracectl capture -w - --sample 1000 | tshark -r -\n"},
};
const struct ctl_noun ctl_noun_capture = CTL_NOUN("capture", "Packets.", capture_verbs);

static const struct ctl_option root_option[] = {
	{"root", "DIR", "look at the /sys and /proc of another machine, copied to DIR"},
	{NULL},
};
static const struct ctl_verb doctor_verbs[] = {
	{NULL, "", 0, 0, CTL_OFFLINE, root_option, ctl_doctor,
		"What keeps this machine from running the suite, or from running it fast, and what "
		"mends it. Needs no server. Exit status 1 when something will not work."},
};
const struct ctl_noun ctl_noun_doctor = CTL_NOUN("doctor", "This machine.", doctor_verbs);

static const struct ctl_option bind_options[] = {
	{"driver", "NAME", "default: vfio-pci"},
	{"force", NULL, "said twice, also the card with the default route"},
	{"root", "DIR", "look at the /sys and /proc of another machine, copied to DIR"},
	{NULL},
};
static const struct ctl_verb port_verbs[] = {
	{"list", "", 0, 0, CTL_OFFLINE, root_option, ctl_port_list,
		"PCI network cards, and which driver has them. Needs no server."},
	{"bind", "CARD", 1, 1, CTL_OFFLINE, bind_options, ctl_port_bind,
		"Take a card (address or interface) from the kernel for DPDK. One with the default "
		"route only with --force twice. Needs root, and no server.",
		.example = "millracectl port bind 0000:01:00.0\n"},
	{"unbind", "CARD", 1, 1, CTL_OFFLINE, root_option, ctl_port_unbind,
		"Give a card back to the kernel driver that it had. Needs root, and no server."},
};
const struct ctl_noun ctl_noun_port =
	CTL_NOUN("port", "Network cards, and the drivers that have them.", port_verbs);
