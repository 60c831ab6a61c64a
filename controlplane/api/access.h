/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access: who asks, and what they may do. Every handler that reads or changes zones asks here; a
 * request that may not gets its answer (403) here. The unix socket's peers may do everything.
 * Thread: the API's. */
#pragma once
#include "controlplane/api/request.h"

#define ACCESS_WHO_OCTETS 96u

/** For logs, journal and audit: "token:certbot", "api-key", "unix:root". Valid with the request. */
const char *access_who(const struct api_request *r);
/** Where from: "192.0.2.1:4711", "unix". Valid with the request. */
const char *access_from(const struct api_request *r);

/** May it do what its method says (GET: read, else: change) with this zone as a whole (create,
 * delete, properties, metadata, keys)? @return false: 403 is the answer */
bool access_zone(struct api_request *r, const uint8_t *apex);
/** May the client of this request, which is no POST, make a zone where none is? @return false: 403
 * is the answer */
bool access_creation(struct api_request *r);
/** May it see that this zone exists, in a list? Answers nothing. Thread: any */
bool access_zone_seen(struct api_request *r, const uint8_t *apex);
/** May it read or change RRsets of this owner and type in this zone? @return false: 403 is the
 * answer */
bool access_rrset(struct api_request *r, const uint8_t *apex, const uint8_t *owner, uint16_t type);
/** The same for reading, without an answer: an RRset that it may not see is left out. Thread: any
 */
bool access_rrset_seen(
	const struct api_request *r, const uint8_t *apex, const uint8_t *owner, uint16_t type);
/** Has it full access, as tokens and the audit log need? @return false: 403 is the answer */
bool access_is_full(struct api_request *r);
/** May it use what concerns the whole server (TSIG keys, configuration, tokens, ...)? @return
 * false: 403 is the answer */
bool access_server(struct api_request *r);
