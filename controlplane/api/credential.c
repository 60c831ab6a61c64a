/* SPDX-License-Identifier: GPL-3.0-or-later */
/* credential: see the header. */
#include "controlplane/api/credential.h"

#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCRYPT_MEMORY_MAX (160ull << 20) /* what the largest hash of the configuration needs */
#define SECRET_RANDOM_OCTETS 32u

static const char prefix[] = "mr_";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static_assert(TOKEN_SECRET_OCTETS == (SECRET_RANDOM_OCTETS * 8 + 5) / 6, "base64 without padding");

const char *
credential_bearer(const char *header)
{
	if (strncasecmp(header, "Bearer", 6) != 0 || header[6] != ' ')
		return NULL;
	header += 6 + strspn(header + 6, " ");
	return *header != '\0' ? header : NULL;
}

bool
credential_is_hash(const char *key)
{
	struct config_scrypt s;

	return config_parse_scrypt(key, &s) == 0;
}

void
credential_digest(const char *secret, uint8_t out[CREDENTIAL_DIGEST_OCTETS])
{
	SHA256((const unsigned char *)secret, strlen(secret), out);
}

bool
credential_digest_equal(
	const uint8_t a[CREDENTIAL_DIGEST_OCTETS], const uint8_t b[CREDENTIAL_DIGEST_OCTETS])
{
	return CRYPTO_memcmp(a, b, CREDENTIAL_DIGEST_OCTETS) == 0;
}

bool
credential_fits_key(const char *key, const char *secret)
{
	uint8_t want[CREDENTIAL_DIGEST_OCTETS], have[CREDENTIAL_DIGEST_OCTETS];
	struct config_scrypt s;

	if (strlen(secret) > CREDENTIAL_OCTETS_MAX)
		return false;
	if (config_parse_scrypt(key, &s) == 0)
		return EVP_PBE_scrypt(secret, strlen(secret), s.salt, sizeof s.salt, s.n, s.r, s.p,
			       SCRYPT_MEMORY_MAX, have, sizeof s.hash) == 1 &&
		       CRYPTO_memcmp(have, s.hash, sizeof s.hash) == 0;
	/* digests, so that the length tells nothing either */
	credential_digest(key, want);
	credential_digest(secret, have);
	return credential_digest_equal(want, have);
}

bool
credential_is_token(const char *secret, char id[TOKEN_ID_OCTETS + 1])
{
	const char *at = secret + strlen(prefix);

	if (strncmp(secret, prefix, strlen(prefix)) != 0 ||
		strnlen(secret, TOKEN_TEXT_OCTETS) != TOKEN_TEXT_OCTETS - 1 ||
		strspn(at, "0123456789abcdef") != TOKEN_ID_OCTETS || at[TOKEN_ID_OCTETS] != '_' ||
		strspn(at + TOKEN_ID_OCTETS + 1, base64url) != TOKEN_SECRET_OCTETS)
		return false;
	memcpy(id, at, TOKEN_ID_OCTETS);
	id[TOKEN_ID_OCTETS] = '\0';
	return true;
}

int
credential_make_token(char id[TOKEN_ID_OCTETS + 1], char text[TOKEN_TEXT_OCTETS])
{
	uint8_t random[SECRET_RANDOM_OCTETS + 1], name[TOKEN_ID_OCTETS / 2];
	char *out;

	if (RAND_bytes(random, SECRET_RANDOM_OCTETS) != 1 || RAND_bytes(name, sizeof name) != 1)
		return -EIO;
	random[SECRET_RANDOM_OCTETS] = 0; /* the last digit's other bits */
	if (id[0] == '\0')
		for (size_t i = 0; i < sizeof name; i++)
			sprintf(id + 2 * i, "%02x", name[i]);
	out = text + sprintf(text, "%s%s_", prefix, id);
	for (unsigned i = 0; i < TOKEN_SECRET_OCTETS; i++) {
		unsigned bit = 6 * i;
		unsigned two = (unsigned)random[bit / 8] << 8 |
			       random[bit / 8 + (bit / 8 < SECRET_RANDOM_OCTETS)];

		*out++ = base64url[two >> (10 - bit % 8) & 63];
	}
	*out = '\0';
	OPENSSL_cleanse(random, sizeof random);
	return 0;
}
