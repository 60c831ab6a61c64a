/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_zone: the verbs of zones. */
#include "tools/ctl/verbs.h"

#include <limits.h>

static const struct ctl_option reload_options[] = {
	{"force", NULL, "load all zones, changed or not"},
	{"wait", NULL, "wait for the outcome (the default)"},
	{"no-wait", NULL, "return before it is done"},
	{NULL},
};

static const struct ctl_option check_options[] = {
	{"origin", "ZONE", "the zone's name (default: FILE's without .zone)"},
	{NULL},
};

static const struct ctl_verb verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_zone_list, "All zones.",
		.example = "millracectl zone list\n"
			   "millracectl zone list --json | jq -r '.[].name'\n"},
	{"status", "ZONE", 1, 1, 0, NULL, ctl_zone_status,
		"One zone: what is served, its file, what is wrong.",
		.example = "millracectl zone status example.org\n"},
	{"reload", "[ZONE]", 0, 1, 0, reload_options, ctl_zone_reload,
		"Load a zone's file anew; without ZONE whatever changed. Exit status 1 when one is "
		"refused.",
		.more = "A file that is refused changes nothing of what is served.",
		.example = "millracectl zone reload example.org\n"
			   "millracectl zone reload --force\n"},
	{"check", "FILE...", 1, INT_MAX, CTL_OFFLINE, check_options, ctl_zone_check,
		"Check zone files as a load would. Needs no server.",
		.example = "millracectl zone check /etc/millrace/zones/*.zone\n"
			   "millracectl zone check --origin example.org db.example\n"},
};

const struct ctl_noun ctl_noun_zone = CTL_NOUN("zone", "Zones, and the files of zones.", verbs);
