/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_records: the verbs of what zones consist of, and of what goes with them. */
#include "tools/ctl/verbs.h"

#include <limits.h>

#define YES                                              \
	{                                                \
		"yes", NULL, "do not ask", .letter = 'y' \
	}

/* --- rrset --- */

static const struct ctl_option write_options[] = {
	{"ttl", "TTL", "seconds (default: the RRset's, or 3600)"},
	{"disabled", NULL, "kept, and not served"},
	{NULL},
};
static const struct ctl_option comment_options[] = {
	{"account", "TEXT", "who says so"},
	{NULL},
};
static const struct ctl_option yes_option[] = {YES, {NULL}};

#define NAMES                                                                                   \
	"NAME is @ for the zone's own name, a name in the zone without the zone's (www), or a " \
	"whole "                                                                                \
	"one (www.example.org). "

static const struct ctl_verb rrset_verbs[] = {
	{"list", "ZONE [NAME] [TYPE]", 1, 3, 0, NULL, ctl_rrset_list,
		"Records of a zone, of a name, or of a name and type.",
		.example = "millracectl rrset list example.org www\n"},
	{"add", "ZONE NAME TYPE CONTENT...", 4, INT_MAX, 0, write_options, ctl_rrset_add,
		"Add records to an RRset.",
		.more = NAMES
		"Names within CONTENT end with a dot. Behind -- an argument may begin "
		"with -.",
		.example = "millracectl rrset add example.org www A 192.0.2.1 192.0.2.2\n"
			   "millracectl rrset add example.org @ MX '10 mail.example.org.' --ttl "
			   "600\n"},
	{"replace", "ZONE NAME TYPE CONTENT...", 4, INT_MAX, 0, write_options, ctl_rrset_replace,
		"Make an RRset consist of these records.", .more = NAMES,
		.example = "millracectl rrset replace example.org www AAAA 2001:db8::1\n"},
	{"delete", "ZONE NAME TYPE [CONTENT...]", 3, INT_MAX, 0, yes_option, ctl_rrset_delete,
		"Delete an RRset, or, with CONTENT, single records of it.", .more = NAMES,
		.example = "millracectl rrset delete example.org www A 192.0.2.1\n"},
	{"comment", "ZONE NAME TYPE [TEXT...]", 3, INT_MAX, 0, comment_options, ctl_rrset_comment,
		"Make these the comments of an RRset; without TEXT none.", .more = NAMES,
		.example = "millracectl rrset comment example.org www A 'moves in May' --account "
			   "anna\n"},
};
const struct ctl_noun ctl_noun_rrset =
	CTL_NOUN("rrset", "Records of zones: all of one name and type are an RRset.", rrset_verbs);

/* --- metadata --- */

/* a test compares with the API's table */
#define METADATA_ACTING                                                                   \
	"In effect are ALSO-NOTIFY, AXFR-MASTER-TSIG, AXFR-SOURCE, SOA-EDIT and "         \
	"SOA-EDIT-API. This version keeps and shows the other kinds, and does not go by " \
	"them."

static const struct ctl_verb metadata_verbs[] = {
	{"list", "ZONE", 1, 1, 0, NULL, ctl_metadata_list, "All metadata of a zone."},
	{"get", "ZONE METADATA", 2, 2, 0, NULL, ctl_metadata_get,
		"The values of one kind, a line each.",
		.example = "millracectl metadata get example.org ALSO-NOTIFY\n"},
	{"set", "ZONE METADATA VALUE...", 3, INT_MAX, 0, NULL, ctl_metadata_set,
		"Make these the values of a kind.", .more = METADATA_ACTING,
		.example = "millracectl metadata set example.org ALSO-NOTIFY 192.0.2.9 "
			   "192.0.2.10:5353\n"},
	{"add", "ZONE METADATA VALUE...", 3, INT_MAX, 0, NULL, ctl_metadata_add,
		"Add values to a kind.", .more = METADATA_ACTING},
	{"delete", "ZONE METADATA", 2, 2, 0, yes_option, ctl_metadata_delete, "Delete a kind."},
};
const struct ctl_noun ctl_noun_metadata = CTL_NOUN("metadata",
	"Settings of single zones, by PowerDNS's names and X- names of your own.", metadata_verbs);

/* --- tsig --- */

static const struct ctl_option generate_options[] = {
	{"algorithm", "ALGORITHM", "default: hmac-sha256"},
	{NULL},
};
static const struct ctl_option import_options[] = {
	{"algorithm", "ALGORITHM", "default: hmac-sha256"},
	{"secret-file", "FILE", "its first line is the secret in base64; - is standard input"},
	{NULL},
};
static const struct ctl_verb tsig_verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_tsig_list, "All keys, without their secrets."},
	{"show", "NAME", 1, 1, 0, NULL, ctl_tsig_show, "One key, with its secret."},
	{"generate", "NAME", 1, 1, 0, generate_options, ctl_tsig_generate,
		"A new key, which is shown.",
		.example = "millracectl tsig generate transfer.example.org\n"},
	{"import", "NAME", 1, 1, 0, import_options, ctl_tsig_import, "A key whose secret is known.",
		.example = "millracectl tsig import transfer.example.org --secret-file "
			   "transfer.secret\n"},
	{"delete", "NAME", 1, 1, 0, yes_option, ctl_tsig_delete, "Delete a key."},
};
const struct ctl_noun ctl_noun_tsig =
	CTL_NOUN("tsig", "Keys that transfers to here are signed with.", tsig_verbs);
