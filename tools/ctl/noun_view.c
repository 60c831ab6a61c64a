/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_view: the verbs of views, and of the networks that see them. */
#include "tools/ctl/verbs.h"

static const struct ctl_verb view_verbs[] = {
	{"list", "VIEW", 1, 1, 0, NULL, ctl_view_list, "Zones of a view, each as its variant."},
	{"list-all", "", 0, 0, 0, NULL, ctl_view_list_all, "All views."},
	{"add-zone", "VIEW ZONE", 2, 2, 0, NULL, ctl_view_add,
		"Have a view show a variant of a zone.",
		"A variant is a zone of its own, named ZONE..VARIANT, whose records have the "
		"names of the zone. Only one variant of a zone is in a view: the last one that was "
		"added. It need not be there yet.",
		.example = "millracectl zone create example.org..internal --file internal.zone\n"
			   "millracectl view add-zone office example.org..internal\n"
			   "millracectl network set 10.0.0.0/8 office\n"},
	{"del-zone", "VIEW ZONE", 2, 2, 0, NULL, ctl_view_delete,
		"Take a zone out of a view, whichever variant of it is there."},
};
const struct ctl_noun ctl_noun_view =
	CTL_NOUN("view", "Views: which variants of zones are seen together.", view_verbs);

static const struct ctl_verb network_verbs[] = {
	{"list", "", 0, 0, 0, NULL, ctl_network_list, "Networks and the views that they see."},
	{"set", "PREFIX [VIEW]", 1, 2, 0, NULL, ctl_network_set,
		"Which view clients in a network see; without one, none.",
		"Of all networks around a client the one with the longest prefix counts. An "
		"address without a length is a network of its own.",
		.example = "millracectl network set 2001:db8::/32 office\n"},
};
const struct ctl_noun ctl_noun_network =
	CTL_NOUN("network", "Networks: whose clients see which view.", network_verbs);
