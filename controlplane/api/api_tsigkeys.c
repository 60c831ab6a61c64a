/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_tsigkeys: TSIG keys, as PowerDNS's API has them. They are rows of the store: name in
 * presentation format (folded, with its final dot) -> {"algorithm", "key"}. Secrets are cleared in
 * memory of ours when they were used. */
#include "controlplane/api/access.h"
#include "controlplane/api/api_store.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define KEY_OCTETS_MAX 1024u  /* of a secret in base64; PowerDNS's databases have 255 */
#define NAME_OCTETS_KEPT 480u /* of a row's key in the store, as it allows */
#define ALGORITHM_SHOWN 100

/* RFC 8945 6, and how many octets a new key has: PowerDNS's choice. */
static const struct algorithm {
	const char *name;
	unsigned octets;
} algorithm[] = {
	{"hmac-md5", 32},
	{"hmac-md5.sig-alg.reg.int", 32},
	{"hmac-sha1", 32},
	{"hmac-sha224", 32},
	{"hmac-sha256", 64},
	{"hmac-sha384", 64},
	{"hmac-sha512", 64},
};

/* A name of an algorithm, with or without its final dot, in whatever case. */
static const struct algorithm *
find_algorithm(const char *text)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '.')
		len--;
	for (size_t i = 0; i < sizeof algorithm / sizeof algorithm[0]; i++)
		if (strlen(algorithm[i].name) == len &&
			strncasecmp(algorithm[i].name, text, len) == 0)
			return &algorithm[i];
	return NULL;
}

static bool
is_base64(const char *text)
{
	uint8_t octets[KEY_OCTETS_MAX];
	size_t len = strlen(text);
	bool good;

	if (len == 0 || len % 4 != 0 || len > KEY_OCTETS_MAX)
		return false;
	good = EVP_DecodeBlock(octets, (const uint8_t *)text, (int)len) > 0;
	OPENSSL_cleanse(octets, sizeof octets);
	return good;
}

struct key {
	char name[ZONE_TEXT_OCTETS]; /* folded, final dot */
	const struct algorithm *algorithm;
	char secret[KEY_OCTETS_MAX + 1];
};

/* @param secret  NULL: it is not shown */
static void
write_key(struct json_writer *w, const char *name, const char *algorithm_name, const char *secret)
{
	char id[ZONE_ID_OCTETS], plain[ZONE_TEXT_OCTETS];
	uint8_t wire[ZONE_WIRE_OCTETS];
	size_t len = strlen(name);

	if (zone_wire_from_text(wire, name) < 0)
		return; /* a row that somebody else wrote */
	zone_id_from_wire(id, wire);
	memcpy(plain, name, len + 1);
	if (len > 1)
		plain[len - 1] = '\0';
	json_open_object(w, NULL);
	json_str(w, "algorithm", algorithm_name);
	json_str(w, "id", id);
	json_str(w, "key", secret != NULL ? secret : "");
	json_str(w, "name", plain);
	json_str(w, "type", "TSIGKey");
	json_close_object(w);
}

static int
list_key(void *arg, const char *name, const char *value)
{
	json_t *row = json_loads(value, 0, NULL);
	const char *algorithm_name = json_string_value(json_object_get(row, "algorithm"));

	if (algorithm_name != NULL)
		write_key(arg, name, algorithm_name, NULL);
	json_decref(row);
	return 0;
}

void
api_tsigkeys_list(struct api_request *r)
{
	struct store_txn *t;
	int ret;

	if (!access_server(r) || (t = api_store_read(r)) == NULL)
		return;
	json_open_array(&r->out, NULL);
	ret = store_row_each(t, STORE_TSIG, "", list_key, &r->out);
	json_close_array(&r->out);
	store_end(t);
	if (ret != 0)
		api_answer_store_error(r, ret);
}

/* --- one key of the store --- */

static int
load_key(struct store_txn *t, struct key *k)
{
	const char *value, *secret;
	json_t *row;
	int ret = store_row_get(t, STORE_TSIG, k->name, &value);

	if (ret != 0)
		return ret;
	row = json_loads(value, 0, NULL);
	secret = json_string_value(json_object_get(row, "key"));
	k->algorithm = find_algorithm(json_is_string(json_object_get(row, "algorithm"))
					      ? json_string_value(json_object_get(row, "algorithm"))
					      : "");
	if (k->algorithm == NULL || secret == NULL || strlen(secret) > KEY_OCTETS_MAX)
		ret = -EPROTO;
	else
		strcpy(k->secret, secret);
	json_decref(row);
	return ret;
}

static int
save_key(struct store_txn *t, const struct key *k)
{
	json_t *row = json_pack("{s:s, s:s}", "algorithm", k->algorithm->name, "key", k->secret);
	char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
	int ret = text != NULL ? store_row_put(t, STORE_TSIG, k->name, text) : -ENOMEM;

	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
	json_decref(row);
	return ret;
}

/* The key that the path names. */
static bool
take_id(struct api_request *r, char name[ZONE_TEXT_OCTETS])
{
	uint8_t wire[ZONE_WIRE_OCTETS];

	if (!access_server(r))
		return false;
	if (zone_key_from_id(wire, r->match.param[0]) < 0 || zone_key_variant(wire) > 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse DNS Name '%.300s'", r->match.param[0]);
		return false;
	}
	zone_text_from_wire(name, wire);
	return true;
}

static void
answer_no_key(struct api_request *r, const char *name)
{
	api_request_error(r, MHD_HTTP_NOT_FOUND, "TSIG key with name '%.*s' not found",
		(int)strlen(name) - (strlen(name) > 1), name);
}

void
api_tsigkey_get(struct api_request *r)
{
	struct store_txn *t;
	struct key k;
	int ret;

	if (!take_id(r, k.name) || (t = api_store_read(r)) == NULL)
		return;
	ret = load_key(t, &k);
	store_end(t);
	if (ret == -ENOENT)
		answer_no_key(r, k.name);
	else if (ret != 0)
		api_answer_store_error(r, ret);
	else
		write_key(&r->out, k.name, k.algorithm->name, k.secret);
	OPENSSL_cleanse(&k, sizeof k);
}

/* --- changing --- */

struct key_job {
	struct api_job base;
	char before[ZONE_TEXT_OCTETS]; /* which key is changed or removed; "": a new one */
	bool remove;
	bool has_name, has_algorithm, has_secret; /* what of `key` is to be */
	struct key key;                           /* as it is then */
};

static void
free_key_job(struct api_job *base)
{
	struct key_job *j = (struct key_job *)base;

	OPENSSL_cleanse(&j->key, sizeof j->key);
}

static bool
take_name(struct api_request *r, struct key_job *j, const char *text)
{
	uint8_t wire[ZONE_WIRE_OCTETS];

	if (zone_wire_from_text(wire, text) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse DNS Name '%.300s'", text);
		return false;
	}
	zone_text_from_wire(j->key.name, wire);
	j->has_name = strlen(j->key.name) <= NAME_OCTETS_KEPT;
	if (!j->has_name)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"name: with its escapes it is longer than the %u octets that can be kept",
			NAME_OCTETS_KEPT);
	return j->has_name;
}

/* @param status  of an algorithm that there is not */
static bool
take_algorithm(struct api_request *r, struct key_job *j, const char *text, unsigned status)
{
	j->key.algorithm = find_algorithm(text);
	j->has_algorithm = true;
	if (j->key.algorithm == NULL)
		api_request_error(r, status, "Unknown TSIG algorithm: %.*s", ALGORITHM_SHOWN, text);
	return j->key.algorithm != NULL;
}

/* @param format  of the message for what is no base64 */
static bool
take_secret(struct api_request *r, struct key_job *j, const char *text, const char *before,
	const char *behind)
{
	j->has_secret = is_base64(text);
	if (j->has_secret)
		strcpy(j->key.secret, text);
	else
		api_request_error(
			r, MHD_HTTP_UNPROCESSABLE_CONTENT, "%s'%.300s'%s", before, text, behind);
	return j->has_secret;
}

static bool
make_secret(struct api_request *r, struct key_job *j)
{
	uint8_t octets[64];

	static_assert(KEY_OCTETS_MAX >= (sizeof octets + 2) / 3 * 4, "it fits");
	if (RAND_bytes(octets, (int)j->key.algorithm->octets) != 1) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "No random numbers");
		return false;
	}
	EVP_EncodeBlock((uint8_t *)j->key.secret, octets, (int)j->key.algorithm->octets);
	OPENSSL_cleanse(octets, sizeof octets);
	j->has_secret = true;
	return true;
}

/* What is asked for, of the key as it is. */
static void
merge(struct key_job *j, const struct key *now)
{
	if (!j->has_name)
		strcpy(j->key.name, now->name);
	if (!j->has_algorithm)
		j->key.algorithm = now->algorithm;
	if (!j->has_secret)
		strcpy(j->key.secret, now->secret);
}

/* What the audit log may know of a key. NULL: out of memory */
static json_t *
known_of(const struct key *k)
{
	return json_pack("{s:s, s:s}", "name", k->name, "algorithm", k->algorithm->name);
}

/* @param now  as it was; a new one: its name is empty */
static int
tell(struct key_job *j, struct store_txn *t, const struct key *now)
{
	json_t *before = j->before[0] != '\0' ? known_of(now) : NULL;
	json_t *after = j->remove ? NULL : known_of(&j->key);

	if (after != NULL && before != NULL && strcmp(now->secret, j->key.secret) != 0)
		json_object_set_new(after, "secret", json_string("another one"));
	return api_job_tell(&j->base, t, "tsigkey", j->before[0] != '\0' ? j->before : j->key.name,
		before, after);
}

/* Writer's thread. */
static int
apply_key(struct change_job *job, struct store_txn *t)
{
	struct key_job *j = (struct key_job *)job;
	struct key now = {0};
	const char *other;
	int ret = 0;

	if (j->before[0] != '\0') {
		strcpy(now.name, j->before);
		ret = load_key(t, &now);
		if (ret == -ENOENT)
			ret = change_refuse(&job->error, CHANGE_NOT_FOUND,
				"TSIG key with name '%.*s' not found",
				(int)strlen(j->before) - (strlen(j->before) > 1), j->before);
		if (ret == 0)
			merge(j, &now);
	}
	if (ret == 0 && !j->remove && strcmp(j->before, j->key.name) != 0 &&
		store_row_get(t, STORE_TSIG, j->key.name, &other) == 0)
		ret = change_refuse(&job->error, CHANGE_CONFLICT,
			"A TSIG key with the name '%.*s' already exists",
			(int)strlen(j->key.name) - (strlen(j->key.name) > 1), j->key.name);
	if (ret == 0 && !j->remove)
		ret = save_key(t, &j->key);
	if (ret == 0 && j->before[0] != '\0' && (j->remove || strcmp(j->before, j->key.name) != 0))
		ret = store_row_remove(t, STORE_TSIG, j->before);
	if (ret == 0)
		ret = tell(j, t, &now);
	OPENSSL_cleanse(&now, sizeof now);
	return ret;
}

static void
key_changed(struct api_request *r)
{
	struct key_job *j = api_job_of(r);

	if (j == NULL)
		return;
	if (j->remove) {
		api_request_done(r);
		return;
	}
	if (j->before[0] == '\0')
		r->status = MHD_HTTP_CREATED;
	write_key(&r->out, j->key.name, j->key.algorithm->name, j->key.secret);
}

static bool
take_new_key(struct api_request *r, struct key_job *j, const json_t *body)
{
	const char *secret = json_string_value(json_object_get(body, "key"));
	const char *name = api_need_string(r, body, "name");
	const char *word = name != NULL ? api_need_string(r, body, "algorithm") : NULL;

	if (word == NULL || !take_name(r, j, name))
		return false;
	if (secret == NULL || secret[0] == '\0')
		return take_algorithm(r, j, word, MHD_HTTP_BAD_REQUEST) && make_secret(r, j);
	return take_algorithm(r, j, word, MHD_HTTP_UNPROCESSABLE_CONTENT) &&
	       take_secret(r, j, secret, "TSIG content ", " cannot be base64-decoded");
}

void
api_tsigkey_add(struct api_request *r)
{
	struct key_job *j;
	json_t *body;

	if (!access_server(r) || (body = api_request_object(r)) == NULL)
		return;
	j = api_job_new(r, sizeof *j, free_key_job);
	if (j != NULL && take_new_key(r, j, body))
		api_job_run(r, apply_key, key_changed);
	json_decref(body);
}

/* Members that are strings count; others are as if they were not there. */
static bool
take_change(struct api_request *r, struct key_job *j, const json_t *body)
{
	const char *name = json_string_value(json_object_get(body, "name"));
	const char *word = json_string_value(json_object_get(body, "algorithm"));
	const char *secret = json_string_value(json_object_get(body, "key"));

	return (name == NULL || take_name(r, j, name)) &&
	       (word == NULL || take_algorithm(r, j, word, MHD_HTTP_UNPROCESSABLE_CONTENT)) &&
	       (secret == NULL ||
		       take_secret(r, j, secret, "Can not base64 decode key content ", ""));
}

void
api_tsigkey_change(struct api_request *r)
{
	char name[ZONE_TEXT_OCTETS];
	struct key_job *j;
	json_t *body;

	if (!take_id(r, name) || (body = api_request_object(r)) == NULL)
		return;
	j = api_job_new(r, sizeof *j, free_key_job);
	if (j != NULL) {
		strcpy(j->before, name);
		if (take_change(r, j, body))
			api_job_run(r, apply_key, key_changed);
	}
	json_decref(body);
}

void
api_tsigkey_remove(struct api_request *r)
{
	char name[ZONE_TEXT_OCTETS];
	struct key_job *j;

	if (!take_id(r, name))
		return;
	j = api_job_new(r, sizeof *j, free_key_job);
	if (j == NULL)
		return;
	strcpy(j->before, name);
	j->remove = true;
	api_job_run(r, apply_key, key_changed);
}
