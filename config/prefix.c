/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prefix: "ADDR/LENGTH", and which addresses lie in it. Any thread. */
#include "config/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_TEXT_MAX 63u /* octets: INET6_ADDRSTRLEN and a length */
#define MAPPED_BITS 96u     /* of an IPv4 address in IPv6: ::ffff:0:0/96 */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static int
parse_length(const char *text, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (text[0] == '\0' || strlen(text) > 3)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		v = v * 10 + (unsigned)(*text - '0');
	}
	if (v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

/* No bit set behind the first `length`. */
static bool
ends_there(const uint8_t address[16], unsigned length)
{
	for (unsigned bit = length; bit < 128; bit++)
		if (address[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

int
config_parse_prefix(const char *text, struct config_prefix *out)
{
	struct config_prefix p = {0};
	char host[PREFIX_TEXT_MAX + 1];
	size_t len = strlen(text);
	unsigned max, length;
	char *slash;

	if (len > PREFIX_TEXT_MAX)
		return -EINVAL;
	memcpy(host, text, len + 1);
	slash = strchr(host, '/');
	if (slash)
		*slash++ = '\0';
	if (strchr(host, ':')) {
		max = 128;
		if (inet_pton(AF_INET6, host, p.address) != 1)
			return -EINVAL;
	} else {
		max = 32;
		memcpy(p.address, mapped, sizeof mapped);
		if (inet_pton(AF_INET, host, p.address + sizeof mapped) != 1)
			return -EINVAL;
	}
	length = max;
	if (slash && parse_length(slash, max, &length) != 0)
		return -EINVAL;
	p.bits = (uint8_t)(max == 32 ? length + MAPPED_BITS : length);
	if (!ends_there(p.address, p.bits))
		return -EINVAL;
	*out = p;
	return 0;
}

void
config_format_prefix(const struct config_prefix *p, char out[64])
{
	bool ip4 = p->bits >= MAPPED_BITS && memcmp(p->address, mapped, sizeof mapped) == 0;
	char host[INET6_ADDRSTRLEN];

	if (ip4)
		inet_ntop(AF_INET, p->address + sizeof mapped, host, sizeof host);
	else
		inet_ntop(AF_INET6, p->address, host, sizeof host);
	snprintf(out, 64, "%s/%u", host, ip4 ? p->bits - MAPPED_BITS : p->bits);
}

bool
config_prefix_has(const struct config_prefix *p, const struct sockaddr *sa)
{
	uint8_t address[16];
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (sa->sa_family == AF_INET6) {
		memcpy(address, &((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof address);
	} else if (sa->sa_family == AF_INET) {
		memcpy(address, mapped, sizeof mapped);
		memcpy(address + sizeof mapped, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	} else {
		return false;
	}
	if (memcmp(address, p->address, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ p->address[whole]) >> (8 - rest)) == 0;
}
