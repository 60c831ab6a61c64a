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

/* What there is of it, against the bounds that shm/views.h has. */
struct views_count {
	uint32_t views, zones, networks;
	bool has_view; /* the one that was asked for */
};
/** @param view  to be looked for; NULL: none. @return 0 or a negative errno */
int views_count(struct store_txn *t, const char *view, struct views_count *out)
	__attribute__((warn_unused_result));
