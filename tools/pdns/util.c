/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util: pdnsutil: its options, and its verbs of one word. */
#include "tools/pdns/pdns.h"

#include <limits.h>

#define MANY INT_MAX
#define NO_BACKEND "Not here: there is no backend of PowerDNS."
#define ALONE(id, name, args, min, max, flags, run, text)                          \
	static const struct ctl_verb id##_verb[] = {                               \
		{NULL, args, min, max, flags, NULL, run, text, NULL, NULL, name}}; \
	static const struct ctl_noun id##_noun = CTL_NOUN(name, text, id##_verb)

ALONE(b2b_migrate, "b2b-migrate", "OLD NEW", 0, MANY, CTL_OFFLINE, pdns_no_backend, NO_BACKEND);
ALONE(backend_cmd, "backend-cmd", "BACKEND COMMAND...", 0, MANY, CTL_OFFLINE, pdns_no_backend,
	NO_BACKEND);
ALONE(backend_lookup, "backend-lookup", "BACKEND NAME [TYPE [SUBNET]]", 0, MANY, CTL_OFFLINE,
	pdns_no_backend, NO_BACKEND);
ALONE(bench_db, "bench-db", "[FILE]", 0, 1, CTL_OFFLINE, pdns_no_backend,
	"Not here: millrace-bench asks over the network.");
ALONE(create_bind_db, "create-bind-db", "FILE", 0, 1, CTL_OFFLINE, pdns_no_backend, NO_BACKEND);
ALONE(hash_password, "hash-password", "[WORK]", 0, 1, CTL_OFFLINE, util_hash_password,
	"A password or API key from standard input, hashed by scrypt.");
ALONE(ipencrypt, "ipencrypt", "ADDRESS PASSPHRASE|KEY [key]", 2, 3, CTL_OFFLINE, util_ipencrypt,
	"Encrypt an address by ipcipher.");
ALONE(ipdecrypt, "ipdecrypt", "ADDRESS PASSPHRASE|KEY [key]", 2, 3, CTL_OFFLINE, util_ipdecrypt,
	"Decrypt an address by ipcipher.");
ALONE(list_algorithms, "list-algorithms", "[with-backend]", 0, 1, CTL_OFFLINE, pdns_no_dnssec,
	"Not here: this server does not sign zones.");
ALONE(lmdb_version, "lmdb-get-backend-version", "", 0, 0, CTL_OFFLINE, pdns_no_backend, NO_BACKEND);
ALONE(raw_lua, "raw-lua-from-content", "TYPE CONTENT", 2, 2, CTL_OFFLINE, util_raw_lua,
	"A record's octets for dnsdist's SpoofRawAction.");
ALONE(test_algorithm, "test-algorithm", "ALGORITHM", 0, 1, CTL_OFFLINE, pdns_no_dnssec,
	"Not here: this server does not sign zones.");
ALONE(test_algorithms, "test-algorithms", "", 0, 0, CTL_OFFLINE, pdns_no_dnssec,
	"Not here: this server does not sign zones.");
ALONE(test_schema, "test-schema", "ZONE", 0, 1, CTL_OFFLINE, pdns_no_backend, NO_BACKEND);
ALONE(test_speed, "test-speed", "ZONE CORES", 0, 2, CTL_OFFLINE, pdns_no_dnssec,
	"Not here: this server does not sign zones.");
ALONE(verify_crypto, "verify-crypto", "FILE", 0, 1, CTL_OFFLINE, pdns_no_dnssec,
	"Not here: this server does not sign zones.");
ALONE(help, "help", "[NOUN [VERB]]", 0, 2, CTL_OFFLINE, ctl_help, "The same as --help.");

static const struct ctl_noun *const nouns[] = {&pdns_noun_zone, &pdns_noun_rrset,
	&pdns_noun_metadata, &pdns_noun_tsigkey, &pdns_noun_autoprimary, &pdns_noun_catalog,
	&pdns_noun_network, &pdns_noun_view, &pdns_noun_hsm, &hash_password_noun, &ipencrypt_noun,
	&ipdecrypt_noun, &raw_lua_noun, &list_algorithms_noun, &b2b_migrate_noun, &backend_cmd_noun,
	&backend_lookup_noun, &bench_db_noun, &create_bind_db_noun, &lmdb_version_noun,
	&test_algorithm_noun, &test_algorithms_noun, &test_schema_noun, &test_speed_noun,
	&verify_crypto_noun, &help_noun};

static const struct ctl_option options[] = {
	{"verbose", NULL, "say more", .letter = 'v'},
	{"force", NULL, "as PowerDNS has it; nothing is refused here for want of it",
		.letter = 'f'},
	{"quiet", NULL, "as PowerDNS has it; ignored", .letter = 'q'},
	{"config-name", "NAME",
		"as PowerDNS has it; ignored: the control plane has the configuration"},
	{"config-dir", "DIR", "as PowerDNS has it; ignored"},
	CTL_WHERE_OPTIONS,
	{"help", NULL, "this text; behind a noun or a verb, that one's", .letter = 'h'},
	{"version", NULL, "version"},
	{NULL},
};

static const struct ctl_term status[] = {
	{"0", "done"},
	{"1", "failed, or bad usage"},
	{NULL, NULL},
};

const struct ctl_program pdns_util = {
	.name = "pdnsutil",
	.title = "PowerDNS's pdnsutil, for Millrace",
	.description =
		"The verbs of PowerDNS's pdnsutil, in the spelling of 5.0 (`zone create`) and in "
		"those before (`create-zone`), as a client of Millrace's HTTP API: runbooks and "
		"scripts go on working. New ones are better written for millracectl(1), which has "
		"--json.\n"
		"Output is PowerDNS's, what goes to standard error included. Names are whole "
		"names, "
		"or names within the zone. Verbs for what Millrace does not do, such as signing, "
		"say so and fail.",
	.noun = nouns,
	.n_nouns = sizeof nouns / sizeof nouns[0],
	.options = options,
	.status = status,
	.usage_status = CTL_FAILURE,
	.unknown = "Unknown command '%s'",
	.see_also = "millracectl(1), pdns_control(1)",
	.set_up = pdns_set_up,
};
