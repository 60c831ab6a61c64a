/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_backend: the verbs of backends. */
#include "tools/ctl/verbs.h"

static const struct ctl_verb backend_verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_backend_list, "Places where zones come from."},
	{"status", "NAME", 1, 1, 0, NULL, ctl_backend_status,
		"One of them. Exit status 1 when it is not open."},
};
const struct ctl_noun ctl_noun_backend =
	CTL_NOUN("backend", "Places where zones come from.", backend_verbs);
