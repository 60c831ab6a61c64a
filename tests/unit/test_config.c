/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files: every key, every default, and the limits. Mistakes: test_config_mistakes. */
#include "config/config.h"
#include "config/program.h"
#include "config/schema.h"
#include "shm/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
				     "store: {path: /s/store.mdb}\n"
				     "dataplane:\n"
				     "  workers: 2\n"
				     "  cores: [3, 1023]\n"
				     "  listen: [192.0.2.1, \"[2001:db8::1]:5300\"]\n"
				     "  ports:\n"
				     "    - {device: d, queues: 4, ring-size: 1024, addresses: "
				     "[192.0.2.2:54, 192.0.2.1], mtu: 9000, exception: TAP, "
				     "exception-interface: x0}\n"
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
				     "  cookie-secret-old: FFFFFFFFFFFFFFFFffffffffffffffff\n"
				     "acl:\n"
				     "  default: refuse\n"
				     "  rules:\n"
				     "    - {action: tcp-only, prefixes: [192.0.2.0/24, "
				     "\"2001:db8::/32\"], file: f}\n"
				     "    - {action: Unlimited, file: /g}\n"
				     "rrl:\n"
				     "  enabled: no\n"
				     "  rate: 1\n"
				     "  nxdomain-rate: 2\n"
				     "  error-rate: 3\n"
				     "  window: 1m\n"
				     "  slip: 100\n"
				     "  ipv4-prefix: 32\n"
				     "  ipv6-prefix: 64\n"
				     "  limit-loopback: on\n"
				     "metrics:\n"
				     "  listen: [192.0.2.1, \"[2001:db8::1]:80\"]\n"
				     "  allow-from: [192.0.2.64/26, \"2001:db8::/32\"]\n");

	assert_int_equal(c->acl.default_action, POLICY_REFUSE);
	assert_int_equal(c->acl.rules_count, 2);
	assert_int_equal(c->acl.rules[0].action, POLICY_TCP_ONLY);
	assert_int_equal(c->acl.rules[0].prefixes_count, 2);
	assert_int_equal(c->acl.rules[0].prefixes[1].bits, 32);
	assert_string_equal(c->acl.rules[0].file, "/etc/m/f");
	assert_int_equal(c->acl.rules[1].action, POLICY_UNLIMITED);
	assert_string_equal(c->acl.rules[1].file, "/g");
	assert_false(c->rrl.enabled);
	assert_int_equal(c->rrl.rate, 1);
	assert_int_equal(c->rrl.nxdomain_rate, 2);
	assert_int_equal(c->rrl.error_rate, 3);
	assert_int_equal(c->rrl.window_ms, 60000);
	assert_int_equal(c->rrl.slip, 100);
	assert_int_equal(c->rrl.ipv4_prefix, 32);
	assert_int_equal(c->rrl.ipv6_prefix, 64);
	assert_true(c->rrl.limit_loopback);
	assert_string_equal(c->run_dir, "/r");
	assert_string_equal(c->user, "nobody");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(c->arena.path, "/a");
	assert_string_equal(c->store.path, "/s/store.mdb");
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
	assert_int_equal(c->dataplane.ports[0].mtu, 9000);
	assert_int_equal(c->dataplane.ports[0].exception, CONFIG_EXCEPTION_TAP);
	assert_string_equal(c->dataplane.ports[0].exception_interface, "x0");
	assert_string_equal(c->dataplane.ports[1].device, "e");
	assert_int_equal(c->dataplane.ports[1].mtu, 0);
	assert_int_equal(c->dataplane.ports[1].exception, CONFIG_EXCEPTION_AUTO);
	assert_null(c->dataplane.ports[1].exception_interface);
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
	assert_int_equal(c->metrics.listen_count, 2);
	assert_address(&c->metrics.listen[0], "192.0.2.1:9453");
	assert_address(&c->metrics.listen[1], "[2001:db8::1]:80");
	assert_int_equal(c->metrics.allow_from_count, 2);
	assert_int_equal(c->metrics.allow_from[0].bits, 96 + 26);
	assert_int_equal(c->metrics.allow_from[1].bits, 32);
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

static bool
prefix_has(const struct config_prefix *p, const char *address)
{
	struct config_address a;

	assert_int_equal(config_parse_address(address, 53, &a), 0);
	return config_prefix_has(p, (const struct sockaddr *)&a.sa);
}

static void
a_prefix_has_what_its_bits_say(void **state)
{
	static const struct {
		const char *text, *in, *out; /* in NULL: the text is refused */
	} row[] = {
		{"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
		{"192.0.2.64/26", "192.0.2.127", "192.0.2.128"},
		{"192.0.2.1", "192.0.2.1", "192.0.2.0"},
		{"0.0.0.0/0", "255.255.255.255", "::1"},
		{"0.0.0.0/0", "::ffff:192.0.2.1", "2001:db8::1"}, /* mapped: IPv4 */
		{"::/0", "192.0.2.1", NULL},
		{"::/0", "2001:db8::1", NULL},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
		{"::1", "::1", "::2"},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::3"},
		{"", NULL, NULL},
		{"/8", NULL, NULL},
		{"10.0.0.0/", NULL, NULL},
		{"10.0.0.0/33", NULL, NULL},
		{"10.0.0.0/-1", NULL, NULL},
		{"10.0.0.0/8/8", NULL, NULL},
		{"10.0.0.1/8", NULL, NULL}, /* a bit behind the length */
		{"10.0.0/8", NULL, NULL},
		{"2001:db8::/129", NULL, NULL},
		{"2001:db8::1/64", NULL, NULL},
		{"localhost", NULL, NULL},
		{"1111111111111111111111111111111111111111111111111111111111111111", NULL, NULL},
	};

	for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
		struct config_prefix p;
		int rc = config_parse_prefix(row[i].text, &p);

		if ((rc == 0) != (row[i].in != NULL))
			fail_msg("'%s' gave %d", row[i].text, rc);
		if (rc != 0)
			continue;
		if (!prefix_has(&p, row[i].in))
			fail_msg("%s should have %s", row[i].text, row[i].in);
		if (row[i].out && prefix_has(&p, row[i].out))
			fail_msg("%s should not have %s", row[i].text, row[i].out);
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

static void
assert_store_path(const char *text, const char *expected)
{
	struct config *c = load_good(text);
	char *path = config_store_path(c);

	assert_string_equal(path, expected);
	free(path);
	config_free(c);
}

static void
the_store_is_where_state_is_kept(void **state)
{
	bool root = geteuid() == 0;

	unsetenv("STATE_DIRECTORY");
	setenv("XDG_STATE_HOME", "/x", 1);
	assert_store_path("store: {path: /s/x.mdb}\n", "/s/x.mdb");
	assert_store_path("user: a\n", "/var/lib/millrace/store.mdb");
	assert_store_path("log-level: info\n",
		root ? "/var/lib/millrace/store.mdb" : "/x/millrace/store.mdb");
	assert_store_path("user: a\nchroot: /srv/m\nrun-dir: /srv/m/run\n",
		"/srv/m/var/lib/millrace/store.mdb");
	setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
	assert_store_path("user: a\n", "/var/lib/a/store.mdb");
	unsetenv("STATE_DIRECTORY");
}

static void
the_folder_of_the_store_is_made(void **state)
{
	char folder[] = "/tmp/millrace-config-XXXXXX", path[64];
	struct config *c = load_good("log-level: info\n");
	struct stat st;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/a/b/store.mdb", folder);
	assert_int_equal(program_make_store_dir(c, path), 0);
	assert_int_equal(program_make_store_dir(c, path), 0); /* is there already */
	snprintf(path, sizeof path, "%s/a/b", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	rmdir(path);
	snprintf(path, sizeof path, "%s/a", folder);
	rmdir(path);
	rmdir(folder);
	assert_int_equal(program_make_store_dir(c, "/proc/no/store.mdb"), -ENOENT);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_store_is_where_state_is_kept),
		cmocka_unit_test(the_folder_of_the_store_is_made),
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(every_key_reaches_its_field),
		cmocka_unit_test(workers_follow_from_cores),
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(a_prefix_has_what_its_bits_say),
		cmocka_unit_test(a_hundred_thousand_zones_load_in_linear_time),
		cmocka_unit_test(what_is_too_large_is_refused_before_it_is_parsed),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(the_example_loads_as_it_is_and_with_every_key),
		cmocka_unit_test(the_reference_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
