/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text of a configuration file: it loads within the bounds that the schema promises, or one error
 * of one line says why not. */
#include "fuzz.h"

#include "config/loader.h"

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

static void
check_change(void *arg, const struct config_change *change)
{
	unsigned *n = arg;

	FUZZ_CHECK(change->key[0] != '\0' && strlen(change->key) < 128);
	FUZZ_CHECK(change->before[0] != '\0' && change->after[0] != '\0');
	FUZZ_CHECK(strpbrk(change->before, "\n\033") == NULL);
	FUZZ_CHECK(strpbrk(change->after, "\n\033") == NULL);
	++*n;
}

static unsigned
compare_both_ways(const struct config *a, const struct config *b, unsigned processes)
{
	unsigned n_there = 0, n_back = 0,
		 n = config_compare(a, b, processes, check_change, &n_there);

	FUZZ_CHECK(n == config_compare(b, a, processes, check_change, &n_back));
	FUZZ_CHECK(n == n_there && n == n_back);
	return n;
}

/* With itself nothing differs; with another, what differs does so both ways, and shows in the
 * digests. */
static void
check_compare(const struct config *a, const struct config *b)
{
	static const enum config_process process[] = {
		CONFIG_DATAPLANE, CONFIG_CONTROLPLANE, CONFIG_STREAM};

	FUZZ_CHECK(compare_both_ways(a, a, 0) == 0);
	FUZZ_CHECK(compare_both_ways(a, a, CONFIG_ALL) == 0);
	compare_both_ways(a, b, 0);
	for (unsigned i = 0; i < sizeof process / sizeof *process; i++)
		if (compare_both_ways(a, b, process[i]) == 0)
			FUZZ_CHECK(config_digest(a, process[i]) == config_digest(b, process[i]));
}

/* Every mapping and list that is opened is closed. */
struct depth {
	unsigned open;
};

static void
visit_open(void *arg, const char *key, bool list)
{
	((struct depth *)arg)->open++;
}

static void
visit_close(void *arg, bool list)
{
	FUZZ_CHECK(((struct depth *)arg)->open-- > 0);
}

static void
visit_value(void *arg, const char *key, enum config_kind kind, const char *text)
{
	FUZZ_CHECK(kind == CONFIG_VALUE_UNSET || text[0] != '\0');
}

/* The file without its last line: often another good one. */
static struct config *
load_shorter(const char *text, size_t len, char **error)
{
	while (len > 0 && text[len - 1] == '\n')
		len--;
	while (len > 0 && text[len - 1] != '\n')
		len--;
	return config_load_text(text, len, "/etc/m.yaml", error);
}

static void
check_only_the_list(void *arg, const struct config_change *change)
{
	FUZZ_CHECK(strcmp(change->key, "zones.list") == 0);
	++*(unsigned *)arg;
}

/* What loads as a whole loads without its list as well, and nothing else is missing then. */
static void
check_part(const struct config *c, const char *text, size_t len)
{
	char *error = NULL;
	struct config *part = config_load_text_part(text, len, "/etc/m.yaml", &error);
	unsigned n = 0;

	FUZZ_CHECK(part != NULL);
	config_compare(c, part, 0, check_only_the_list, &n);
	config_compare(c, part, CONFIG_ALL, check_only_the_list, &n);
	FUZZ_CHECK(n == 0 || part->zones.list_left_out);
	FUZZ_CHECK(part->zones.list_count == (part->zones.list_left_out ? 0 : c->zones.list_count));
	config_free(part);
}

/* libyaml alone sees the same in it: values, or the same error. */
static void
check_yaml(const struct config *c, const char *said, const char *text, size_t len)
{
	char *error = NULL;
	struct config *yaml = load_text_as_yaml(text, len, "/etc/m.yaml", "/etc", &error);

	FUZZ_CHECK((yaml == NULL) == (c == NULL));
	if (yaml)
		FUZZ_CHECK(compare_both_ways(c, yaml, 0) + compare_both_ways(c, yaml, CONFIG_ALL) ==
			   0);
	else
		FUZZ_CHECK(strcmp(error, said) == 0);
	config_free(yaml);
	free(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *error = NULL;
	struct config *c = config_load_text((const char *)data, len, "/etc/m.yaml", &error);

	FUZZ_CHECK((c == NULL) == (error != NULL));
	check_yaml(c, error, (const char *)data, len);
	if (c) {
		struct depth d = {0};
		struct config_visitor v = {visit_open, visit_close, visit_value, &d};
		struct config *shorter = load_shorter((const char *)data, len, &error);

		check_config(c);
		check_part(c, (const char *)data, len);
		config_visit(c, &v);
		FUZZ_CHECK(d.open == 0);
		if (shorter)
			check_compare(c, shorter);
		config_free(shorter);
		config_free(c);
		free(error);
	} else {
		FUZZ_CHECK(strncmp(error, "/etc/m.yaml:", 12) == 0);
		FUZZ_CHECK(strchr(error, '\n') == NULL);
		free(error);
	}
	return 0;
}
