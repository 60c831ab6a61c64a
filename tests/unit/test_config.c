/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files: every key, every default, and for each kind of mistake the message. */
#include "config/config.h"
#include "config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "000102030405060708090a0b0c0d0e0f"

static struct config *
load(const char *text, char **error)
{
	return config_load_text(text, strlen(text), "/etc/m/t.yaml", error);
}

static struct config *
load_good(const char *text)
{
	char *error = NULL;
	struct config *c = load(text, &error);

	if (!c)
		fail_msg("refused: %s", error);
	assert_null(error);
	return c;
}

static const struct {
	const char *text, *message; /* the message without "/etc/m/t.yaml:" */
} bad[] = {
	/* shape */
	{"runn-dir: /x\n", "1: key 'runn-dir': unknown key; did you mean 'run-dir'?"},
	{"\n\nzones:\n  lsit: []\n", "4: key 'zones.lsit': unknown key; did you mean 'list'?"},
	{"arena: {colour: red}\n",
		"1: key 'arena.colour': unknown key; the keys here are path, size"},
	{"zones:\n  list:\n    - {zone: a, file: b}\n    - {zone: c, path: d}\n",
		"4: key 'zones.list[1].path': unknown key; the keys here are zone, file"},
	{"user: a\n# remark\nuser: b\n",
		"3: key 'user': is given twice (first in line 1); remove one of them"},
	{"Zones: {}\n", "1: key 'Zones': unknown key; did you mean 'zones'?"},
	{"dataplane: 3\n",
		"1: key 'dataplane': is a single value; it must be a mapping (the keys here are "
		"workers, cores, listen, ports, eal, huge-pages)"},
	{"user: [a]\n", "1: key 'user': is a list; it must be text of 1 to 32 octets, such as "
			"millrace"},
	{"dataplane:\n  listen: 127.0.0.1\n", "2: key 'dataplane.listen': is a single value; it "
					      "must be a list, such as 'listen: [ "
					      "... ]' or lines that begin with '- '"},
	{"dataplane:\n  listen:\n   - {a: b}\n",
		"3: key 'dataplane.listen[0]': is a mapping; it must be ADDRESS, ADDRESS:PORT or "
		"[ADDRESS6]:PORT, such as 192.0.2.1:53 or [2001:db8::1]:53"},
	{"- a\n", "1: the file is a list; it must be a mapping of keys, such as 'run-dir: "
		  "/run/millrace'"},
	{"[a]: b\n", "1: has a list for a key; keys are plain words"},
	{"user: a\n---\nuser: b\n",
		"2: a second document begins here; the configuration is one document"},
	{"run-dir: &x /a\narena:\n  path: *x\n",
		"3: aliases (*name) are not supported; write the value out"},
	{"user: &x a\nrun-dir: &x b\n",
		"2: not valid YAML: second occurrence, found duplicate anchor; first occurrence"},
	{"user: \"a\nb: c\n", "3: not valid YAML: found unexpected end of stream, while scanning a "
			      "quoted scalar"},
	{"user: a\n\tb: c\n", "2: not valid YAML: found a tab character that violates "
			      "indentation, while scanning a plain scalar"},
	{"user: a\nuser: \xff\n", "2: not valid YAML: invalid leading UTF-8 octet"},
	{"zones:\n  list:\n    - zone: a\n", "3: key 'zones.list[0].file': is missing; it must be "
					     "a path of at most 4095 octets, "
					     "such as example.com.zone"},
	{"dataplane:\n  ports:\n    - queues: 1\n",
		"3: key 'dataplane.ports[0].device': is missing; it must be text of 1 to 4095 "
		"octets, such as 0000:01:00.0"},
	/* values */
	{"run-dir: relative\n", "1: key 'run-dir': 'relative' is not valid; it must be an absolute "
				"path of at most 80 octets, such as /run/millrace"},
	{"log-level: loud\n", "1: key 'log-level': 'loud' is not valid; it must be error, warning, "
			      "info or debug"},
	{"dataplane:\n  workers: many\n",
		"2: key 'dataplane.workers': 'many' is not valid; it must "
		"be an integer from 1 to 64"},
	{"dataplane:\n  workers: 0\n",
		"2: key 'dataplane.workers': '0' is not valid; it must be an "
		"integer from 1 to 64"},
	{"dataplane:\n  workers: 65\n", "2: key 'dataplane.workers': '65' is not valid; it must be "
					"an integer from 1 to 64"},
	{"dataplane:\n  workers: -1\n", "2: key 'dataplane.workers': '-1' is not valid; it must be "
					"an integer from 1 to 64"},
	{"dataplane:\n  workers: 1.5\n", "2: key 'dataplane.workers': '1.5' is not valid; it must "
					 "be an integer from 1 to 64"},
	{"dataplane:\n  workers: 99999999999999999999999\n",
		"2: key 'dataplane.workers': '99999999999999999999999' is not valid; it must be an "
		"integer from 1 to 64"},
	{"answers:\n  udp-payload-max: 66768\n", /* 1232 in sixteen bits */
		"2: key 'answers.udp-payload-max': '66768' is not valid; it must be an integer "
		"from "
		"512 to 4096"},
	{"zones: {watch: maybe}\n",
		"1: key 'zones.watch': 'maybe' is not valid; it must be true or false"},
	{"arena:\n  size: 1GB\n", "2: key 'arena.size': '1GB' is not valid; it must be a size from "
				  "16MiB to 128TiB, such as 64GiB"},
	{"arena:\n  size: 8MiB\n",
		"2: key 'arena.size': '8MiB' is not valid; it must be a size from "
		"16MiB to 128TiB, such as 64GiB"},
	{"arena:\n  size: 9000000000000TiB\n", "2: key 'arena.size': '9000000000000TiB' is not "
					       "valid; it must be a size from 16MiB "
					       "to 128TiB, such as 64GiB"},
	{"arena:\n  size: 16777217\n", "2: key 'arena.size': 16777217 octets are not a multiple of "
				       "2MiB; write 18MiB"},
	{"stream:\n  idle-timeout: 10\n", "2: key 'stream.idle-timeout': '10' is not valid; it "
					  "must be a duration from 100ms to "
					  "1h with its unit (ms, s, m, h), such as 10s"},
	{"stream:\n  read-timeout: 2h\n", "2: key 'stream.read-timeout': '2h' is not valid; it "
					  "must be a duration from 100ms to "
					  "1h with its unit (ms, s, m, h), such as 5s"},
	{"dataplane:\n  listen:\n    - 127.0.0.1:5300\n    - 127.0.0.1:99999\n",
		"4: key 'dataplane.listen[1]': '127.0.0.1:99999' is not valid; it must be ADDRESS, "
		"ADDRESS:PORT or [ADDRESS6]:PORT, such as 192.0.2.1:53 or [2001:db8::1]:53"},
	{"dataplane: {ports: [{device: a, addresses: [192.0.2.256]}]}\n",
		"1: key 'dataplane.ports[0].addresses[0]': '192.0.2.256' is not valid; it must be "
		"ADDRESS, ADDRESS:PORT or [ADDRESS6]:PORT, such as 192.0.2.1:53 or "
		"[2001:db8::1]:53"},
	{"dataplane: {cores: [1, ~]}\n",
		"1: key 'dataplane.cores[1]': '~' is not valid; it must be "
		"an integer from 0 to 1023"},
	{"zones: {list: [{zone: a..b, file: x}]}\n", "1: key 'zones.list[0].zone': 'a..b' is not "
						     "valid; it must be a domain name such as "
						     "example.com"},
	{"answers:\n  cookie-secret: 0011\n",
		"2: key 'answers.cookie-secret': not a valid secret; it must be 32 hex digits, as "
		"`openssl rand -hex 16` prints them"},
	{"answers:\n  cookie-secret: 000102030405060708090a0b0c0d0e0g\n",
		"2: key 'answers.cookie-secret': not a valid secret; it must be 32 hex digits, as "
		"`openssl rand -hex 16` prints them"},
	{"answers:\n  nsid: 0x123\n", "2: key 'answers.nsid': '0x123' is not valid; it must be "
				      "text of 1 to 255 octets, or "
				      "0x and an even number of hex digits, such as 0x6e7331"},
	{"user: \"\\e[31mred\"\n\nlog-level: \"\\e[31mred\"\n",
		"3: key 'log-level': '?[31mred' is not valid; it must be error, warning, info or "
		"debug"},
	/* between values */
	{"dataplane:\n  listen:\n  - 127.0.0.1\n  - \"[::1]\"\n  - 127.0.0.1:53\n",
		"5: key 'dataplane.listen[2]': 127.0.0.1:53 is listed already, as "
		"dataplane.listen[0]; remove one of them"},
	{"stream: {listen: [\"::1\", \"[::1]:53\"]}\n",
		"1: key 'stream.listen[1]': [::1]:53 is listed already, as stream.listen[0]; "
		"remove "
		"one of them"},
	{"dataplane:\n  ports:\n  - {device: a}\n  - {device: a}\n",
		"4: key 'dataplane.ports[1]': has the device of ports[0]; a device is one port, "
		"with "
		"several queues if need be"},
	{"dataplane:\n  ports:\n  - device: a\n    addresses: [\"::1\", \"::1\"]\n",
		"3: key 'dataplane.ports[0]': addresses[1] repeats addresses[0]; remove one of "
		"them"},
	{"dataplane:\n  cores: [1, 2, 1]\n", "2: key 'dataplane.cores[2]': CPU 1 is listed "
					     "already; two workers on one CPU would "
					     "halve each other"},
	{"dataplane:\n  workers: 3\n  cores: [1, 2]\n",
		"3: key 'dataplane.cores': has 2 entries for 3 workers; give one CPU for each "
		"worker, "
		"or leave 'workers' out"},
	{"zones:\n  list:\n  - {zone: example.com, file: a}\n  - {zone: b, file: a}\n"
	 "  - zone: EXAMPLE.\\099om.\n    file: c\n",
		"5: key 'zones.list[2].zone': zone 'EXAMPLE.\\099om.' is listed already, as "
		"zones.list[0]; remove one of them"},
	{"answers: {cookie-secret-old: " SECRET "}\n",
		"1: key 'answers.cookie-secret-old': needs the secret that came after it; set "
		"'cookie-secret' too"},
};

static void
each_mistake_is_named_with_its_line_and_what_would_be_right(void **state)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL, expected[1024];
		struct config *c = load(bad[i].text, &error);

		snprintf(expected, sizeof expected, "/etc/m/t.yaml:%s", bad[i].message);
		if (c || !error || strcmp(error, expected) != 0) {
			print_error("text:\n%sgot:      %s\nexpected: %s\n", bad[i].text,
				error ? error : "no error", expected);
			wrong++;
		}
		free(error);
		config_free(c);
	}
	assert_int_equal(wrong, 0);
}

static void
an_empty_file_gives_the_defaults(void **state)
{
	static const char *const empty[] = {"", "\n", "# nothing\n", "---\n", "~\n",
		"zones:\nstream:\ndataplane: ~\narena: {}\nuser:\n"};

	for (unsigned i = 0; i < sizeof empty / sizeof *empty; i++) {
		struct config *c = load_good(empty[i]);

		assert_string_equal(c->run_dir, "/run/millrace");
		assert_null(c->user);
		assert_int_equal(c->log_level, LOG_LEVEL_INFO);
		assert_null(c->arena.path);
		assert_true(c->arena.size == 64ull << 30);
		assert_int_equal(c->dataplane.workers, 1);
		assert_int_equal(c->dataplane.cores_count, 0);
		assert_int_equal(c->dataplane.listen_count, 0);
		assert_int_equal(c->dataplane.ports_count, 0);
		assert_int_equal(c->dataplane.eal_count, 0);
		assert_false(c->dataplane.huge_pages_set);
		assert_int_equal(c->stream.listen_count, 0);
		assert_int_equal(c->stream.connections_max, 20000);
		assert_int_equal(c->stream.connections_per_client_max, 200);
		assert_int_equal(c->stream.queries_per_connection_max, 100);
		assert_int_equal(c->stream.idle_timeout_ms, 10000);
		assert_int_equal(c->stream.read_timeout_ms, 5000);
		assert_int_equal(c->stream.write_timeout_ms, 5000);
		assert_int_equal(c->zones.list_count, 0);
		assert_null(c->zones.directory);
		assert_false(c->zones.watch);
		assert_int_equal(c->zones.default_ttl, 3600);
		assert_int_equal(c->zones.threads, 0);
		assert_int_equal(c->answers.udp_payload_max, 1232);
		assert_null(c->answers.nsid);
		assert_null(c->answers.version);
		assert_null(c->answers.identity);
		assert_true(c->answers.cookies);
		assert_false(c->answers.cookie_secret_set);
		assert_false(c->answers.cookie_secret_old_set);
		config_free(c);
	}
}

static void
assert_address(const struct config_address *a, const char *expected)
{
	char text[64];

	config_format_address(a, text);
	assert_string_equal(text, expected);
}

static void
every_key_reaches_its_field(void **state)
{
	static const uint8_t secret[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct config *c = load_good("run-dir: /r\n"
				     "user: nobody\n"
				     "log-level: Debug\n"
				     "arena: {path: /a, size: 1TiB}\n"
				     "dataplane:\n"
				     "  workers: 2\n"
				     "  cores: [3, 1023]\n"
				     "  listen: [192.0.2.1, \"[2001:db8::1]:5300\"]\n"
				     "  ports:\n"
				     "    - {device: d, queues: 4, ring-size: 1024, addresses: "
				     "[192.0.2.2:54, 192.0.2.1]}\n"
				     "    - device: e\n"
				     "  eal: [--no-pci, \"-m 64\"]\n"
				     "  huge-pages: no\n"
				     "stream:\n"
				     "  connections-max: 1\n"
				     "  connections-per-client-max: 2\n"
				     "  queries-per-connection-max: 3\n"
				     "  idle-timeout: 1h\n"
				     "  read-timeout: 250ms\n"
				     "  write-timeout: 2 m\n"
				     "zones:\n"
				     "  list:\n"
				     "    - {zone: example.com, file: e.zone}\n"
				     "    - {zone: ., file: /abs/root}\n"
				     "  directory: z\n"
				     "  watch: yes\n"
				     "  default-ttl: 2147483647\n"
				     "  threads: 7\n"
				     "answers:\n"
				     "  udp-payload-max: 4096\n"
				     "  nsid: 0xC0ffee\n"
				     "  version: v\n"
				     "  identity: i\n"
				     "  cookies: off\n"
				     "  cookie-secret: " SECRET "\n"
				     "  cookie-secret-old: FFFFFFFFFFFFFFFFffffffffffffffff\n");

	assert_string_equal(c->run_dir, "/r");
	assert_string_equal(c->user, "nobody");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(c->arena.path, "/a");
	assert_true(c->arena.size == 1ull << 40);
	assert_int_equal(c->dataplane.workers, 2);
	assert_int_equal(c->dataplane.cores_count, 2);
	assert_int_equal(c->dataplane.cores[0], 3);
	assert_int_equal(c->dataplane.cores[1], 1023);
	assert_int_equal(c->dataplane.listen_count, 2);
	assert_address(&c->dataplane.listen[0], "192.0.2.1:53");
	assert_address(&c->dataplane.listen[1], "[2001:db8::1]:5300");
	assert_int_equal(c->dataplane.ports_count, 2);
	assert_string_equal(c->dataplane.ports[0].device, "d");
	assert_int_equal(c->dataplane.ports[0].queues, 4);
	assert_int_equal(c->dataplane.ports[0].ring_size, 1024);
	assert_int_equal(c->dataplane.ports[0].addresses_count, 2);
	assert_address(&c->dataplane.ports[0].addresses[0], "192.0.2.2:54");
	assert_string_equal(c->dataplane.ports[1].device, "e");
	assert_int_equal(c->dataplane.ports[1].queues, 0);
	assert_int_equal(c->dataplane.ports[1].addresses_count, 0);
	assert_int_equal(c->dataplane.eal_count, 2);
	assert_string_equal(c->dataplane.eal[1], "-m 64");
	assert_false(c->dataplane.huge_pages);
	assert_true(c->dataplane.huge_pages_set);
	/* TCP where UDP is, each address once */
	assert_int_equal(c->stream.listen_count, 3);
	assert_address(&c->stream.listen[2], "192.0.2.2:54");
	assert_int_equal(c->stream.connections_max, 1);
	assert_int_equal(c->stream.connections_per_client_max, 2);
	assert_int_equal(c->stream.queries_per_connection_max, 3);
	assert_int_equal(c->stream.idle_timeout_ms, 3600000);
	assert_int_equal(c->stream.read_timeout_ms, 250);
	assert_int_equal(c->stream.write_timeout_ms, 120000);
	assert_int_equal(c->zones.list_count, 2);
	assert_string_equal(c->zones.list[0].zone, "example.com");
	assert_string_equal(c->zones.list[0].file, "/etc/m/e.zone");
	assert_string_equal(c->zones.list[1].zone, ".");
	assert_string_equal(c->zones.list[1].file, "/abs/root");
	assert_string_equal(c->zones.directory, "/etc/m/z");
	assert_true(c->zones.watch);
	assert_int_equal(c->zones.default_ttl, INT32_MAX);
	assert_int_equal(c->zones.threads, 7);
	assert_int_equal(c->answers.udp_payload_max, 4096);
	assert_string_equal(c->answers.nsid, "0xC0ffee");
	assert_string_equal(c->answers.version, "v");
	assert_string_equal(c->answers.identity, "i");
	assert_false(c->answers.cookies);
	assert_true(c->answers.cookie_secret_set && c->answers.cookie_secret_old_set);
	assert_memory_equal(c->answers.cookie_secret, secret, 16);
	assert_int_equal(c->answers.cookie_secret_old[15], 0xff);
	config_free(c);
}

static void
workers_follow_from_cores(void **state)
{
	struct config *c = load_good("dataplane: {cores: [4, 5, 6]}\n");

	assert_int_equal(c->dataplane.workers, 3);
	config_free(c);
}

static void
addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *expected; /* NULL: refused */
	} row[] = {
		{"192.0.2.1", "192.0.2.1:5353"},
		{"192.0.2.1:1", "192.0.2.1:1"},
		{"192.0.2.1:65535", "192.0.2.1:65535"},
		{"::1", "[::1]:5353"},
		{"[::1]", "[::1]:5353"},
		{"[2001:DB8::1]:53", "[2001:db8::1]:53"},
		{"fe80::1%lo", "[fe80::1%lo]:5353"},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%lo]:65535",
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%lo]:65535"},
		{"", NULL},
		{"192.0.2.1:", NULL},
		{"192.0.2.1:0", NULL},
		{"192.0.2.1:65536", NULL},
		{"192.0.2.1:000053", NULL},
		{"192.0.2.1:+53", NULL},
		{"192.0.2", NULL},
		{"[192.0.2.1]:53", NULL},
		{"[::1", NULL},
		{"[::1]53", NULL},
		{"[::1]:", NULL},
		{"fe80::1%nosuchinterface", NULL},
		{"localhost", NULL},
		{"1111111111111111111111111111111111111111111111111111111111111111", NULL},
	};

	for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
		struct config_address a;
		int rc = config_parse_address(row[i].text, 5353, &a);

		if ((rc == 0) != (row[i].expected != NULL))
			fail_msg("'%s' gave %d", row[i].text, rc);
		if (rc == 0)
			assert_address(&a, row[i].expected);
	}
}

static void
a_hundred_thousand_zones_load_in_linear_time(void **state)
{
	const unsigned n = 100000;
	char *text = malloc(n * 80), *error = NULL;
	size_t at = (size_t)sprintf(text, "zones:\n  list:\n");
	struct timespec a, b;
	struct config *c;
	double seconds;

	for (unsigned i = 0; i < n; i++)
		at += (size_t)sprintf(
			text + at, "    - zone: zone%u.example.com\n      file: %u.zone\n", i, i);
	clock_gettime(CLOCK_MONOTONIC, &a);
	c = config_load_text(text, at, "many.yaml", &error);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_non_null(c);
	assert_int_equal(c->zones.list_count, n);
	assert_string_equal(c->zones.list[n - 1].zone, "zone99999.example.com");
	seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	/* 0.15 s alone; quadratic growth of the list took tens of seconds; sanitizers and busy
	 * machines are given their share */
	assert_true(seconds < 5);
	config_free(c);

	at += (size_t)sprintf(text + at, "    - zone: Zone99999.example.com.\n      file: x\n");
	assert_null(config_load_text(text, at, "many.yaml", &error));
	assert_string_equal(error, "many.yaml:200003: key 'zones.list[100000].zone': zone "
				   "'Zone99999.example.com.' is listed already, as "
				   "zones.list[99999]; remove one of them");
	free(error);
	free(text);
}

static void
what_is_too_large_is_refused_before_it_is_parsed(void **state)
{
	size_t len = (64u << 20) + 1;
	char *text = calloc(1, len), *error = NULL;

	memset(text, '#', len);
	assert_null(config_load_text(text, len, "big.yaml", &error));
	assert_string_equal(error, "big.yaml: has 67108865 octets; at most 67108864 are allowed");
	free(error);
	free(text);
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	char *error = NULL;

	assert_null(config_load("/nonexistent/m.yaml", &error));
	assert_string_equal(error, "/nonexistent/m.yaml: cannot read the configuration: No such "
				   "file or directory");
	free(error);
	assert_null(config_load("/", &error));
	assert_string_equal(error, "/: cannot read the configuration: Is a directory");
	free(error);
}

static char *
read_source(const char *name)
{
	char path[512];
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", SOURCE_ROOT, name);
	f = fopen(path, "re");
	if (!f || getdelim(&text, &len, '\0', f) < 0)
		fail_msg("cannot read %s", path);
	fclose(f);
	return text;
}

/* Take away each '#' that has no space behind it, as the example tells its reader to. */
static void
uncomment(char *text)
{
	char *out = text;
	bool blank = true; /* only spaces so far in this line */

	for (char *p = text; *p; p++) {
		if (*p == '#' && blank && p[1] != ' ' && p[1] != '\n') {
			blank = false;
			continue;
		}
		blank = *p == '\n' || (blank && *p == ' ');
		*out++ = *p;
	}
	*out = '\0';
}

static void
assert_mentions(const char *text, const struct schema_key *keys)
{
	for (; keys->name; keys++) {
		char word[64];

		snprintf(word, sizeof word, " %s:", keys->name);
		word[0] = keys == schema_find(schema_root, keys->name) ? '\n' : ' ';
		if (!strstr(text, word))
			fail_msg("config/millrace.yaml does not show the key '%s'", keys->name);
		if (keys->keys)
			assert_mentions(text, keys->keys);
	}
}

static void
the_example_loads_as_it_is_and_with_every_key(void **state)
{
	char *text = read_source("config/millrace.yaml"), *error = NULL;
	struct config *c =
		config_load_text(text, strlen(text), SOURCE_ROOT "/config/millrace.yaml", &error);

	if (!c)
		fail_msg("%s", error);
	assert_int_equal(c->zones.list_count, 1);
	assert_int_equal(access(c->zones.list[0].file, R_OK), 0);
	config_free(c);
	uncomment(text);
	assert_mentions(text, schema_root);
	c = config_load_text(text, strlen(text), "uncommented", &error);
	if (!c)
		fail_msg("%s", error);
	assert_int_equal(c->dataplane.ports_count, 2);
	assert_true(c->answers.cookie_secret_old_set);
	config_free(c);
	free(text);
}

static void
the_reference_page_is_current(void **state)
{
	char *page = read_source("docs/configuration.md"), *made = NULL;
	size_t len = 0;
	FILE *f = tmpfile();
	int saved = dup(STDOUT_FILENO);

	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	assert_int_equal(config_print_reference(), 0);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	assert_true(getdelim(&made, &len, '\0', f) > 0);
	fclose(f);
	if (strcmp(page, made) != 0)
		fail_msg("make it anew: build/tools/millrace/millrace config-reference "
			 ">docs/configuration.md");
	free(page);
	free(made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_named_with_its_line_and_what_would_be_right),
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(every_key_reaches_its_field),
		cmocka_unit_test(workers_follow_from_cores),
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(a_hundred_thousand_zones_load_in_linear_time),
		cmocka_unit_test(what_is_too_large_is_refused_before_it_is_parsed),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(the_example_loads_as_it_is_and_with_every_key),
		cmocka_unit_test(the_reference_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
