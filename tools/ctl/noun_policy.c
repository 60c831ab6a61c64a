/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_policy: the verbs of the access list and of the rate limits. */
#include "tools/ctl/verbs.h"

static const struct ctl_verb acl_verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_acl_list,
		"The access list, with where each prefix comes from."},
	{"add", "PREFIX ACTION", 2, 2, 0, NULL, ctl_acl_add,
		"allow, deny, refuse, tcp-only or unlimited for a prefix; until a restart.",
		.example = "millracectl acl add 192.0.2.0/24 deny\n"},
	{"delete", "PREFIX", 1, 1, 0, NULL, ctl_acl_delete, "Forget a prefix; until a restart."},
	{"default", "ACTION", 1, 1, 0, NULL, ctl_acl_default,
		"For addresses that no prefix matches; until a restart."},
	{"check", "ADDRESS", 1, 1, 0, NULL, ctl_acl_check,
		"What becomes of queries from there, and why.",
		.example = "millracectl acl check 192.0.2.7\n"},
	{"reload", "", 0, 0, 0, NULL, ctl_acl_reload,
		"Back to the configuration's list, its files read anew."},
};
const struct ctl_noun ctl_noun_acl =
	CTL_NOUN("acl", "Who may ask: the access list of addresses.", acl_verbs);

static const struct ctl_verb rrl_verbs[] = {
	{"show", "", 0, 0, 0, NULL, ctl_rrl_show, "Response rate limits."},
	{"set", "KEY=VALUE...", 1, 16, 0, NULL, ctl_rrl_set,
		"Change some, by the configuration's keys; until a restart.",
		.example = "millracectl rrl set rate=20 slip=2\n"},
};
const struct ctl_noun ctl_noun_rrl = CTL_NOUN("rrl", "Response rate limits.", rrl_verbs);
