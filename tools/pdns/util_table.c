/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_table: the verbs of pdnsutil, with their spellings before PowerDNS 5.0 as aliases. */
#include "tools/pdns/pdns.h"

#include <limits.h>

#define MANY INT_MAX
#define V(word, args, min, max, run, help, alias)                           \
	{                                                                   \
		word, args, min, max, 0, NULL, run, help, NULL, NULL, alias \
	}
#define OFF(word, args, min, max, run, help, alias)                                   \
	{                                                                             \
		word, args, min, max, CTL_OFFLINE, NULL, run, help, NULL, NULL, alias \
	}
#define NOT_SIGNED "Not here: this server does not sign zones."
#define NO_BACKEND "Not here: there is no backend of PowerDNS."

static const struct ctl_verb autoprimary_verbs[] = {
	V("add", "IP NAMESERVER [ACCOUNT]", 2, 3, util_autoprimary_add,
		"Add a server that may make zones here; without effect yet.",
		"add-autoprimary add-supermaster"),
	V("list", "", 0, 0, util_autoprimary_list, "All of them.", "list-autoprimaries"),
	V("remove", "IP NAMESERVER", 2, 2, util_autoprimary_remove, "Remove one.",
		"remove-autoprimary"),
};
const struct ctl_noun pdns_noun_autoprimary =
	CTL_NOUN("autoprimary", "Servers that may make zones here.", autoprimary_verbs);

static const struct ctl_verb catalog_verbs[] = {
	V("list-members", "ZONE", 1, 1, util_catalog_list, "Zones that name it as their catalog.",
		"list-member-zones"),
	V("set", "ZONE [CATALOG]", 1, 2, util_catalog_set,
		"Name a zone's catalog, or none; without effect yet.", "set-catalog"),
};
const struct ctl_noun pdns_noun_catalog = CTL_NOUN("catalog", "Catalog zones.", catalog_verbs);

static const struct ctl_verb metadata_verbs[] = {
	V("add", "ZONE METADATA VALUE...", 3, MANY, util_meta_add, "Add values to a kind.",
		"add-meta"),
	V("get", "ZONE [METADATA...]", 1, MANY, util_meta_get, "All kinds, or these.", "get-meta"),
	V("set", "ZONE METADATA [VALUE...]", 2, MANY, util_meta_set,
		"Make these the values of a kind; without one it is removed.", "set-meta"),
};
const struct ctl_noun pdns_noun_metadata = {.noun = "metadata",
	.help = "Domain metadata.",
	.verb = metadata_verbs,
	.n_verbs = sizeof metadata_verbs / sizeof metadata_verbs[0],
	.alias = "meta meta-data"};

static const struct ctl_verb network_verbs[] = {
	V("list", "", 0, 0, util_network_list, "Networks and their views.", "list-networks"),
	V("set", "PREFIX [VIEW]", 1, 2, util_network_set,
		"Which view a network sees; without one, "
		"none.",
		"set-network"),
};
const struct ctl_noun pdns_noun_network = CTL_NOUN("network", "Networks.", network_verbs);

static const struct ctl_verb view_verbs[] = {
	V("list", "VIEW", 1, 1, util_view_list, "Zones of a view.", "list-view"),
	V("list-all", "", 0, 0, util_view_list_all, "All views.", "list-views"),
	V("add-zone", "VIEW ZONE..VARIANT", 2, 2, util_view_add,
		"Put a variant of a zone into a "
		"view.",
		"view-add-zone"),
	V("del-zone", "VIEW ZONE..VARIANT", 2, 2, util_view_delete, "Take one out.",
		"view-del-zone"),
};
const struct ctl_noun pdns_noun_view = CTL_NOUN("view", "Views.", view_verbs);

static const struct ctl_verb rrset_verbs[] = {
	V("add", "ZONE NAME TYPE [TTL] CONTENT...", 4, MANY, util_rrset_add,
		"Add records to an RRset.", "add-record"),
	V("delete", "ZONE NAME TYPE", 3, 3, util_rrset_delete, "Delete an RRset.", "delete-rrset"),
	V("replace", "ZONE NAME TYPE [TTL] CONTENT...", 4, MANY, util_rrset_replace,
		"Make an RRset consist of these records.", "replace-rrset"),
	V("hash", "ZONE NAME", 2, 2, pdns_no_dnssec, NOT_SIGNED, "hash-zone-record"),
	V("add-comment", "ZONE NAME TYPE COMMENT [ACCOUNT]", 4, 5, util_rrset_comment,
		"Add a comment to an RRset.", "add-comment"),
	V("list-comments", "ZONE", 1, 1, util_rrset_comments, "All comments of a zone.",
		"list-comments"),
};
const struct ctl_noun pdns_noun_rrset = {.noun = "rrset",
	.help = "Records.",
	.verb = rrset_verbs,
	.n_verbs = sizeof rrset_verbs / sizeof rrset_verbs[0],
	.alias = "record"};

static const struct ctl_verb tsigkey_verbs[] = {
	V("activate", "ZONE NAME {primary|secondary|producer|consumer}", 3, 3, util_tsig_activate,
		"Transfers of the zone need this key (secondary; primary: kept, without effect "
		"yet).",
		"activate-tsig-key"),
	V("deactivate", "ZONE NAME {primary|secondary|producer|consumer}", 3, 3,
		util_tsig_deactivate, "They do not.", "deactivate-tsig-key"),
	V("delete", "NAME", 1, 1, util_tsig_delete, "Delete a key.", "delete-tsig-key"),
	V("generate", "NAME ALGORITHM", 2, 2, util_tsig_generate, "Make a key.",
		"generate-tsig-key"),
	V("import", "NAME ALGORITHM KEY", 3, 3, util_tsig_import, "A key that is known.",
		"import-tsig-key"),
	V("list", "", 0, 0, util_tsig_list, "All keys.", "list-tsig-keys"),
};
const struct ctl_noun pdns_noun_tsigkey = {.noun = "tsigkey",
	.help = "TSIG keys.",
	.verb = tsigkey_verbs,
	.n_verbs = sizeof tsigkey_verbs / sizeof tsigkey_verbs[0],
	.alias = "tsig tsig-key"};

static const struct ctl_option edit_options[] = {
	{"yes", NULL, "do not ask", .letter = 'y'},
	{NULL},
};
static const struct ctl_verb zone_verbs[] = {
	V("check", "ZONE", 1, 1, util_zone_check, "Look for mistakes.", "check-zone"),
	V("check-all", "[exit-on-error]", 0, 1, util_zone_check_all, "The same for all zones.",
		"check-all-zones"),
	V("clear", "ZONE", 1, 1, util_zone_clear,
		"Delete all records but the zone's own SOA and NS.", "clear-zone"),
	V("copy", "ZONE NEW", 2, 2, util_zone_copy, "A zone with the same records.", "copy-zone"),
	V("create", "ZONE [NSNAME]", 1, 2, util_zone_create, "A new zone.", "create-zone"),
	V("create-secondary", "ZONE ADDRESS...", 2, MANY, util_zone_create_secondary,
		"A new secondary zone.", "create-secondary-zone create-slave-zone"),
	V("change-primary", "ZONE ADDRESS...", 2, MANY, util_zone_change_primary,
		"Where a secondary zone comes from.",
		"change-secondary-zone-primary change-slave-zone-master change-slave-zone-primary"),
	V("delete", "ZONE", 1, 1, util_zone_delete, "Delete a zone.", "delete-zone"),
	{"edit", "ZONE", 1, 1, 0, edit_options, ctl_zone_edit, "Edit a zone in $EDITOR.",
		.alias = "edit-zone"},
	V("increase-serial", "ZONE", 1, 1, util_zone_increase_serial, "Count up the serial.",
		"increase-serial"),
	V("list", "ZONE", 1, 1, util_zone_list, "Records of a zone.", "list-zone"),
	V("list-all", "[KIND]", 0, 1, util_zone_list_all, "All zones, or those of a kind.",
		"list-all-zones"),
	V("load", "ZONE FILE...", 2, MANY, util_zone_load, "A zone from a file.", "load-zone"),
	V("set-account", "ZONE ACCOUNT", 2, 2, util_zone_set_account, "Whose zone it is.",
		"set-account"),
	V("set-kind", "ZONE KIND", 2, 2, util_zone_set_kind, "Native, primary, secondary, ...",
		"set-kind"),
	V("set-option", "ZONE {producer|consumer} {coo|unique|group} VALUE...", 3, MANY,
		pdns_no_catalog, "Not here: no catalog zones yet.", "set-option"),
	V("set-options-json", "ZONE FILE", 2, 2, pdns_no_catalog, "Not here: no catalog zones yet.",
		"set-options-json"),
	V("show", "ZONE", 1, 1, util_zone_show, "Properties of a zone.", "show-zone"),
	V("rectify", "ZONE...", 1, MANY, util_zone_rectify, "Put right what DNSSEC needs.",
		"rectify-zone"),
	V("rectify-all", "[quiet]", 0, 1, util_zone_rectify_all, "The same for all zones.",
		"rectify-all-zones"),
	V("list-keys", "[ZONE]", 0, 1, util_zone_list_keys, "DNSSEC keys.", "list-keys"),
	V("zonemd-verify-file", "ZONE FILE", 2, 2, pdns_no_dnssec, NOT_SIGNED,
		"zonemd-verify-file"),
	V("dnssec-disable", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "disable-dnssec"),
	V("export-dnskey", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "export-zone-dnskey"),
	V("export-ds", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "export-zone-ds"),
	V("secure", "ZONE...", 1, MANY, pdns_no_dnssec, NOT_SIGNED, "secure-zone"),
	V("secure-all", "[increase-serial]", 0, 1, pdns_no_dnssec, NOT_SIGNED, "secure-all-zones"),
	V("set-nsec3", "ZONE [PARAMS [narrow]]", 1, 3, pdns_no_dnssec, NOT_SIGNED, "set-nsec3"),
	V("unset-nsec3", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "unset-nsec3"),
	V("set-presigned", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "set-presigned"),
	V("unset-presigned", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "unset-presigned"),
	V("set-publish-cdnskey", "ZONE [delete]", 1, 2, pdns_no_dnssec, NOT_SIGNED,
		"set-publish-cdnskey"),
	V("unset-publish-cdnskey", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED,
		"unset-publish-cdnskey"),
	V("set-publish-cds", "ZONE [ALGORITHMS]", 1, 2, pdns_no_dnssec, NOT_SIGNED,
		"set-publish-cds"),
	V("unset-publish-cds", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "unset-publish-cds"),
	V("set-signaling", "ZONE", 1, 1, pdns_no_dnssec, NOT_SIGNED, "set-signaling-zone"),
	V("activate-key", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "activate-zone-key"),
	V("add-key", "ZONE [WHAT...]", 1, MANY, pdns_no_dnssec, NOT_SIGNED, "add-zone-key"),
	V("deactivate-key", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "deactivate-zone-key"),
	V("export-key", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "export-zone-key"),
	V("export-key-pem", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "export-zone-key-pem"),
	V("generate-key", "{ksk|zsk} [WHAT...]", 1, MANY, pdns_no_dnssec, NOT_SIGNED,
		"generate-zone-key"),
	V("import-key", "ZONE FILE [WHAT...]", 2, MANY, pdns_no_dnssec, NOT_SIGNED,
		"import-zone-key"),
	V("import-key-pem", "ZONE FILE [WHAT...]", 2, MANY, pdns_no_dnssec, NOT_SIGNED,
		"import-zone-key-pem"),
	V("publish-key", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "publish-zone-key"),
	V("remove-key", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "remove-zone-key"),
	V("unpublish-key", "ZONE ID", 2, 2, pdns_no_dnssec, NOT_SIGNED, "unpublish-zone-key"),
};
const struct ctl_noun pdns_noun_zone = CTL_NOUN("zone", "Zones.", zone_verbs);

static const struct ctl_verb hsm_verbs[] = {
	OFF("assign", "ZONE [WHAT...]", 0, MANY, pdns_no_dnssec, NOT_SIGNED, NULL),
	OFF("create-key", "ZONE [WHAT...]", 0, MANY, pdns_no_dnssec, NOT_SIGNED, NULL),
};
const struct ctl_noun pdns_noun_hsm = CTL_NOUN("hsm", "Keys in hardware.", hsm_verbs);
