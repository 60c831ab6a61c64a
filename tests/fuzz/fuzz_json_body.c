/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request's body: what is JSON comes out the same when it is written and read again; what is not
 * is told in one line. */
#include "fuzz.h"

#include "controlplane/api/json_body.h"

#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char error[JSON_BODY_ERROR_OCTETS] = "";
	json_t *v = json_body_load((const char *)data, len, error), *again;
	char *text;

	if (v == NULL) {
		FUZZ_CHECK(error[0] != '\0' && memchr(error, '\0', sizeof error) != NULL);
		return 0;
	}
	text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	FUZZ_CHECK(text != NULL);
	again = json_loads(text, JSON_DECODE_ANY, NULL);
	/* numbers lose digits at most */
	FUZZ_CHECK(again != NULL && json_typeof(again) == json_typeof(v));
	json_decref(again);
	json_decref(v);
	free(text);
	return 0;
}
