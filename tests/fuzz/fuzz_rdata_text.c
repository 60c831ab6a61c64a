/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content of a record: "TYPE CONTENT" as an API's client sends it, or, behind a NUL, a type (two
 * octets) and RDATA as a zone file or a transfer may have brought it. What is taken has a text that
 * stands for the same RDATA, and that text is stable. */
#include "fuzz.h"

#include "controlplane/zones/rdata_text.h"

#include <stdbool.h>
#include <string.h>

#define TEXT_ROOM (6u * RDATA_WIRE_MAX)

static bool
check_text(uint16_t type, const uint8_t *rdata, uint16_t len, uint8_t *back, uint16_t *back_len)
{
	static char text[TEXT_ROOM];
	char error[RDATA_TEXT_ERROR_OCTETS];
	int n = rdata_to_text(type, rdata, len, text, sizeof text);

	FUZZ_CHECK(n >= 0 && strlen(text) == (size_t)n);
	/* libknot prints some that libzscanner does not read */
	return rdata_from_text(type, text, back, back_len, error) == 0;
}

/* @param was_text  it was read from a text: then nothing about it can be unusual */
static void
check(uint16_t type, const uint8_t *rdata, uint16_t len, bool was_text)
{
	static uint8_t back[RDATA_WIRE_MAX], again[RDATA_WIRE_MAX];
	uint16_t back_len, again_len;

	if (!check_text(type, rdata, len, back, &back_len))
		return;
	FUZZ_CHECK(!was_text || (back_len == len && memcmp(back, rdata, len) == 0));
	/* parameters of SVCB are sorted then, for one */
	FUZZ_CHECK(check_text(type, back, back_len, again, &again_len));
	FUZZ_CHECK(back_len == again_len && memcmp(back, again, back_len) == 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t rdata[RDATA_WIRE_MAX];
	static char line[65536];
	char error[RDATA_TEXT_ERROR_OCTETS], *content;
	uint16_t type, rdlength;

	if (len >= 3 && data[0] == 0) {
		type = (uint16_t)(data[1] << 8 | data[2]);
		if (len - 3 <= RDATA_WIRE_MAX &&
			rdata_is_valid(type, data + 3, (uint16_t)(len - 3)))
			check(type, data + 3, (uint16_t)(len - 3), false);
		return 0;
	}
	if (len >= sizeof line)
		return 0;
	memcpy(line, data, len);
	line[len] = '\0';
	content = strchr(line, ' ');
	if (content == NULL)
		return 0;
	*content++ = '\0';
	if (rrtype_from_text(line, &type) != 0)
		return 0;
	memset(error, 0, sizeof error);
	if (rdata_from_text(type, content, rdata, &rdlength, error) != 0) {
		FUZZ_CHECK(error[0] != '\0' && memchr(error, '\0', sizeof error) != NULL);
		return 0;
	}
	FUZZ_CHECK(rdata_is_valid(type, rdata, rdlength));
	check(type, rdata, rdlength, true);
	return 0;
}
