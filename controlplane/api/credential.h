/* SPDX-License-Identifier: GPL-3.0-or-later */
/* credential: what a request shows to be let in, and whether it is right. Parses what a client
 * sent, so: bounded, no heap, fuzzed. Comparisons take the same time wherever they differ. Pure
 * functions, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CREDENTIAL_OCTETS_MAX 512u /* longer is none */
#define CREDENTIAL_DIGEST_OCTETS 32u
/* A token as its holder has it: "mr_", its id, '_' and 256 random bits in base64url. */
#define TOKEN_ID_OCTETS 12u     /* hex digits; without the NUL */
#define TOKEN_SECRET_OCTETS 43u /* base64url */
#define TOKEN_TEXT_OCTETS                                                      \
	(3u + TOKEN_ID_OCTETS + 1u + TOKEN_SECRET_OCTETS + 1u) /* with the NUL \
								*/

/** The secret of an Authorization header of the scheme Bearer (RFC 6750 2.1), or NULL. */
const char *credential_bearer(const char *header);

/** Does this secret fit the key of the configuration, which may be a hash? Takes as long as scrypt
 * does then. */
bool credential_fits_key(const char *key, const char *secret);
/** Is that key a hash? */
bool credential_is_hash(const char *key);

/** Is it written as a token is? @param[out] id  with a NUL */
bool credential_is_token(const char *secret, char id[TOKEN_ID_OCTETS + 1]);
/** What is kept of a token. */
void credential_digest(const char *secret, uint8_t out[CREDENTIAL_DIGEST_OCTETS]);
bool credential_digest_equal(
	const uint8_t a[CREDENTIAL_DIGEST_OCTETS], const uint8_t b[CREDENTIAL_DIGEST_OCTETS]);
/** Make a secret for this id; id "": make an id, too. @return 0 or -EIO */
int credential_make_token(char id[TOKEN_ID_OCTETS + 1], char text[TOKEN_TEXT_OCTETS])
	__attribute__((warn_unused_result));
