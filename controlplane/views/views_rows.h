/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_rows: views and networks as the store keeps them: rows of STORE_VIEW, "view/apex" ->
 * variant, and of STORE_NETWORK, "prefix/len" -> view. A view is there as long as it has a zone, as
 * in PowerDNS; a network may name one that is not there yet. Pure but for the store; any thread. */
#pragma once
#include "config/config.h"
#include "controlplane/store/store.h"
#include "shm/views.h"

#define VIEW_NAME_MAX 252u    /* octets of a view's name: as PowerDNS */
#define VIEWS_KEY_OCTETS 481u /* of a row's key in the store, as it allows, and a NUL */

/** May a view be named so? @return NULL, or what is wrong, to be put behind "View '...' " */
const char *view_name_wrong(const char *view) __attribute__((warn_unused_result));

/** A network of an address and a length; bits behind the length are cleared, as PowerDNS does.
 * @return 0 or -EINVAL */
int network_parse(struct config_prefix *out, const char *address, const char *length)
	__attribute__((warn_unused_result));
/** The same of "ADDRESS/LENGTH". */
int network_parse_text(struct config_prefix *out, const char *text)
	__attribute__((warn_unused_result));

/** Row of a zone in a view; the same for all variants of a zone. @return 0 or -ENAMETOOLONG */
int view_row_key(char key[VIEWS_KEY_OCTETS], const char *view, const uint8_t *zone_key)
	__attribute__((warn_unused_result));

/** A row of STORE_VIEW. @param[out] view  @param[out] zone_key  @return 0, or -EPROTO: it is none
 */
int view_row_read(const char *key, const char *variant, char view[VIEW_NAME_MAX + 1],
	uint8_t zone_key[ZONE_WIRE_OCTETS]) __attribute__((warn_unused_result));

/* Rows are counted as they come and go, in rows of STORE_SETTING ("views.zones", ...): so that the
 * bounds of shm/views.h cost no walk over all of them. */
struct views_count {
	uint32_t views, zones, networks;
};
/** @return 0 or a negative errno */
int views_count(struct store_txn *t, struct views_count *out) __attribute__((warn_unused_result));

/**
 * Put a row of STORE_VIEW or STORE_NETWORK, or take it away, and count.
 * @param value  NULL: it is to be gone
 * @param[out] full  what there is too much of ("views"), with -E2BIG; else untouched
 * @return 0; 1: it was so already, and nothing was written; -E2BIG: nothing was written either;
 *         another negative errno
 */
int views_put_row(struct store_txn *t, enum store_table table, const char *key, const char *value,
	const char **full) __attribute__((warn_unused_result));
