/* SPDX-License-Identifier: GPL-3.0-or-later */
/* utf8: what well-formed UTF-8 is (RFC 3629 4). Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/** Octets of the character at s, a text that a NUL ends; 0 when there is none. */
static inline unsigned
utf8_octets(const uint8_t *s)
{
	uint8_t low = 0x80, high = 0xbf;
	unsigned n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (unsigned i = 1; i < n; i++) { /* a NUL ends it as well */
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

/** Is all of a text that? */
static inline bool
utf8_is_text(const char *text)
{
	const uint8_t *s = (const uint8_t *)text;
	unsigned n = 1;

	while (*s != '\0' && (n = utf8_octets(s)) > 0)
		s += n;
	return n > 0;
}
