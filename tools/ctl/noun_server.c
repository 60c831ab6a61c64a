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
	{"flush", "NAME", 1, 1, 0, NULL, ctl_cache_flush,
		"Forget what is cached for a name; NAME$ is for all below it, too."},
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
