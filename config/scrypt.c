/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scrypt: reads a password's hash in the PHC string format, in the order in which PowerDNS writes
 * it. No state; any thread. */
#include "config/config.h"

#include <errno.h>
#include <string.h>

#define LN_MAX 15u /* 32768, as PowerDNS has it: 32 MiB of memory with r 8 */
#define FACTOR_MAX 16u

/* "ln=10" and what ends it. @return what follows; NULL: it is none */
static const char *
read_number(const char *text, const char *name, char end, unsigned max, unsigned *out)
{
	size_t len = strlen(name);
	unsigned value = 0, digits = 0;

	if (strncmp(text, name, len) != 0)
		return NULL;
	for (text += len; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
		value = value * 10 + (unsigned)(*text - '0');
	if (digits == 0 || value == 0 || value > max || *text != end)
		return NULL;
	*out = value;
	return text + 1;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Exactly `n` octets in base64, padded or not, and what ends it. */
static const char *
read_base64(const char *text, char end, uint8_t *out, size_t n)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t at = 0;

	for (int digit; (digit = base64_digit(*text)) >= 0; text++) {
		bits = bits << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		if (at == n)
			return NULL;
		out[at++] = (uint8_t)(bits >> n_bits);
	}
	for (unsigned pad = 0; *text == '=' && pad < 2; pad++)
		text++;
	return at == n && *text == end ? text + 1 : NULL;
}

int
config_parse_scrypt(const char *text, struct config_scrypt *out)
{
	struct config_scrypt s;
	unsigned ln;
	const char *at = strncmp(text, "$scrypt$", 8) == 0 ? text + 8 : NULL;

	if (at)
		at = read_number(at, "ln=", ',', LN_MAX, &ln);
	if (at)
		at = read_number(at, "p=", ',', FACTOR_MAX, &s.p);
	if (at)
		at = read_number(at, "r=", '$', FACTOR_MAX, &s.r);
	if (at)
		at = read_base64(at, '$', s.salt, sizeof s.salt);
	if (at)
		at = read_base64(at, '\0', s.hash, sizeof s.hash);
	if (!at)
		return -EINVAL;
	s.n = UINT64_C(1) << ln;
	*out = s;
	return 0;
}
