/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_zone: the verbs of zones. */
#include "tools/ctl/verbs.h"

#include <limits.h>

#define YES                                              \
	{                                                \
		"yes", NULL, "do not ask", .letter = 'y' \
	}

#define PROPERTIES                                                                             \
	{"kind", "KIND", "native, primary, secondary, producer or consumer"},                  \
		{"primary", "ADDRESS",                                                         \
			"of a secondary zone: where it comes from; may be repeated, and \"\" " \
			"empties the list"},                                                   \
		{"account", "TEXT", "whose zone it is"},                                       \
		{"tsig-key", "NAME",                                                           \
			"of a secondary zone: the key that its transfers are signed with; "    \
			"\"\" for none"},                                                      \
		{"catalog", "ZONE",                                                            \
			"the catalog zone it belongs to, \"\" for none; kept, without effect " \
			"yet"},                                                                \
		{"soa-edit", "SOA-EDIT",                                                       \
			"what the API's edited_serial makes of the serial; answers have it "   \
			"as it is"},                                                           \
		{"soa-edit-api", "SOA-EDIT-API", "how a change counts up the serial"},         \
	{                                                                                      \
		"api-rectify", "YES-OR-NO",                                                    \
			"whether a change puts DNSSEC's order right; kept, without effect yet" \
	}

static const struct ctl_option create_options[] = {
	PROPERTIES,
	{"ns", "NAME", "a name server, for the zone's NS records; may be repeated"},
	{"file", "FILE", "a zone file with its records"},
	{NULL},
};
static const struct ctl_option set_options[] = {PROPERTIES, {NULL}};
static const struct ctl_option delete_options[] = {YES, {NULL}};
static const struct ctl_option edit_options[] = {YES, {NULL}};

static const struct ctl_option show_options[] = {
	{"name", "NAME", "only records of this name: www, www.example.org or @"},
	{"type", "TYPE", "and of this type"},
	{NULL},
};

static const struct ctl_option import_options[] = {
	{"origin", "ZONE", "the zone's name (default: FILE's without .zone)"},
	{"create-only", NULL, "a zone that is there already is an error"},
	{"kind", "KIND", "of zones that are new (default: native)"},
	{"account", "TEXT", "of zones that are new"},
	{NULL},
};

static const struct ctl_option export_options[] = {
	{"output", "FILE", "where it goes (default: standard output)", .letter = 'o'},
	{NULL},
};

static const struct ctl_option retrieve_options[] = {
	{"primary", "ADDRESS", "ask this one, instead of the zone's own in their order"},
	{NULL},
};

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

static const struct ctl_option diff_options[] = {
	{"from", "SERIAL", "the version that is compared with"},
	{"to", "SERIAL", "the version that is compared (default: the present one)"},
	{NULL},
};

static const struct ctl_option history_options[] = {
	{"max", "N", "changes (default: 20)"},
	{NULL},
};
static const struct ctl_option revert_options[] = {
	{"yes", NULL, "do not ask", .letter = 'y'},
	{NULL},
};
static const struct ctl_verb verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_zone_list, "All zones.",
		.example = "millracectl zone list\n"
			   "millracectl zone list --json | jq -r '.[].name'\n"},
	{"status", "ZONE", 1, 1, 0, NULL, ctl_zone_status,
		"One zone: what is served, its file, what is wrong.",
		.example = "millracectl zone status example.org\n"},
	{"show", "ZONE", 1, 1, 0, show_options, ctl_zone_show,
		"A zone's properties and records. Disabled records and comments too.",
		.example = "millracectl zone show example.org\n"
			   "millracectl zone show example.org --name www --type A --json\n"},
	{"create", "ZONE", 1, 1, 0, create_options, ctl_zone_create,
		"A new zone, with the records of a file, or with a SOA record of its own.",
		.example = "millracectl zone create example.org --ns ns1.example.net --ns "
			   "ns2.example.net\n"
			   "millracectl zone create example.org --file db.example.org\n"
			   "millracectl zone create example.com --kind secondary --primary "
			   "192.0.2.53 --tsig-key transfer.example.com\n"},
	{"set", "ZONE", 1, 1, 0, set_options, ctl_zone_set, "Change a zone's properties.",
		.example = "millracectl zone set example.org --kind primary --account shop\n"},
	{"delete", "ZONE...", 1, INT_MAX, 0, delete_options, ctl_zone_delete,
		"Delete zones and their records. On a terminal it asks first."},
	{"edit", "ZONE", 1, 1, 0, edit_options, ctl_zone_edit,
		"Edit a zone in $VISUAL or $EDITOR. What you write is checked as a load would, the "
		"difference is shown, and after a yes it is applied as one change.",
		.more = "If somebody else changes the zone meanwhile nothing is overwritten: the "
			"two are merged, or you give up, and the file with what you wrote is named "
			"and kept. Disabled records and comments are shown as comments, and stay "
			"as "
			"they are. With --yes, and where there is no terminal, nothing is asked: "
			"what cannot be applied is refused.",
		.example =
			"millracectl zone edit example.org\n"
			"EDITOR='sed -i s/192.0.2.1/192.0.2.2/' millracectl zone edit example.org "
			"--yes\n"},
	{"import", "FILE...", 1, INT_MAX, 0, import_options, ctl_zone_import,
		"Zone files into the store, each as a whole or not at all. A folder stands for its "
		"files NAME.zone. Zones that are there get the file's records in the place of "
		"theirs. Exit status 1 when one is refused.",
		.more = "A file above 128 KiB is sent as it is and read over there, whatever its "
			"size (the "
			"server's key api.max-import bounds it); a smaller one, and one with "
			"$INCLUDE, is read "
			"here and must fit into a request (api.max-body).",
		.example = "millracectl zone import example.org.zone\n"
			   "millracectl zone import /var/lib/zones\n"
			   "millracectl zone import --origin example.org db.example\n"},
	{"export", "ZONE", 1, 1, 0, export_options, ctl_zone_export,
		"A zone as a zone file; with --json as the API shows it.",
		.example = "millracectl zone export example.org -o example.org.zone\n"},
	{"diff", "ZONE [FILE]", 1, 2, 0, diff_options, ctl_zone_diff,
		"What a file has otherwise than the zone, or one version of it than another. Exit "
		"status 0 nothing, 1 something, 2 trouble.",
		.example = "millracectl zone diff example.org example.org.zone\n"
			   "millracectl zone diff example.org --from 2026112501\n"
			   "millracectl zone diff example.org --from 2026112501 --to 2026112503\n"},
	{"history", "ZONE", 1, 1, 0, history_options, ctl_zone_history,
		"What changed in a zone, when and by whom, the newest first."},
	{"revert", "ZONE SERIAL", 2, 2, 0, revert_options, ctl_zone_revert,
		"Make a zone what it was at a serial, by a new change.",
		.example = "millracectl zone revert example.org 2026112501\n"},
	{"notify", "ZONE", 1, 1, 0, NULL, ctl_zone_notify,
		"Tell the secondaries of a zone to look for a new version."},
	{"retrieve", "ZONE", 1, 1, 0, retrieve_options, ctl_zone_retrieve,
		"Get a secondary zone from its primaries now, or from one of them. "
		"Answers when "
		"that is queued; `zone status` tells what came of it.",
		.example = "millracectl zone retrieve example.org\n"
			   "millracectl zone retrieve example.org --primary 192.0.2.1\n"},
	{"rectify", "ZONE", 1, 1, 0, NULL, ctl_zone_rectify,
		"Put right what DNSSEC needs of a zone."},
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
