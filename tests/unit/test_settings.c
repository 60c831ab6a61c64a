/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's settings, made from the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/settings.h"

static struct settings
made(const struct config *c, const struct settings *previous)
{
	struct settings s;
	const char *error;

	assert_int_equal(settings_from_config(&s, c, previous, &error), 0);
	assert_int_equal(s.magic, SETTINGS_MAGIC);
	return s;
}

static void
texts_are_octets_or_hex(void **state)
{
	struct config c = {0};
	struct settings s;

	c.answers.nsid = "0x00fFa1";
	c.answers.version = "0x41"; /* text: only the NSID may be binary */
	s = made(&c, NULL);
	assert_int_equal(s.nsid.len, 3);
	assert_memory_equal(s.nsid.octets, "\x00\xff\xa1", 3);
	assert_int_equal(s.version.len, 4);
	assert_memory_equal(s.version.octets, "0x41", 4);
	assert_int_equal(s.identity.len, 0);
	c.answers.nsid = "ns1";
	s = made(&c, NULL);
	assert_int_equal(s.nsid.len, 3);
	assert_memory_equal(s.nsid.octets, "ns1", 3);
}

static void
texts_that_do_not_fit_are_refused(void **state)
{
	char text[SETTINGS_TEXT_MAX + 2], hex[2 * SETTINGS_TEXT_MAX + 5] = "0x";
	const char *const bad[] = {text, hex, "0x0", "0x0g", "0xg0"};
	struct config c = {0};
	struct settings s, before;
	const char *error = NULL;

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memset(hex + 2, 'a', sizeof hex - 3);
	hex[sizeof hex - 1] = '\0';
	memset(&s, 7, sizeof s);
	before = s;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		c.answers.nsid = bad[i];
		assert_int_equal(settings_from_config(&s, &c, NULL, &error), -EINVAL);
		assert_non_null(strstr(error, "answers.nsid"));
		assert_memory_equal(&s, &before, sizeof s);
	}
	text[SETTINGS_TEXT_MAX] = '\0';
	c.answers.nsid = text;
	assert_int_equal(made(&c, NULL).nsid.len, SETTINGS_TEXT_MAX);
}

static void
a_random_cookie_secret_outlives_the_control_plane(void **state)
{
	struct config c = {.answers.cookies = true};
	struct settings first = made(&c, NULL), other = made(&c, NULL), again = made(&c, &first);

	assert_int_equal(first.cookies, 1);
	assert_memory_not_equal(first.cookie_secret, other.cookie_secret, 16);
	assert_memory_equal(first.cookie_secret, again.cookie_secret, 16);
	assert_memory_equal(first.cookie_secret, first.cookie_secret_old, 16);
}

static void
configured_cookie_secrets_win(void **state)
{
	struct config c = {.answers = {.cookie_secret_set = true, .cookie_secret_old_set = true}};
	struct settings previous = {.magic = SETTINGS_MAGIC, .cookie_secret = {1}}, s;

	memset(c.answers.cookie_secret, 0xaa, 16);
	memset(c.answers.cookie_secret_old, 0xbb, 16);
	s = made(&c, &previous);
	assert_memory_equal(s.cookie_secret, c.answers.cookie_secret, 16);
	assert_memory_equal(s.cookie_secret_old, c.answers.cookie_secret_old, 16);
}

static void
the_idle_timeout_is_announced_in_tenths_of_seconds(void **state)
{
	struct config c = {.stream.idle_timeout_ms = 10000};

	assert_int_equal(made(&c, NULL).tcp_keepalive_ds, 100);
	c.stream.idle_timeout_ms = UINT32_MAX;
	assert_int_equal(made(&c, NULL).tcp_keepalive_ds, UINT16_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_octets_or_hex),
		cmocka_unit_test(texts_that_do_not_fit_are_refused),
		cmocka_unit_test(a_random_cookie_secret_outlives_the_control_plane),
		cmocka_unit_test(configured_cookie_secrets_win),
		cmocka_unit_test(the_idle_timeout_is_announced_in_tenths_of_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
