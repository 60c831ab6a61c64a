/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer to a NOTIFY, as whoever was told may send it: zone (0 or 1), then its octets. */
#include "fuzz.h"

#include "controlplane/manager/zone_names.h"
#include "controlplane/transfer/notify_send.h"

#include <errno.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t apex[ZONE_WIRE_OCTETS], message[NOTIFY_MESSAGE_OCTETS];
	int ret;

	if (size == 0 || zone_wire_from_text(apex, (data[0] & 1) != 0 ? "." : "Example.ORG") < 0)
		return 0;
	ret = notify_answer(data + 1, size - 1, 0x1234, apex);
	FUZZ_CHECK(ret == -EBADMSG || (ret >= 0 && ret <= 15));
	FUZZ_CHECK(notify_message(message, 0x1234, apex) <= sizeof message);
	FUZZ_CHECK(notify_answer(message, 16, 0x1234, apex) == -EBADMSG); /* a query is none */
	return 0;
}
