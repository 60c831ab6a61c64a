/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token's limits as a client writes them, an Authorization header, a hashed key: the first octet
 * chooses. What is taken comes out of the store the same; a secret fits what was made of it. */
#include "fuzz.h"

#include "controlplane/api/json_body.h"
#include "controlplane/api/token_private.h"

#include <stdlib.h>
#include <string.h>

#define ID "0123456789ab"

static void
check_limits(const char *text, size_t len)
{
	static const uint8_t name[ZONE_WIRE_OCTETS] = "\x0f_acme-challenge\x07"
						      "example\x03org";
	char error[JSON_BODY_ERROR_OCTETS] = "", *stored, *again;
	json_t *o = json_body_load(text, len, error), *shown;
	struct token *t, *back;

	_Static_assert(JSON_BODY_ERROR_OCTETS >= TOKEN_ERROR_OCTETS, "one buffer for both");
	if (o == NULL)
		return;
	if (token_create(&t, o, error) != 0) {
		FUZZ_CHECK(error[0] != '\0' && memchr(error, '\0', sizeof error) != NULL);
		json_decref(o);
		return;
	}
	json_decref(o);
	strcpy(t->id, ID);
	FUZZ_CHECK(t->full || t->n_zones > 0 || t->server);
	if (token_allows_rrset(t, name, 16) && !token_is_limited(t))
		FUZZ_CHECK(token_allows_rrset(t, name, 1));
	(void)token_allows_zone(t, name + 16);
	shown = token_show(t, 0);
	FUZZ_CHECK(shown != NULL);
	json_decref(shown);
	stored = token_store_text(t);
	FUZZ_CHECK(stored != NULL && token_load(&back, ID, stored, error) == 0);
	again = token_store_text(back);
	FUZZ_CHECK(again != NULL && strcmp(stored, again) == 0);
	FUZZ_CHECK(back->n_zones == t->n_zones && back->n_owners == t->n_owners &&
		   back->n_types == t->n_types && back->methods == t->methods);
	free(stored);
	free(again);
	token_release(back);
	token_release(t);
}

static void
check_stored(const char *text)
{
	char error[TOKEN_ERROR_OCTETS] = "";
	struct token *t;

	if (token_load(&t, ID, text, error) == 0)
		token_release(t);
	else
		FUZZ_CHECK(error[0] != '\0');
}

static void
check_secret(const char *text)
{
	const char *bearer = credential_bearer(text);
	char id[TOKEN_ID_OCTETS + 1];
	struct config_scrypt hash;

	FUZZ_CHECK(bearer == NULL || *bearer != '\0');
	if (credential_is_token(text, id))
		FUZZ_CHECK(strlen(id) == TOKEN_ID_OCTETS);
	if (config_parse_scrypt(text, &hash) == 0)
		FUZZ_CHECK(hash.n >= 2 && hash.n <= 32768 && hash.p >= 1 && hash.p <= 16 &&
			   hash.r >= 1 && hash.r <= 16);
	else
		FUZZ_CHECK(strlen(text) > CREDENTIAL_OCTETS_MAX || credential_fits_key(text, text));
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len == 0)
		return 0;
	text = malloc(len);
	FUZZ_CHECK(text != NULL);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	switch (data[0] % 3) {
	case 0:
		check_limits(text, len - 1);
		break;
	case 1:
		check_stored(text);
		break;
	case 2:
		check_secret(text);
		break;
	}
	free(text);
	return 0;
}
