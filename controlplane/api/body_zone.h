/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_zone: what a client of the API says about a zone as a whole, to create it (POST) or to
 * change it (PUT). Parses what a client sent, so: bounded, fuzzed. Pure, any thread. */
#pragma once
#include "controlplane/api/body_rrsets.h"

/* What is not there stays as it is. Texts are the JSON's, or of `memory`. */
struct body_zone {
	struct body_memory memory;
	bool has_kind;
	enum backend_kind kind;
	const char *primaries; /* as in struct backend_zone; NULL: not there */
	const char *account, *catalog;
	const char *soa_edit, *soa_edit_api; /* any text: kinds are the engine's to know */
	bool has_rectify, rectify;
	bool dnssec; /* "dnssec": true */
	const char *nsec3param;
	/* names of TSIG keys, in presentation format; NULL: not there */
	const char **primary_tsig, **secondary_tsig;
	size_t n_primary_tsig, n_secondary_tsig;
};

/** @return 0, -EINVAL (422) or -ENOMEM. The caller ends it with body_free(&out->memory) */
int body_zone_parse(struct body_zone *out, const json_t *document, char error[BODY_ERROR_OCTETS])
	__attribute__((warn_unused_result));

/** "Master" and the like; PowerDNS's newer words are taken too. @return 0 or -EINVAL */
int body_kind_from_text(const char *text, enum backend_kind *kind);
extern const char *const body_kind_word[BACKEND_KINDS];

/**
 * NS records for the "nameservers" of a new zone.
 * @param document  the whole body
 * @param[out] set  of the apex; no records: there are none. In b's memory
 * @return 0, -EINVAL or -ENOMEM
 */
int body_nameservers(struct body_rrsets *b, const json_t *document, const uint8_t *apex,
	uint32_t ttl, struct backend_rrset *set, char error[BODY_ERROR_OCTETS])
	__attribute__((warn_unused_result));

#define BODY_SOA_CONTENT "a.misconfigured.dns.server.invalid. hostmaster.@ 0 10800 3600 604800 3600"
/**
 * An SOA for a new zone that brings none. @param content  as PowerDNS's default-soa-content: '@'
 * stands for the zone. @return 0, -EINVAL or -ENOMEM
 */
int body_soa(struct body_rrsets *b, const char *content, const uint8_t *apex, uint32_t serial,
	uint32_t ttl, struct backend_rrset *set, char error[BODY_ERROR_OCTETS])
	__attribute__((warn_unused_result));
