/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For each kind of mistake in a configuration file the one line that says where it is, what is
 * wrong and what would be right. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "000102030405060708090a0b0c0d0e0f"

static struct config *
load(const char *text, char **error)
{
	return config_load_text(text, strlen(text), "/etc/m/t.yaml", error);
}

static const struct {
	const char *text, *message; /* the message without "/etc/m/t.yaml:" */
} bad[] = {
	/* backends */
	{"backends:\n  - {name: a, type: zonefile}\n  - {name: a, type: lmdb}\n",
		"3: key 'backends[1]': is called 'a' like backends[0]; each needs a name of its "
		"own"},
	{"backends:\n  - {name: lmdb, type: zonefile}\n",
		"2: key 'backends[0]': the name 'lmdb' is taken: the built-in store is called so; "
		"choose another one"},
	{"backends:\n  - {name: a, type: ../x}\n",
		"2: key 'backends[0]': '../x' is no type; it is made of a-z, 0-9 and '-', such as "
		"'files'"},
	{"backends:\n  - name: a\n    type: zonefile\n    options:\n    - {name: x}\n",
		"5: key 'backends[0].options[0]': the option 'x' has no value; give it either "
		"'value' or 'secret'"},
	{"backends:\n  - name: a\n    type: zonefile\n    options:\n    - {name: x, value: a, "
	 "secret: b}\n",
		"5: key 'backends[0].options[0]': the option 'x' has both a value and a secret; "
		"give it either 'value' or 'secret'"},
	{"backends:\n  - name: a\n    type: zonefile\n    options: {x: y}\n",
		"4: key 'backends[0].options': is a mapping; it must be a list, such as 'options: "
		"[ ... ]' or lines that begin with '- '"},
	/* root folder */
	{"acl:\n  rules:\n    - action: deny\n      prefixes: [192.0.2.0/24]\n    - action: "
	 "allow\n",
		"5: key 'acl.rules[1]': has no prefixes; give 'prefixes' or 'file'"},
	{"acl:\n  rules:\n    - action: drop\n      prefixes: [192.0.2.0/24]\n",
		"3: key 'acl.rules[0].action': 'drop' is not valid; it must be allow, deny, "
		"refuse, "
		"tcp-only or unlimited"},
	{"acl:\n  rules:\n    - action: deny\n      prefixes: [10.0.0.0/8, 192.0.2.1/24]\n",
		"4: key 'acl.rules[0].prefixes[1]': '192.0.2.1/24' is not valid; it must be "
		"ADDRESS or "
		"ADDRESS/LENGTH with no bit set behind LENGTH, such as 192.0.2.0/24 or "
		"2001:db8::/32"},
	{"rrl:\n  window: 61s\n", "2: key 'rrl.window': '61s' is not valid; it must be a duration "
				  "from 1ms to 1m with its unit (ms, s, m, h), such as 1s"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/m/run\nacl:\n  rules:\n    - action: deny\n"
	 "      file: /etc/denied\n",
		"6: key 'acl.rules[0]': '/etc/denied' is not below the folder '/srv/m' of the key "
		"'chroot'; put it there, or leave 'chroot' out"},
	{"chroot: /srv/m/\nuser: a\n",
		"1: key 'chroot': '/srv/m/' ends in '/'; write the folder without"},
	{"chroot: /srv/m\nrun-dir: /srv/m/run\n",
		"1: key 'chroot': needs the key 'user', too: root finds its way out of any folder"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/mm/run\n",
		"3: key 'run-dir': '/srv/mm/run' is not below the folder '/srv/m' of the key "
		"'chroot'; put it there, or leave 'chroot' out"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/m/a/../.././run\n",
		"3: key 'run-dir': '/srv/m/a/../.././run' is not below the folder '/srv/m' of the "
		"key 'chroot'; put it there, or leave 'chroot' out"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/m/run\narena: {path: /dev/hugepages/a}\n",
		"4: key 'arena.path': '/dev/hugepages/a' is not below the folder '/srv/m' of the "
		"key 'chroot'; put it there, or leave 'chroot' out"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/m/run\nstore: {path: /var/lib/s}\n",
		"4: key 'store.path': '/var/lib/s' is not below the folder '/srv/m' of the "
		"key 'chroot'; put it there, or leave 'chroot' out"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/m/run\nzones:\n  directory: zones\n",
		"5: key 'zones.directory': '/etc/m/zones' is not below the folder '/srv/m' of the "
		"key 'chroot'; put it there, or leave 'chroot' out"},
	{"user: a\nchroot: /srv/m\nrun-dir: /srv/m/run\nzones:\n  list:\n"
	 "    - {zone: a, file: /srv/m/a}\n    - {zone: b, file: /srv/m/}\n",
		"7: key 'zones.list[1]': '/srv/m/' is not below the folder '/srv/m' of the key "
		"'chroot'; put it there, or leave 'chroot' out"},
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
	{"dataplane:\n  ports:\n  - device: a\n    exception: tun\n",
		"4: key 'dataplane.ports[0].exception': 'tun' is not valid; it must be auto, tap "
		"or none"},
	{"dataplane:\n  ports:\n  - device: a\n    mtu: 1279\n",
		"3: key 'dataplane.ports[0]': mtu 1279 is too small; it must be 1280 or more, or 0 "
		"for the device's"},
	{"dataplane:\n  ports:\n  - device: a\n    exception-interface: a/b\n",
		"3: key 'dataplane.ports[0]': exception-interface is no name for a network "
		"interface; it must be 1 to 15 octets without space, '/', ':' and '%', such as "
		"dns0"},
	{"dataplane:\n  ports:\n  - {device: a, exception-interface: x}\n"
	 "  - {device: b, exception-interface: x}\n",
		"4: key 'dataplane.ports[1]': has the exception-interface of ports[0]; each port "
		"needs one of its own"},
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
	{"metrics:\n  allow-from: [10.0.0.1/8]\n",
		"2: key 'metrics.allow-from[0]': '10.0.0.1/8' is not valid; it must be ADDRESS or "
		"ADDRESS/LENGTH with no bit set behind LENGTH, such as 192.0.2.0/24 or "
		"2001:db8::/32"},
	{"api:\n  key: \"$scrypt$ln=40,p=1,r=8$AAAA$AAAA\"\n",
		"2: key 'api.key': is no hash that can be used; it must be as `pdnsutil "
		"hash-password` prints it: $scrypt$ln=10,p=1,r=8$SALT$HASH, with ln up to 15, p "
		"and r up to 16. A key that is not hashed must not begin with '$'"},
	{"api:\n  tls-certificate: a.crt\n",
		"2: key 'api.tls-certificate': needs its private key; set 'tls-key' too"},
	{"api:\n  tls-key: a.key\n",
		"2: key 'api.tls-key': needs its certificate; set 'tls-certificate' too"},
	{"api:\n  tls-client-ca: a.crt\n",
		"2: key 'api.tls-client-ca': needs TLS; set 'tls-certificate' and 'tls-key' too"},
	{"api:\n  listen: [127.0.0.1, \"127.0.0.1:8081\"]\n",
		"2: key 'api.listen[1]': 127.0.0.1:8081 is listed already, as api.listen[0]; "
		"remove one of them"},
	{"metrics:\n  listen: [127.0.0.1, \"127.0.0.1:9453\"]\n",
		"2: key 'metrics.listen[1]': 127.0.0.1:9453 is listed already, as "
		"metrics.listen[0]; remove one of them"},
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_named_with_its_line_and_what_would_be_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
