/* SPDX-License-Identifier: GPL-3.0-or-later */
/* extras: what only some backends keep: disabled records, comments, metadata, keys. Who cannot,
 * says so, and changes nothing. */
#include "conformance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOA(serial) "@ 300 SOA ns.other. host.other. " #serial " 3600 600 86400 300\n"

static void
disabled_records_are_kept_or_refused(void **state)
{
	need(BACKEND_CREATE | BACKEND_APPLY |
		BACKEND_STREAM); /* before anything that a skipped test would leave */

	const uint8_t *apex = wire("example.com.");
	struct made *m = made_from(apex, 1, 2,
		SOA(2) "a 300 A 192.0.2.1\na 300 A 192.0.2.2 ; disabled\nb 300 TXT x ; disabled\n");
	char *before, *after;
	void *i;

	i = open_instance();
	must_create(i, apex);
	before = dump(i, apex);
	if (api->capabilities & BACKEND_DISABLED) {
		assert_works(api->apply(i, &m->set, error));
		api->close(i);
		i = open_instance();
		after = dump(i, apex);
		assert_non_null(strstr(after, " !c0000202"));
		assert_non_null(strstr(after, " c0000201"));
		assert_non_null(strstr(after, " 16 300 !0178"));
	} else {
		assert_fails(api->apply(i, &m->set, error), EINVAL);
		after = dump(i, apex);
		assert_string_equal(after, before);
	}
	free(before);
	free(after);
	made_free(m);
	api->close(i);
}

static void
comments_are_kept_or_refused(void **state)
{
	need(BACKEND_CREATE | BACKEND_APPLY |
		BACKEND_STREAM); /* before anything that a skipped test would leave */

	const uint8_t *apex = wire("example.com.");
	struct made *m = made_from(apex, 1, 2, SOA(2) "a 300 A 192.0.2.1\n");
	const struct backend_comment comment[] = {
		{"said \"so\" | \xc3\xbc", "somebody", 1700000000}, {"and", "", 4000000000u}};
	char *before, *after;
	void *i;

	i = open_instance();
	must_create(i, apex);
	before = dump(i, apex);
	m->change[1].has_comments = true;
	m->change[1].rrset.comment = comment;
	m->change[1].rrset.n_comments = 2;
	if ((api->capabilities & BACKEND_COMMENTS) == 0) {
		assert_fails(api->apply(i, &m->set, error), EINVAL);
		after = dump(i, apex);
		assert_string_equal(after, before);
		goto done;
	}
	assert_works(api->apply(i, &m->set, error));
	api->close(i);
	i = open_instance();
	after = dump(i, apex);
	assert_non_null(strstr(after, "{said \"so\" | \xc3\xbc|somebody|1700000000}"));
	assert_non_null(strstr(after, "{and||4000000000}"));
	free(after);
	/* other records, and the comments stay */
	must_apply(i, apex, 2, 3, SOA(3) "a 300 A 192.0.2.9\n");
	after = dump(i, apex);
	assert_non_null(strstr(after, " c0000209 {"));
	free(after);
	/* the comments alone, to none */
	m->set.serial_before = 3;
	m->set.serial_after = 4;
	m->change[0].has_records = false;
	m->change[1].has_records = false;
	m->change[1].rrset.n_comments = 0;
	m->set.change = m->change + 1;
	m->set.n = 1;
	m->set.serial_after = 3;
	assert_works(api->apply(i, &m->set, error));
	after = dump(i, apex);
	assert_null(strchr(after, '{'));
	assert_non_null(strstr(after, " c0000209\n"));
	m->set.n = 2;
done:
	free(before);
	free(after);
	made_free(m);
	api->close(i);
}

/* --- metadata --- */

struct kept {
	char text[1024];
};

static int
keep_metadata(void *arg, const struct backend_metadata *m)
{
	struct kept *k = arg;
	size_t at = strlen(k->text);

	at += (size_t)snprintf(k->text + at, sizeof k->text - at, "%s:", m->kind);
	for (size_t i = 0; i < m->n; i++)
		at += (size_t)snprintf(k->text + at, sizeof k->text - at, " <%s>", m->value[i]);
	snprintf(k->text + at, sizeof k->text - at, "\n");
	return 0;
}

static void
metadata_are_kept(void **state)
{
	const uint8_t *apex = wire("example.com."), *other = wire("example.net.");
	const char *const value[] = {"192.0.2.0/24", "2001:db8::/32 \xc3\xbc"};
	struct backend_metadata m = {"ALLOW-AXFR-FROM", 2, value};
	struct backend_metadata own = {"X-Our-Own", 1, value + 1};
	struct kept k = {""};
	void *i;

	need(BACKEND_CREATE | BACKEND_METADATA);
	i = open_instance();
	must_create(i, apex);
	must_create(i, other);
	assert_works(api->metadata_set(i, apex, &m, error));
	assert_works(api->metadata_set(i, apex, &own, error));
	api->close(i);
	i = open_instance();
	assert_works(api->metadata_each(i, apex, keep_metadata, &k, error));
	assert_non_null(
		strstr(k.text, "ALLOW-AXFR-FROM: <192.0.2.0/24> <2001:db8::/32 \xc3\xbc>\n"));
	assert_non_null(strstr(k.text, "X-Our-Own: <2001:db8::/32 \xc3\xbc>\n"));
	k.text[0] = '\0';
	assert_works(api->metadata_each(i, other, keep_metadata, &k, error));
	assert_string_equal(k.text, "");
	m.n = 1;
	own.n = 0;
	assert_works(api->metadata_set(i, apex, &m, error));
	assert_works(api->metadata_set(i, apex, &own, error));
	assert_works(api->metadata_each(i, apex, keep_metadata, &k, error));
	assert_string_equal(k.text, "ALLOW-AXFR-FROM: <192.0.2.0/24>\n");
	/* a zone that is made again has none of it */
	assert_works(api->remove(i, apex, error));
	assert_fails(api->metadata_set(i, apex, &m, error), ENOENT);
	assert_fails(api->metadata_each(i, apex, keep_metadata, &k, error), ENOENT);
	must_create(i, apex);
	k.text[0] = '\0';
	assert_works(api->metadata_each(i, apex, keep_metadata, &k, error));
	assert_string_equal(k.text, "");
	api->close(i);
}

/* --- keys --- */

static int
keep_key(void *arg, const struct backend_key *key)
{
	struct kept *k = arg;
	size_t at = strlen(k->text);

	assert_true(key->id != 0);
	snprintf(k->text + at, sizeof k->text - at, "%u %d %d <%s>\n", key->flags, key->active,
		key->published, key->content);
	return 0;
}

static void
dnssec_keys_are_kept(void **state)
{
	const uint8_t *apex = wire("example.com.");
	struct backend_key key = {.flags = 257,
		.active = true,
		.content = "Private-key-format: v1.2\n"
			   "Algorithm: 13\n"};
	struct backend_key second = {.flags = 256, .published = true, .content = "second"};
	uint32_t id = 0, second_id = 0;
	struct kept k = {""};
	void *i;

	need(BACKEND_CREATE | BACKEND_KEYS);
	i = open_instance();
	must_create(i, apex);
	assert_works(api->key_add(i, apex, &key, &id, error));
	assert_works(api->key_add(i, apex, &second, &second_id, error));
	assert_true(id != 0 && second_id != 0 && id != second_id);
	key.id = id;
	key.active = false;
	key.published = true;
	key.content = "";
	assert_works(api->key_set(i, apex, &key, error));
	api->close(i);
	i = open_instance();
	assert_works(api->keys_each(i, apex, keep_key, &k, error));
	assert_non_null(strstr(k.text, "257 0 1 <Private-key-format: v1.2\nAlgorithm: 13\n>\n"));
	assert_non_null(strstr(k.text, "256 0 1 <second>\n"));
	assert_works(api->key_remove(i, apex, second_id, error));
	assert_fails(api->key_remove(i, apex, second_id, error), ENOENT);
	key.id = second_id;
	assert_fails(api->key_set(i, apex, &key, error), ENOENT);
	k.text[0] = '\0';
	assert_works(api->keys_each(i, apex, keep_key, &k, error));
	assert_null(strstr(k.text, "second"));
	assert_fails(api->keys_each(i, wire("no.such."), keep_key, &k, error), ENOENT);
	assert_fails(api->key_add(i, wire("no.such."), &second, &id, error), ENOENT);
	api->close(i);
}

static int
keep_tsig(void *arg, const struct backend_tsig *key)
{
	struct kept *k = arg;
	size_t at = strlen(k->text);

	at += (size_t)snprintf(k->text + at, sizeof k->text - at, "%u ", key->name[0]);
	snprintf(k->text + at, sizeof k->text - at, "%s %s\n", key->algorithm, key->secret);
	return 0;
}

static void
tsig_keys_are_kept(void **state)
{
	struct backend_tsig a = {wire("first.key."), "hmac-sha256", "Zmlyc3Q="};
	struct backend_tsig b = {wire("se\\.cond."), "hmac-md5", "c2Vjb25k"};
	struct kept k = {""};
	void *i;

	need(BACKEND_TSIG);
	i = open_instance();
	assert_works(api->tsig_set(i, &a, error));
	assert_works(api->tsig_set(i, &b, error));
	api->close(i);
	i = open_instance();
	assert_works(api->tsig_each(i, keep_tsig, &k, error));
	assert_non_null(strstr(k.text, "5 hmac-sha256 Zmlyc3Q=\n"));
	assert_non_null(strstr(k.text, "7 hmac-md5 c2Vjb25k\n"));
	a.secret = "b3RoZXI=";
	a.algorithm = "hmac-sha512";
	assert_works(api->tsig_set(i, &a, error));
	assert_works(api->tsig_remove(i, b.name, error));
	assert_fails(api->tsig_remove(i, b.name, error), ENOENT);
	k.text[0] = '\0';
	assert_works(api->tsig_each(i, keep_tsig, &k, error));
	assert_string_equal(k.text, "5 hmac-sha512 b3RoZXI=\n");
	api->close(i);
}

int
run_extra_tests(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_source, remove_source)
	const struct CMUnitTest tests[] = {
		TEST(disabled_records_are_kept_or_refused),
		TEST(comments_are_kept_or_refused),
		TEST(metadata_are_kept),
		TEST(dnssec_keys_are_kept),
		TEST(tsig_keys_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
