/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text of a configuration file: it loads within the bounds that the schema promises, or one error
 * of one line says why not. */
#include "fuzz.h"

#include "config/config.h"

#include <string.h>

static void
check_addresses(const struct config_address *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct config_address again;
		char text[64];

		config_format_address(&a[i], text);
		FUZZ_CHECK(config_parse_address(text, 1, &again) == 0);
		FUZZ_CHECK(memcmp(&again, &a[i], sizeof again) == 0);
	}
}

static void
check_config(const struct config *c)
{
	FUZZ_CHECK(c->run_dir[0] == '/' && strlen(c->run_dir) <= 80);
	FUZZ_CHECK(c->arena.size >= 16u << 20 && c->arena.size % (2u << 20) == 0);
	FUZZ_CHECK(c->dataplane.workers >= 1 && c->dataplane.workers <= 64);
	FUZZ_CHECK(c->stream.idle_timeout_ms >= 100 && c->stream.idle_timeout_ms <= 3600000);
	FUZZ_CHECK(c->answers.udp_payload_max >= 512 && c->answers.udp_payload_max <= 4096);
	check_addresses(c->dataplane.listen, c->dataplane.listen_count);
	check_addresses(c->stream.listen, c->stream.listen_count);
	for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
		FUZZ_CHECK(c->dataplane.ports[i].device[0] != '\0');
		check_addresses(
			c->dataplane.ports[i].addresses, c->dataplane.ports[i].addresses_count);
	}
	for (unsigned i = 0; i < c->zones.list_count; i++)
		FUZZ_CHECK(c->zones.list[i].zone[0] && c->zones.list[i].file[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *error = NULL;
	struct config *c = config_load_text((const char *)data, len, "/etc/m.yaml", &error);

	FUZZ_CHECK((c == NULL) == (error != NULL));
	if (c) {
		check_config(c);
		config_free(c);
	} else {
		FUZZ_CHECK(strncmp(error, "/etc/m.yaml:", 12) == 0);
		FUZZ_CHECK(strchr(error, '\n') == NULL);
		free(error);
	}
	return 0;
}
