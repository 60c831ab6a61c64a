/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns: pdnsutil and pdns_control as clients of our API: the verbs of PowerDNS in their old and new
 * spellings, and the output that scripts read. The table is of the same kind as millracectl's
 * (tools/ctl/verbs.h); an old spelling is a verb's alias. */
#pragma once
#include "tools/ctl/rrsets.h"

extern const struct ctl_program pdns_util, pdns_control;
extern const struct ctl_noun pdns_noun_autoprimary, pdns_noun_catalog, pdns_noun_metadata,
	pdns_noun_network, pdns_noun_view, pdns_noun_rrset, pdns_noun_tsigkey, pdns_noun_zone,
	pdns_noun_hsm;

/** Before any verb: PowerDNS's options for where its server is. -> enum ctl_exit */
int pdns_set_up(struct ctl *c);

/**
 * Ask, and leave what it means to the caller.
 * @param[out] answer  NULL if there was none; json_decref() it
 * @return HTTP status, or -1 after a message: no answer
 */
long pdns_ask(const struct ctl *c, const char *method, const char *path, const json_t *body,
	json_t **answer);
/** "Error: ..." on stderr, as the API words it. @return CTL_FAILURE */
int pdns_fail(const json_t *answer);
/** Ask for something below a zone. A zone that is not there is said on stderr by `missing`, which
 * has one %s for its name. @return enum ctl_exit; *answer is there with CTL_OK */
int pdns_ask_zone(const struct ctl *c, const char *method, const char *zone, const char *rest,
	const json_t *body, const char *missing, json_t **answer);

/** A zone's name as PowerDNS prints it: without the final dot, unless it is the root. Allocated. */
char *pdns_plain(const char *name);
/** Names in content need no final dot here, and are never completed. Allocated; NULL: it is no
 * content of this type. */
char *pdns_content(const char *type, const char *content);

/** A verb for what Millrace does not do: says so. */
int pdns_no_dnssec(const struct ctl *c);
int pdns_no_backend(const struct ctl *c);
int pdns_no_catalog(const struct ctl *c);
int pdns_no_notify_host(const struct ctl *c);

/* --- verbs of pdnsutil --- */
int util_autoprimary_add(const struct ctl *c);
int util_autoprimary_list(const struct ctl *c);
int util_autoprimary_remove(const struct ctl *c);
int util_catalog_list(const struct ctl *c);
int util_catalog_set(const struct ctl *c);
int util_meta_add(const struct ctl *c);
int util_meta_get(const struct ctl *c);
int util_meta_set(const struct ctl *c);
int util_network_list(const struct ctl *c);
int util_network_set(const struct ctl *c);
int util_view_add(const struct ctl *c);
int util_view_delete(const struct ctl *c);
int util_view_list(const struct ctl *c);
int util_view_list_all(const struct ctl *c);
int util_rrset_add(const struct ctl *c);
int util_rrset_comment(const struct ctl *c);
int util_rrset_comments(const struct ctl *c);
int util_rrset_delete(const struct ctl *c);
int util_rrset_replace(const struct ctl *c);
int util_tsig_activate(const struct ctl *c);
int util_tsig_deactivate(const struct ctl *c);
int util_tsig_delete(const struct ctl *c);
int util_tsig_generate(const struct ctl *c);
int util_tsig_import(const struct ctl *c);
int util_tsig_list(const struct ctl *c);
int util_zone_check(const struct ctl *c);
int util_zone_check_all(const struct ctl *c);
int util_zone_clear(const struct ctl *c);
int util_zone_copy(const struct ctl *c);
int util_zone_create(const struct ctl *c);
int util_zone_create_secondary(const struct ctl *c);
int util_zone_change_primary(const struct ctl *c);
int util_zone_delete(const struct ctl *c);
int util_zone_increase_serial(const struct ctl *c);
int util_zone_list(const struct ctl *c);
int util_zone_list_all(const struct ctl *c);
int util_zone_list_keys(const struct ctl *c);
int util_zone_load(const struct ctl *c);
int util_zone_rectify(const struct ctl *c);
int util_zone_rectify_all(const struct ctl *c);
int util_zone_set_account(const struct ctl *c);
int util_zone_set_kind(const struct ctl *c);
int util_zone_show(const struct ctl *c);
int util_hash_password(const struct ctl *c);
int util_ipencrypt(const struct ctl *c);
int util_ipdecrypt(const struct ctl *c);
int util_raw_lua(const struct ctl *c);
