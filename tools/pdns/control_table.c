/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/control_table: the verbs of pdns_control. */
#include "tools/pdns/control.h"

#include <limits.h>

#define MANY INT_MAX
#define ALONE(id, word, args, min, max, run, text)                             \
	static const struct ctl_verb id##_verb[] = {                           \
		{NULL, args, min, max, 0, NULL, run, text, NULL, NULL, word}}; \
	static const struct ctl_noun id##_noun = CTL_NOUN(word, text, id##_verb)

static int
no_restart(const struct ctl *c)
{
	(void)c;
	ctl_complain("processes are the service manager's: systemctl restart millrace.target");
	return CTL_FAILURE;
}

static int
no_add(const struct ctl *c)
{
	(void)c;
	ctl_complain(
		"a zone file is added in zones.list or zones.directory of the configuration; then "
		"rediscover");
	return CTL_FAILURE;
}

static int
no_setting(const struct ctl *c)
{
	(void)c;
	printf("This setting cannot be changed at runtime, or no such setting\n");
	return CTL_FAILURE;
}

static const struct ctl_verb help_verb[] = {
	{NULL, "[VERB]", 0, 1, CTL_OFFLINE, NULL, ctl_help, "The same as --help."}};
static const struct ctl_noun help_noun = CTL_NOUN("help", "Help.", help_verb);

ALONE(add, "bind-add-zone", "ZONE FILE", 0, MANY, no_add,
	"Not here: zone files are named in the configuration.");
ALONE(status_ext, "bind-domain-extended-status", "[ZONE...]", 0, MANY, control_bind_extended_status,
	"Zones and how their files are.");
ALONE(bind_status, "bind-domain-status", "[ZONE...]", 0, MANY, control_bind_status,
	"The same, a line each.");
ALONE(rejects, "bind-list-rejects", "", 0, 0, control_bind_rejects, "Zones whose file is refused.");
ALONE(bind_reload, "bind-reload-now", "ZONE...", 1, MANY, control_bind_reload,
	"Load zones' files anew.");
ALONE(ccounts, "ccounts", "", 0, 0, control_ccounts, "How full caches are.");
ALONE(current, "current-config", "[diff]", 0, 1, control_current_config,
	"The configuration, by PowerDNS's names.");
ALONE(cycle, "cycle", "", 0, 0, no_restart, "Not here: systemd restarts processes.");
ALONE(flush, "flush", "", 0, 0, control_purge, "Empty the caches.");
ALONE(list, "list", "", 0, 0, control_list, "All statistics.");
ALONE(list_zones, "list-zones", "[KIND]", 0, 1, control_list_zones, "Zones, and how many.");
ALONE(notify, "notify", "ZONE", 1, 1, control_notify,
	"Tell the secondaries of a zone, or of all (*), that it changed.");
ALONE(notify_host, "notify-host", "ZONE ADDRESS", 2, 2, pdns_no_notify_host,
	"Not here: metadata ALSO-NOTIFY and notify.");
ALONE(ping, "ping", "", 0, 0, control_ping, "PONG, if there is an answer.");
ALONE(rping, "rping", "", 0, 0, control_ping, "The same.");
ALONE(purge, "purge", "[NAME...]", 0, MANY, control_purge,
	"Forget what is cached: all, a name, or all below one (NAME$).");
ALONE(qtypes, "qtypes", "", 0, 0, control_qtypes, "Queries by type.");
ALONE(quit, "quit", "", 0, 0, no_restart, "Not here: systemd stops processes.");
ALONE(stop, "stop", "", 0, 0, no_restart, "Not here: systemd stops processes.");
ALONE(rediscover, "rediscover", "", 0, 0, control_reload, "Look for new zones.");
ALONE(reload, "reload", "", 0, 0, control_reload, "Load what changed.");
ALONE(remotes, "remotes", "", 0, 0, control_remotes, "The most active clients; not kept here.");
ALONE(respsizes, "respsizes", "", 0, 0, control_respsizes, "Responses by size.");
ALONE(retrieve, "retrieve", "ZONE [ADDRESS]", 1, 2, control_retrieve,
	"Get a secondary zone from its primary.");
ALONE(set, "set", "VARIABLE VALUE", 2, 2, no_setting, "Not here: millracectl config reload.");
ALONE(show, "show", "STATISTIC", 1, 1, control_show, "One statistic, or all that begin so (udp*).");
ALONE(status, "status", "", 0, 0, control_status, "What runs.");
ALONE(token, "token-login", "MODULE SLOT PIN", 0, 3, pdns_no_dnssec,
	"Not here: this server does not sign zones.");
ALONE(uptime, "uptime", "", 0, 0, control_uptime, "How long it runs.");
ALONE(version, "version", "", 0, 0, control_version, "Its version.");
ALONE(xfr_queue, "xfr-queue", "", 0, 0, control_xfr_queue,
	"Zones that wait to be retrieved, and from where.");
ALONE(mrtg, "mrtg", "STATISTIC [STATISTIC]", 1, 2, control_mrtg, "Two statistics for MRTG.");
ALONE(cricket, "cricket", "STATISTIC [STATISTIC]", 1, 2, control_mrtg, "The same for Cricket.");
ALONE(rrd, "rrd", "STATISTIC...", 1, MANY, control_rrd, "Statistics for `rrdtool update`.");

static const struct ctl_noun *const nouns[] = {&add_noun, &status_ext_noun, &bind_status_noun,
	&rejects_noun, &bind_reload_noun, &ccounts_noun, &current_noun, &cycle_noun, &flush_noun,
	&list_noun, &list_zones_noun, &notify_noun, &notify_host_noun, &ping_noun, &rping_noun,
	&purge_noun, &qtypes_noun, &quit_noun, &stop_noun, &rediscover_noun, &reload_noun,
	&remotes_noun, &respsizes_noun, &retrieve_noun, &set_noun, &show_noun, &status_noun,
	&token_noun, &uptime_noun, &version_noun, &xfr_queue_noun, &mrtg_noun, &cricket_noun,
	&rrd_noun, &help_noun};

static const struct ctl_option options[] = {
	{"config-dir", "DIR",
		"as PowerDNS has it; ignored: the control plane has the configuration"},
	{"config-name", "NAME", "as PowerDNS has it; ignored"},
	{"socket-dir", "DIR", "the run directory, if it is one of Millrace's; else ignored"},
	{"chroot", "DIR", "as PowerDNS has it; ignored"},
	{"no-config", NULL, "as PowerDNS has it; ignored"},
	{"remote-address", "ADDRESS", "refused: --server is for other machines"},
	{"remote-port", "PORT", "refused likewise"},
	{"secret", "TEXT", "refused likewise: --token-file"},
	CTL_WHERE_OPTIONS,
	{"help", NULL, "this text; behind a verb, that one's", .letter = 'h'},
	{"version", NULL, "version of this program"},
	{NULL},
};

static const struct ctl_term status_terms[] = {
	{"0", "done"},
	{"1", "failed, or bad usage"},
	{NULL, NULL},
};

const struct ctl_program pdns_control = {
	.name = "pdns_control",
	.title = "PowerDNS's pdns_control, for Millrace",
	.description =
		"The verbs of PowerDNS's pdns_control, as a client of Millrace's HTTP API: "
		"monitoring and scripts go on working. `mrtg` and `rrd` are for MRTG and rrdtool. "
		"New scripts are better written for millracectl(1), which has --json.",
	.noun = nouns,
	.n_nouns = sizeof nouns / sizeof nouns[0],
	.options = options,
	.status = status_terms,
	.usage_status = CTL_FAILURE,
	.unknown = "Unknown command: '%s'",
	.see_also = "millracectl(1), pdnsutil(1)",
	.set_up = pdns_set_up,
};
