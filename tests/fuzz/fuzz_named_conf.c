/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BIND's configuration to a list of zones: whatever the octets, there is either one line that says
 * what is wrong, or a list in which each zone has a name and a path. */
#include "fuzz.h"

#include "backends/zonefile/named_conf.h"

#include <errno.h>
#include <string.h>

static const uint8_t *input;
static size_t input_len;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

/* A file "self" includes itself; another one is there too. */
static int
read_text(void *arg, const char *path, char **text, size_t *len)
{
	static const char other[] = "zone other { file o; }; include \"none\";";
	const void *from = other;

	if (strstr(path, "none"))
		return -ENOENT;
	*len = sizeof other - 1;
	if (strcmp(path, "/f/named.conf") == 0 || strstr(path, "self")) {
		from = input;
		*len = input_len;
	}
	*text = malloc(*len + 1);
	FUZZ_CHECK(*text != NULL);
	memcpy(*text, from, *len);
	return 0;
}

static void
check_line(const char *text)
{
	FUZZ_CHECK(*text != '\0' && strlen(text) < 2 * BACKEND_ERROR_OCTETS);
	for (; *text; text++)
		FUZZ_CHECK((unsigned char)*text >= ' ');
}

static void
check_note(void *arg, const char *text)
{
	check_line(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct named_source source = {read_text, check_note, NULL};
	char error[BACKEND_ERROR_OCTETS] = "";
	struct named_conf c;

	if (len > 65536)
		return 0;
	input = data;
	input_len = len;
	if (named_conf_read(&c, "/f/named.conf", &source, error) != 0)
		check_line(error);
	for (size_t i = 0; error[0] == '\0' && i < c.n; i++) {
		FUZZ_CHECK(name_octets(c.zone[i].apex) <= NAME_OCTETS_MAX);
		FUZZ_CHECK(c.zone[i].path[0] == '/');
		FUZZ_CHECK(strlen(c.zone[i].primaries) <= NAMED_LIST_MAX + 256);
		FUZZ_CHECK(c.zone[i].kind < BACKEND_KINDS);
	}
	named_conf_free(&c);
	return 0;
}
