/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Server cookies against the examples of RFC 9018, appendix A. */
#include "dataplane/answer/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void
from_hex(uint8_t *out, const char *hex)
{
	for (; *hex != '\0'; hex += 2)
		assert_int_equal(sscanf(hex, "%2hhx", out++), 1);
}

/* RFC 9018 appendix A.1 and A.3 */
static void
cookies_are_those_of_rfc_9018(void **state)
{
	struct settings s = {0};
	uint8_t option[24], client[16] = {[10] = 0xff, [11] = 0xff, 198, 51, 100, 100}, out[24],
			    want[24];

	(void)state;
	from_hex(s.cookie_secret, "e5e973e5a6b2a43f48e7dc849e37bfcf");
	from_hex(option, "2464c4abcf10c957");
	from_hex(want, "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
	cookie_make(&s, option, 8, client, 1559731985, out);
	assert_memory_equal(out, want, 24);
	/* sent back while fresh, renewed when half an hour old, not accepted with a changed octet
	 */
	cookie_make(&s, out, 24, client, 1559731985 + 1800, option);
	assert_memory_equal(option, want, 24);
	cookie_make(&s, out, 24, client, 1559731985 + 1801, option);
	assert_memory_not_equal(option, want, 24);
	out[20] ^= 1;
	cookie_make(&s, out, 24, client, 1559731985 + 10, option);
	assert_memory_not_equal(option, out, 24);

	from_hex(s.cookie_secret, "445536bcd2513298075a5d379663c962");
	from_hex(client, "20010db80220000159ded0f4876982b8");
	from_hex(option,
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8"); /* made with another secret */
	from_hex(want, "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
	cookie_make(&s, option, 24, client, 1559741961, out);
	assert_memory_equal(out, want, 24);
}

/* What operators look at before they take the old secret out of the configuration. */
static void
cookies_of_the_old_secret_are_told_from_false_ones(void **state)
{
	struct settings before = {.cookie_secret = "0123456789abcde"}, s = {0};
	uint8_t client[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}, other[16] = {[15] = 1};
	uint8_t received[24] = "client..", out[24];

	(void)state;
	memcpy(before.cookie_secret_old, before.cookie_secret, 16);
	assert_int_equal(cookie_make(&before, received, 8, client, 1000, received), COOKIE_NEW);
	assert_int_equal(cookie_make(&before, received, 24, client, 4600, out), COOKIE_VALID);
	assert_int_equal(cookie_make(&before, received, 24, client, 4601, out), COOKIE_INVALID);
	assert_int_equal(cookie_make(&before, received, 24, client, 699, out), COOKIE_INVALID);
	assert_int_equal(cookie_make(&before, received, 24, other, 1000, out), COOKIE_INVALID);
	assert_int_equal(cookie_make(&before, received, 23, client, 1000, out), COOKIE_INVALID);
	memcpy(s.cookie_secret, "fedcba9876543210", 16);
	memcpy(s.cookie_secret_old, before.cookie_secret, 16);
	assert_int_equal(cookie_make(&s, received, 24, client, 1000, out), COOKIE_VALID_OLD);
	/* and the client gets one of the new secret */
	assert_memory_not_equal(out, received, 24);
	assert_int_equal(cookie_make(&s, out, 24, client, 1000, out), COOKIE_VALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_those_of_rfc_9018),
		cmocka_unit_test(cookies_of_the_old_secret_are_told_from_false_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
