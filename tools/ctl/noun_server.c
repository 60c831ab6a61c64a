/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_server: the verbs of what concerns all zones. */
#include "tools/ctl/verbs.h"

static const struct ctl_option search_options[] = {
	{"max", "N", "hits (default: 100)"},
	{"type", "WHAT", "only zones, records or comments"},
	{NULL},
};
static const struct ctl_verb search_verbs[] = {
	{NULL, "TEXT", 1, 1, 0, search_options, ctl_search,
		"Zones, records and comments in which a text is. * is any text, ? one character.",
		.example = "millracectl search '*.example.org'\n"
			   "millracectl search 192.0.2.1 --type record\n"},
};
const struct ctl_noun ctl_noun_search = CTL_NOUN("search", "Search.", search_verbs);

static const struct ctl_verb cache_verbs[] = {
	{"flush", "NAME", 1, 1, 0, NULL, ctl_cache_flush, "Forget what is cached for a name."},
};
const struct ctl_noun ctl_noun_cache = CTL_NOUN("cache", "Caches.", cache_verbs);

static const struct ctl_option store_options[] = {
	{"path", "FILE", "the store's file (default: store.path of the configuration)"},
	{NULL},
};
static const struct ctl_option restore_options[] = {
	{"path", "FILE", "the store's file (default: store.path of the configuration)"},
	{"yes", NULL, "do not ask", .letter = 'y'},
	{NULL},
};
static const struct ctl_verb store_verbs[] = {
	{"verify", "", 0, 0, CTL_OFFLINE, store_options, ctl_store_verify,
		"Read all of the store, and say what is wrong in it. Needs no server."},
	{"snapshot", "FILE", 1, 1, CTL_OFFLINE, store_options, ctl_store_snapshot,
		"A consistent copy of the store, made while it is used. Needs no server.",
		.example = "millracectl store snapshot /var/backups/millrace.mdb\n"},
	{"restore", "FILE", 1, 1, CTL_OFFLINE, restore_options, ctl_store_restore,
		"Put a snapshot in the place of the store. The control plane must not run."},
};
const struct ctl_noun ctl_noun_store =
	CTL_NOUN("store", "The store that zones of the API are in.", store_verbs);

static const struct ctl_option token_options[] = {
	{"zone", "ZONE", "a zone; \"*.example.org.\" those below, \"*\" all; may be repeated"},
	{"owner", "NAME", "only these owner names in them, such as \"_acme-challenge.*\""},
	{"type", "TYPE", "only RRsets of this type; may be repeated"},
	{"method", "METHOD", "an HTTP method: GET reads, PATCH changes records (default: GET)"},
	{"source", "PREFIX", "only from these addresses; may be repeated"},
	{"days", "N", "how long it is good (default: for ever)"},
	{"certificate", "SUBJECT", "the client certificate that stands for it"},
	{"read-server", NULL, "it may read what is no zone's: statistics, status, configuration"},
	{"full", NULL, "it may do everything"},
	{NULL},
};
static const struct ctl_option rotate_options[] = {
	{"grace", "SECONDS", "how long the old secret stays good (default: 3600)"},
	{NULL},
};
static const struct ctl_option revoke_options[] = {
	{"yes", NULL, "do not ask", .letter = 'y'},
	{NULL},
};
static const struct ctl_verb token_verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_token_list, "Tokens, and what each may do."},
	{"show", "TOKEN", 1, 1, 0, NULL, ctl_token_show, "One token, by name or id."},
	{"create", "NAME", 1, 1, 0, token_options, ctl_token_create,
		"A new token. Its secret is printed, and never again.",
		.example =
			"millracectl token create certbot --zone example.org. --owner "
			"'_acme-challenge.*' --type TXT --method GET --method PATCH --days 365\n"},
	{"rotate", "TOKEN", 1, 1, 0, rotate_options, ctl_token_rotate,
		"Another secret for a token, which is printed."},
	{"revoke", "TOKEN", 1, 1, 0, revoke_options, ctl_token_revoke, "End a token, at once."},
};
const struct ctl_noun ctl_noun_token =
	CTL_NOUN("token", "Keys of the API that may do only so much.", token_verbs);

static const struct ctl_option audit_options[] = {
	{"zone", "ZONE", "only what concerns this zone"},
	{"who", "WHO", "only what this client did: token:certbot, api-key, unix:root"},
	{"max", "N", "entries (default: 100)"},
	{NULL},
};
static const struct ctl_verb audit_verbs[] = {
	{NULL, "", 0, 0, 0, audit_options, ctl_audit,
		"Who changed what, the newest first; --json has what was before and after."},
};
const struct ctl_noun ctl_noun_audit = CTL_NOUN("audit", "The audit log.", audit_verbs);
