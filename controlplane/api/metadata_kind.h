/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metadata_kind: the kinds of domain metadata that PowerDNS has, one row each: who may set it,
 * what its values are, and whether it has an effect yet. The API's checks and docs/api-reference.md
 * are made from it. Pure, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define METADATA_KIND_OCTETS 64u     /* of a kind, with its NUL; PowerDNS's databases have 32 */
#define METADATA_VALUE_OCTETS 65535u /* of a value, as in PowerDNS's databases */
#define METADATA_VALUES_MAX 1024u    /* of one kind of one zone */

enum metadata_value {
	METADATA_TEXT,
	METADATA_SWITCH,          /* 0 or 1 */
	METADATA_NETMASK,         /* ADDRESS or ADDRESS/LENGTH */
	METADATA_NETMASK_OR_AUTO, /* and AUTO-NS */
	METADATA_ADDRESS,
	METADATA_ADDRESS_PORT, /* ADDRESS or ADDRESS:PORT */
	METADATA_NAME,         /* a domain name */
	METADATA_SERIAL,       /* of SOA-EDIT-DNSUPDATE */
	METADATA_NUMBERS,      /* "1,2" */
};

struct metadata_kind {
	const char *name;
	bool read_only; /* through /metadata; another route or a tool sets it */
	bool hidden;    /* not reachable by its name, though the list shows it */
	bool several;   /* more than one value */
	bool acts;      /* false: it is kept, and nothing of this version goes by it */
	enum metadata_value value;
	const char *help;
};

extern const struct metadata_kind metadata_kind[];
extern const size_t metadata_n_kinds;

/** May it be read (or, with change, set) through /metadata? X- kinds may. */
bool metadata_kind_reachable(const char *name, bool change);
/** Is it a value for this kind? @param[out] right  what would be, when it is not */
bool metadata_value_fits(const char *kind, const char *value, const char **right);
/** May it have so many values? */
bool metadata_count_fits(const char *kind, size_t n);
