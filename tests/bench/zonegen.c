/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zonegen: deterministic zone files. */
#include "tests/bench/zonegen.h"

#include <string.h>

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185u;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44du;
	return x ^ x >> 33;
}

unsigned
zonegen_label(
	const struct zonegen *z, enum zonegen_kind kind, uint32_t i, char out[ZONEGEN_LABEL_MAX])
{
	static const char letter[] = "hdcwx";
	uint64_t r = mix((uint64_t)kind << 32 | i);
	unsigned n = 8, more = z->varied ? (unsigned)(r % 12) : 0;

	out[0] = letter[kind];
	for (unsigned k = 7; k >= 1; k--, i /= 36) /* 36^7 > 2^32 */
		out[k] = "0123456789abcdefghijklmnopqrstuvwxyz"[i % 36];
	for (r >>= 4; more-- > 0; r /= 26)
		out[n++] = (char)('a' + r % 26);
	out[n] = 0;
	return n;
}

uint32_t
zonegen_address(uint32_t i)
{
	return 0x0a000000u + (i & 0xffffff); /* 10.0.0.0/8 */
}

static int
write_name(FILE *f, const struct zonegen *z, enum zonegen_kind kind, uint32_t i)
{
	char label[ZONEGEN_LABEL_MAX], target[ZONEGEN_LABEL_MAX];
	uint32_t a = zonegen_address(i);
	char address[16];

	zonegen_label(z, kind, i, label);
	snprintf(address, sizeof address, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
		a & 255);
	switch (kind) {
	case ZONEGEN_HOST:
		return fprintf(f, "%s A %s\n", label, address);
	case ZONEGEN_DELEGATION:
		return fprintf(f, "%s NS ns.%s\nns.%s A %s\n", label, label, label, address);
	case ZONEGEN_CNAME:
		zonegen_label(z, ZONEGEN_HOST, zonegen_target(z, i), target);
		return fprintf(f, "%s CNAME %s\n", label, target);
	case ZONEGEN_WILDCARD:
		return fprintf(f, "*.%s A %s\n", label, address);
	default:
		return -1;
	}
}

int
zonegen_write(FILE *f, const struct zonegen *z)
{
	fprintf(f,
		"$ORIGIN %s\n$TTL 3600\n"
		"@ SOA ns1 hostmaster 2026010100 7200 3600 1209600 300\n"
		"@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n",
		z->origin);
	for (unsigned kind = 0; kind < ZONEGEN_KINDS; kind++)
		for (uint32_t i = 0; i < z->n[kind]; i++)
			if (write_name(f, z, (enum zonegen_kind)kind, i) < 0)
				return -1;
	return fflush(f) == 0 && !ferror(f) ? 0 : -1;
}
