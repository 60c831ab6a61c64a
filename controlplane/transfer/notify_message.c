/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify_message: a NOTIFY and its answer, as octets (RFC 1996 3). */
#include "controlplane/transfer/notify_send.h"

#include "shm/name.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEADER 12u
#define OPCODE_NOTIFY 4u
#define TYPE_SOA 6u
#define CLASS_IN 1u
#define FLAG_QR 0x80u
#define FLAG_AA 0x04u

static void
put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

size_t
notify_message(uint8_t out[NOTIFY_MESSAGE_OCTETS], uint16_t id, const uint8_t *apex)
{
	size_t len = name_octets(apex);

	memset(out, 0, HEADER);
	put16(out, id);
	out[2] = OPCODE_NOTIFY << 3 | FLAG_AA;
	put16(out + 4, 1);
	memcpy(out + HEADER, apex, len);
	put16(out + HEADER + len, TYPE_SOA);
	put16(out + HEADER + len + 2, CLASS_IN);
	return HEADER + len + 4;
}

static bool
names_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t x = a[i], y = b[i];
		if (x >= 'A' && x <= 'Z')
			x |= 0x20; /* a length is below 64, so no length is taken for a letter */
		if (y >= 'A' && y <= 'Z')
			y |= 0x20;
		if (x != y)
			return false;
	}
	return true;
}

int
notify_answer(const uint8_t *octets, size_t len, uint16_t id, const uint8_t *apex)
{
	size_t name = name_octets(apex);

	if (len < HEADER || octets[0] != id >> 8 || octets[1] != (id & 0xff) ||
		(octets[2] & FLAG_QR) == 0 || (octets[2] >> 3 & 0xf) != OPCODE_NOTIFY)
		return -EBADMSG;
	/* some answer errors without the question */
	if ((octets[4] | octets[5]) != 0 &&
		(len < HEADER + name + 4 || !names_equal(octets + HEADER, apex, name)))
		return -EBADMSG;
	return octets[3] & 0xf;
}
