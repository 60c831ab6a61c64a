/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two configurations compared: which keys differ, what a change of them takes, and that no secret
 * is told. */
#include "config/config.h"
#include "config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "000102030405060708090a0b0c0d0e0f"
#define OTHER_SECRET "ffeeddccbbaa99887766554433221100"

static struct config *
load(const char *text)
{
	char *error = NULL;
	struct config *c = config_load_text(text, strlen(text), "/etc/m/t.yaml", &error);

	if (!c)
		fail_msg("refused: %s", error);
	return c;
}

/* What was told: "key: before -> after [processes]\n" for each. */
struct told {
	char text[4096];
};

static void
note(void *arg, const struct config_change *c)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof t->text - at, "%s: %s -> %s [%u]\n", c->key, c->before,
		c->after, c->restart);
}

static void
expect(const char *before, const char *after, unsigned processes, const char *changes)
{
	struct config *a = load(before), *b = load(after);
	struct told t = {""};
	unsigned n = config_compare(a, b, processes, note, &t), lines = 0;

	assert_string_equal(t.text, changes);
	for (const char *p = changes; *p; p++)
		lines += *p == '\n';
	assert_int_equal(n, lines);
	assert_int_equal(config_compare(b, a, processes, NULL, NULL), n);
	config_free(a);
	config_free(b);
}

static void
equal_files_do_not_differ(void **state)
{
	static const char *const text[] = {"", "zones: {list: [{zone: a, file: b}]}\n",
		"answers: {cookie-secret: " SECRET "}\n",
		"dataplane: {listen: [127.0.0.1], ports: [{device: d, addresses: [\"::1\"]}], eal: "
		"[x]}\n"};

	for (unsigned i = 0; i < sizeof text / sizeof *text; i++) {
		expect(text[i], text[i], 0, "");
		expect(text[i], text[i], CONFIG_ALL, "");
	}
	/* another spelling of the same */
	expect("log-level: INFO\nzones: {watch: off}\n",
		"zones:\n  list: []\n  watch: false\nstream:\n  idle-timeout: 10000ms\n", 0, "");
}

static void
each_kind_of_value_is_compared_and_told(void **state)
{
	expect("", "log-level: debug\n", 0, "log-level: info -> debug [0]\n");
	expect("answers: {version: a}\n", "answers: {version: b, identity: i}\n", 0,
		"answers.version: a -> b [0]\nanswers.identity: (not set) -> i [0]\n");
	expect("stream: {idle-timeout: 1m}\n", "stream: {read-timeout: 250ms}\n", 0,
		"stream.idle-timeout: 1m -> 10s [0]\nstream.read-timeout: 5s -> 250ms [0]\n");
	expect("zones: {watch: on, default-ttl: 1}\n", "zones: {directory: z}\n", 0,
		"zones.directory: (not set) -> /etc/m/z [0]\nzones.watch: true -> false [0]\n"
		"zones.default-ttl: 1 -> 3600 [0]\n");
	expect("answers: {udp-payload-max: 512}\n", "answers: {cookies: no, nsid: 0x00}\n", 0,
		"answers.udp-payload-max: 512 -> 1232 [0]\nanswers.nsid: (not set) -> 0x00 [0]\n"
		"answers.cookies: true -> false [0]\n");
}

static void
a_change_is_told_in_one_line(void **state)
{
	expect("", "answers: {version: \"a\\nb\\e[31m\"}\n", 0,
		"answers.version: (not set) -> a?b?[31m [0]\n");
	expect("", "dataplane: {eal: [\"a\\nb\"]}\n", CONFIG_DATAPLANE,
		"dataplane.eal: (none) -> a?b [1]\n");
}

static void
lists_are_told_in_short(void **state)
{
	expect("zones: {list: [{zone: a, file: f}]}\n",
		"zones: {list: [{zone: a, file: f}, {zone: b, file: f}]}\n", 0,
		"zones.list: 1 entry -> 2 entries [0]\n");
	expect("zones: {list: [{zone: a, file: f}, {zone: b, file: f}]}\n",
		"zones: {list: [{zone: a, file: f}, {zone: b, file: g}]}\n", 0,
		"zones.list: 2 entries -> 2 entries, the first that differs is [1] [0]\n");
	expect("zones: {list: [{zone: a, file: f}]}\n", "", 0,
		"zones.list: 1 entry -> (none) [0]\n");
}

static void
what_needs_a_restart_names_its_processes(void **state)
{
	char before[64];

	snprintf(before, sizeof before, "run-dir: /a\nuser: x\n");
	expect(before, "run-dir: /b\n", 0, "");
	expect(before, "run-dir: /b\n", CONFIG_CONTROLPLANE,
		"run-dir: /a -> /b [7]\nuser: x -> (not set) [7]\n");
	expect("", "dataplane: {workers: 2}\n", CONFIG_STREAM, "dataplane.workers: 1 -> 2 [5]\n");
	expect("", "dataplane: {workers: 2}\n", CONFIG_CONTROLPLANE, "");
	/* TCP follows UDP */
	expect("dataplane: {listen: [127.0.0.1]}\n",
		"dataplane: {listen: [127.0.0.1, \"[::1]:5\"]}\n", CONFIG_ALL,
		"dataplane.listen: 127.0.0.1:53 -> 127.0.0.1:53, [::1]:5 [1]\n"
		"stream.listen: 127.0.0.1:53 -> 127.0.0.1:53, [::1]:5 [4]\n");
	expect("dataplane: {ports: [{device: a}]}\n",
		"dataplane: {ports: [{device: a, queues: 2}]}\n", CONFIG_DATAPLANE,
		"dataplane.ports: 1 entry -> 1 entry, the first that differs is [0] [1]\n");
	expect("arena: {size: 1GiB}\n", "", CONFIG_CONTROLPLANE, "arena.size: 1GiB -> 64GiB [3]\n");
}

static void
secrets_are_compared_and_never_told(void **state)
{
	struct config *c = load("answers: {cookie-secret: " SECRET "}\n");

	expect("answers: {cookie-secret: " SECRET "}\n",
		"answers: {cookie-secret: " OTHER_SECRET ", cookie-secret-old: " SECRET "}\n", 0,
		"answers.cookie-secret: (hidden) -> (hidden) [0]\n"
		"answers.cookie-secret-old: (not set) -> (hidden) [0]\n");
	expect("answers: {cookie-secret: " SECRET "}\n", "", 0,
		"answers.cookie-secret: (hidden) -> (not set) [0]\n");
	config_free(c);
}

static void
what_was_found_out_is_no_difference(void **state)
{
	struct config *a = load(""), *b = load("");

	/* the machine's free huge pages came and went */
	a->dataplane.huge_pages = true;
	b->dataplane.huge_pages = false;
	assert_int_equal(config_compare(a, b, CONFIG_ALL, NULL, NULL), 0);
	assert_true(config_digest(a, CONFIG_DATAPLANE) == config_digest(b, CONFIG_DATAPLANE));
	config_free(a);
	config_free(b);
}

static void
a_digest_differs_with_the_keys_of_its_process_only(void **state)
{
	static const struct {
		const char *text;
		unsigned differs; /* processes */
	} row[] = {
		{"log-level: debug\n", 0},
		{"zones: {directory: z}\nanswers: {version: v}\n", 0},
		{"stream: {listen: [\"::1\"]}\n", CONFIG_STREAM},
		{"dataplane: {eal: [a]}\n", CONFIG_DATAPLANE},
		{"dataplane: {workers: 2}\n", CONFIG_DATAPLANE | CONFIG_STREAM},
		{"dataplane: {ports: [{device: a}]}\n", CONFIG_DATAPLANE},
		{"run-dir: /x\n", CONFIG_ALL},
		{"user: x\n", CONFIG_ALL},
		{"user: x\nchroot: /run\n", CONFIG_ALL},
		{"arena: {size: 16MiB}\n", CONFIG_CONTROLPLANE | CONFIG_DATAPLANE},
	};
	static const enum config_process process[] = {
		CONFIG_DATAPLANE, CONFIG_CONTROLPLANE, CONFIG_STREAM};
	struct config *a = load("");

	for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
		struct config *b = load(row[i].text);

		for (unsigned p = 0; p < 3; p++)
			if ((config_digest(a, process[p]) != config_digest(b, process[p])) !=
				((row[i].differs & process[p]) != 0))
				fail_msg("%s: process %u", row[i].text, process[p]);
		config_free(b);
	}
	config_free(a);
}

static void
assert_says_what_a_change_takes(const struct schema_key *keys)
{
	for (const struct schema_key *k = keys; k->name; k++) {
		bool section = k->type == SCHEMA_SECTION && !k->list;

		if (section)
			assert_says_what_a_change_takes(k->keys);
		else if (k->change != SCHEMA_LIVE && (k->change == 0 || k->change & ~CONFIG_ALL))
			fail_msg("'%s' does not say what a change of it takes", k->name);
		if (section && k->change)
			fail_msg("'%s' is a section: its keys say it", k->name);
	}
}

static void
every_key_says_what_a_change_of_it_takes(void **state)
{
	assert_says_what_a_change_takes(schema_root);
}

/* What a visitor is told, written down as JSON would be. */
static void
note_open(void *arg, const char *key, bool list)
{
	struct told *t = arg;

	strcat(strcat(t->text, key ? key : ""), list ? "[" : "{");
}

static void
note_close(void *arg, bool list)
{
	struct told *t = arg;

	strcat(t->text, list ? "]" : "}");
}

static void
note_value(void *arg, const char *key, enum config_kind kind, const char *text)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof t->text - at, "%s=%s%s;", key ? key : "", text,
		kind == CONFIG_VALUE_UNSET ? "-" : "");
}

static void
a_visitor_sees_every_key_and_no_secret(void **state)
{
	struct told t = {""};
	struct config_visitor v = {note_open, note_close, note_value, &t};
	struct config *c = load("answers: {cookie-secret: " SECRET "}\n"
				"dataplane: {cores: [1, 2], huge-pages: no}\n"
				"api: {key: \"open sesame\"}\n"
				"zones: {list: [{zone: a, file: f}]}\n"
				"backends: [{name: a, type: b, options: "
				"[{name: c, value: d}, {name: e, secret: f}]}]\n");

	config_visit(c, &v);
	assert_string_equal(t.text,
		"run-dir=/run/millrace;user=-;chroot=-;log-level=info;arena{path=-;size=64GiB;}"
		"dataplane{workers=2;cores[=1;=2;]listen[]ports[]eal[]huge-pages=false;}"
		"stream{listen[]connections-max=20000;connections-per-client-max=200;"
		"queries-per-connection-max=100;idle-timeout=10s;read-timeout=5s;write-timeout=5s;}"
		"zones{list[{zone=a;file=/etc/m/f;}]directory=-;watch=false;default-ttl=3600;"
		"threads=0;}"
		"store{path=-;}"
		"transfer{timeout=10s;time-max=10m;octets-max=256MiB;records-max=5000000;"
		"memory-max=1GiB;parallel=2;}"
		"answers{udp-payload-max=1232;nsid=-;version=-;identity=-;cookies=true;"
		"cookie-secret=(hidden);cookie-secret-old=-;}"
		"acl{default=allow;rules[]}rrl{enabled=true;rate=1000;nxdomain-rate=1000;"
		"error-rate=1000;window=1s;slip=1;ipv4-prefix=24;ipv6-prefix=56;"
		"limit-loopback=false;}"
		"api{listen[]key=(hidden);allow-from[=127.0.0.0/8;=::1/128;]max-body=2MiB;"
		"max-import=4GiB;"
		"connections-max=100;connections-per-client-max=64;timeout=5s;tls-certificate=-;"
		"tls-key=-;tls-client-ca=-;extensions=false;cors-origin=-;}"
		"backends[{name=a;type=b;options[{name=c;value=d;secret=-;}{name=e;value=-;"
		"secret=(hidden);}]}]backend-directory=-;"
		"metrics{listen[]allow-from[=127.0.0.0/8;=::1/128;]}");
	config_free(c);
}

static void
the_last_holder_frees(void **state)
{
	struct config *c = load("answers: {version: v}\n"), *held = config_hold(c);

	config_free(c);
	assert_string_equal(held->answers.version, "v"); /* sanitizers see a use after free */
	config_free(held);
	config_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_files_do_not_differ),
		cmocka_unit_test(each_kind_of_value_is_compared_and_told),
		cmocka_unit_test(a_change_is_told_in_one_line),
		cmocka_unit_test(lists_are_told_in_short),
		cmocka_unit_test(what_needs_a_restart_names_its_processes),
		cmocka_unit_test(secrets_are_compared_and_never_told),
		cmocka_unit_test(what_was_found_out_is_no_difference),
		cmocka_unit_test(a_digest_differs_with_the_keys_of_its_process_only),
		cmocka_unit_test(every_key_says_what_a_change_of_it_takes),
		cmocka_unit_test(a_visitor_sees_every_key_and_no_secret),
		cmocka_unit_test(the_last_holder_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
