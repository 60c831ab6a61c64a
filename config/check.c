/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check: what no single value of a configuration shows. Part of loading; see loader.h. */
#include "config/loader.h"
#include "config/value.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_STEP (2ull << 20) /* ARENA_SEGMENT */
#define MTU_MIN 1280u           /* of IPv6 (RFC 8200 5) */

static bool
address_equal(const struct config_address *a, const struct config_address *b)
{
	/* made by config_parse_address(), which leaves no octet undefined */
	return memcmp(a, b, sizeof *a) == 0;
}

/* Index of the first address that an earlier one equals; -1 when all differ. */
static int
address_repeated(const struct config_address *a, unsigned n, unsigned *first)
{
	for (unsigned i = 1; i < n; i++) {
		for (*first = 0; *first < i; ++*first)
			if (address_equal(&a[i], &a[*first]))
				return (int)i;
	}
	return -1;
}

static int
check_listen(struct load *l, const char *section, const struct config_address *a, unsigned n)
{
	unsigned first;
	int i = address_repeated(a, n, &first);
	char text[64];

	if (i < 0)
		return 0;
	config_format_address(&a[i], text);
	return load_fail_at(l, section, "listen", i,
		"%s is listed already, as %s.listen[%u]; remove one of them", text, section, first);
}

/* The kernel's rules (dev_valid_name), and no ':' which is for aliases. */
static bool
interface_name_ok(const char *name)
{
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       !strpbrk(name, "/:% \t\n\v\f\r");
}

static int
check_port(struct load *l, unsigned i)
{
	const struct config_port *p = l->c->dataplane.ports;

	if (p[i].mtu != 0 && p[i].mtu < MTU_MIN)
		return load_fail_at(l, "dataplane", "ports", (int)i,
			"mtu %u is too small; it must be %u or more, or 0 for the device's",
			p[i].mtu, MTU_MIN);
	if (!p[i].exception_interface)
		return 0;
	if (!interface_name_ok(p[i].exception_interface))
		return load_fail_at(l, "dataplane", "ports", (int)i,
			"exception-interface is no name for a network interface; it must be 1 to "
			"15 octets without space, '/', ':' and '%%', such as dns0");
	for (unsigned j = 0; j < i; j++)
		if (p[j].exception_interface &&
			strcmp(p[i].exception_interface, p[j].exception_interface) == 0)
			return load_fail_at(l, "dataplane", "ports", (int)i,
				"has the exception-interface of ports[%u]; each port needs one of "
				"its own",
				j);
	return 0;
}

static int
check_ports(struct load *l)
{
	const struct config_port *p = l->c->dataplane.ports;
	unsigned first;

	for (unsigned i = 0; i < l->c->dataplane.ports_count; i++) {
		int again = address_repeated(p[i].addresses, p[i].addresses_count, &first);
		int rc = check_port(l, i);

		if (rc)
			return rc;
		if (again >= 0)
			return load_fail_at(l, "dataplane", "ports", (int)i,
				"addresses[%d] repeats addresses[%u]; remove one of them", again,
				first);
		for (unsigned j = 0; j < i; j++)
			if (strcmp(p[i].device, p[j].device) == 0)
				return load_fail_at(l, "dataplane", "ports", (int)i,
					"has the device of ports[%u]; a device is one port, with "
					"several queues if need be",
					j);
	}
	return 0;
}

static int
check_cores(struct load *l)
{
	const struct config *c = l->c;
	const unsigned *core = c->dataplane.cores;
	unsigned n = c->dataplane.cores_count;

	for (unsigned i = 1; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (core[i] == core[j])
				return load_fail_at(l, "dataplane", "cores", (int)i,
					"CPU %u is listed already; two workers on one CPU would "
					"halve each other",
					core[i]);
	if (n && c->dataplane.workers && c->dataplane.workers != n)
		return load_fail_at(l, "dataplane", "cores", -1,
			"has %u entries for %u workers; give one CPU for each worker, or leave "
			"'workers' out",
			n, c->dataplane.workers);
	return 0;
}

/* A zone's name as it is compared. */
struct zone_order {
	uint8_t *wire; /* length octet in front */
	unsigned index;
};

static int
zone_order_compare(const void *a, const void *b)
{
	const struct zone_order *x = a, *y = b;
	int d = x->wire[0] - y->wire[0];

	if (d == 0)
		d = memcmp(x->wire + 1, y->wire + 1, x->wire[0]);
	/* a stable order, so that the first of two equals is the first in the file */
	return d ? d : (x->index > y->index) - (x->index < y->index);
}

static int
check_zones(struct load *l)
{
	unsigned n = l->c->zones.list_count, bad = 0, first = 0;
	struct zone_order *order;
	uint8_t wire[256];

	if (n < 2)
		return 0;
	order = malloc(n * sizeof *order);
	if (!order)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		int len = value_zone_wire(l->c->zones.list[i].zone, wire + 1);

		order[i].index = i;
		order[i].wire = pool_alloc(l->pool, (size_t)len + 1);
		if (!order[i].wire) {
			free(order);
			return -ENOMEM;
		}
		wire[0] = (uint8_t)len;
		memcpy(order[i].wire, wire, (size_t)len + 1);
	}
	qsort(order, n, sizeof *order, zone_order_compare);
	for (unsigned i = 1; i < n; i++) {
		const struct zone_order *x = &order[i - 1], *y = &order[i];

		if (x->wire[0] == y->wire[0] && memcmp(x->wire, y->wire, x->wire[0] + 1u) == 0 &&
			(bad == 0 || y->index < bad)) {
			bad = y->index;
			first = x->index;
		}
	}
	free(order);
	if (bad == 0)
		return 0;
	l->path = (struct locate_path){
		.n = 3, .step = {{"zones", -1}, {"list", (int)bad}, {"zone", -1}}};
	return load_fail(l, "zone '%s' is listed already, as zones.list[%u]; remove one of them",
		value_quote(l->c->zones.list[bad].zone, (char[80]){0}, 80), first);
}

/* Is it below the folder, and does no ".." of it lead out again? */
static bool
is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder), depth = 0;

	if (strncmp(path, folder, len) != 0 || path[len] != '/' || path[len + 1] == '\0')
		return false;
	for (path += len; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && strncmp(path, "..", 2) == 0) {
			if (depth-- == 0)
				return false;
		} else if (len > 0 && !(len == 1 && *path == '.')) {
			depth++;
		}
	}
	return true;
}

static int
check_chroot(struct load *l)
{
	static const char advice[] =
		"'%s' is not below the folder '%s' of the key 'chroot'; put it "
		"there, or leave 'chroot' out";
	const struct config *c = l->c;
	const char *root = c->chroot;

	if (!root || strcmp(root, "/") == 0)
		return 0;
	if (root[strlen(root) - 1] == '/')
		return load_fail_at(
			l, "chroot", NULL, -1, "'%s' ends in '/'; write the folder without", root);
	if (!c->user)
		return load_fail_at(l, "chroot", NULL, -1,
			"needs the key 'user', too: root finds its way out of any folder");
	if (!is_below(c->run_dir, root))
		return load_fail_at(l, "run-dir", NULL, -1, advice, c->run_dir, root);
	if (c->arena.path && !is_below(c->arena.path, root))
		return load_fail_at(l, "arena", "path", -1, advice, c->arena.path, root);
	if (c->store.path && !is_below(c->store.path, root))
		return load_fail_at(l, "store", "path", -1, advice, c->store.path, root);
	if (c->zones.directory && !is_below(c->zones.directory, root))
		return load_fail_at(l, "zones", "directory", -1, advice, c->zones.directory, root);
	for (unsigned i = 0; i < c->zones.list_count; i++)
		if (!is_below(c->zones.list[i].file, root))
			return load_fail_at(
				l, "zones", "list", (int)i, advice, c->zones.list[i].file, root);
	if (c->api.tls_certificate && !is_below(c->api.tls_certificate, root))
		return load_fail_at(
			l, "api", "tls-certificate", -1, advice, c->api.tls_certificate, root);
	if (c->api.tls_key && !is_below(c->api.tls_key, root))
		return load_fail_at(l, "api", "tls-key", -1, advice, c->api.tls_key, root);
	if (c->api.tls_client_ca && !is_below(c->api.tls_client_ca, root))
		return load_fail_at(
			l, "api", "tls-client-ca", -1, advice, c->api.tls_client_ca, root);
	for (unsigned i = 0; i < c->acl.rules_count; i++)
		if (c->acl.rules[i].file && !is_below(c->acl.rules[i].file, root))
			return load_fail_at(
				l, "acl", "rules", (int)i, advice, c->acl.rules[i].file, root);
	return 0;
}

/* A rule without prefixes is a slip. */
static int
check_acl(struct load *l)
{
	const struct config_acl_rule *r = l->c->acl.rules;

	for (unsigned i = 0; i < l->c->acl.rules_count; i++) {
		if (r[i].prefixes_count == 0 && r[i].file == NULL)
			return load_fail_at(l, "acl", "rules", (int)i,
				"has no prefixes; give 'prefixes' or 'file'");
	}
	return 0;
}

static int
check_api(struct load *l)
{
	const struct config *c = l->c;
	struct config_scrypt hash;

	if (c->api.key && c->api.key[0] == '$' && config_parse_scrypt(c->api.key, &hash) != 0)
		return load_fail_at(l, "api", "key", -1,
			"is no hash that can be used; it must be as `pdnsutil hash-password` "
			"prints it: $scrypt$ln=10,p=1,r=8$SALT$HASH, with ln up to 15, p and r up "
			"to 16. A key that is not hashed must not begin with '$'");
	if (c->api.tls_certificate && !c->api.tls_key)
		return load_fail_at(l, "api", "tls-certificate", -1,
			"needs its private key; set 'tls-key' too");
	if (c->api.tls_key && !c->api.tls_certificate)
		return load_fail_at(l, "api", "tls-key", -1,
			"needs its certificate; set 'tls-certificate' too");
	if (c->api.tls_client_ca && !c->api.tls_certificate)
		return load_fail_at(l, "api", "tls-client-ca", -1,
			"needs TLS; set 'tls-certificate' and 'tls-key' too");
	return check_listen(l, "api", c->api.listen, c->api.listen_count);
}

/* A word that can be a part of a file's name and of a URL. */
static bool
is_word(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0' &&
	       text[0] != '-';
}

static int
check_backend_options(struct load *l, unsigned i)
{
	const struct config_backend *b = &l->c->backends[i];

	for (unsigned k = 0; k < b->options_count; k++) {
		const struct config_backend_option *o = &b->options[k];

		if ((o->value == NULL) != (o->secret == NULL))
			continue;
		l->path = (struct locate_path){
			.n = 2, .step = {{"backends", (int)i}, {"options", (int)k}}};
		return load_fail(l, "the option '%s' has %s; give it either 'value' or 'secret'",
			o->name, o->value ? "both a value and a secret" : "no value");
	}
	return 0;
}

static int
check_backends(struct load *l)
{
	const struct config_backend *b = l->c->backends;

	for (unsigned i = 0; i < l->c->backends_count; i++) {
		int rc = check_backend_options(l, i);

		if (rc)
			return rc;
		if (!is_word(b[i].name) || !is_word(b[i].type))
			return load_fail_at(l, "backends", NULL, (int)i,
				"'%s' is no %s; it is made of a-z, 0-9 and '-', such as 'files'",
				is_word(b[i].name) ? b[i].type : b[i].name,
				is_word(b[i].name) ? "type" : "name");
		if (strcmp(b[i].name, "lmdb") == 0 || strcmp(b[i].name, "zone-files") == 0)
			return load_fail_at(l, "backends", NULL, (int)i,
				"the name '%s' is taken: %s; choose another one", b[i].name,
				b[i].name[0] == 'l' ? "the built-in store is called so"
						    : "the zones of the key 'zones' are called so");
		for (unsigned j = 0; j < i; j++)
			if (strcmp(b[i].name, b[j].name) == 0)
				return load_fail_at(l, "backends", NULL, (int)i,
					"is called '%s' like backends[%u]; each needs a name of "
					"its "
					"own",
					b[i].name, j);
	}
	return 0;
}

int
config_check(struct load *l)
{
	const struct config *c = l->c;
	int rc;

	if (c->arena.size % ARENA_STEP)
		return load_fail_at(l, "arena", "size", -1,
			"%" PRIu64 " octets are not a multiple of 2MiB; write %" PRIu64 "MiB",
			c->arena.size, (uint64_t)((c->arena.size / ARENA_STEP + 1) * 2));
	if (c->answers.cookie_secret_old_set && !c->answers.cookie_secret_set)
		return load_fail_at(l, "answers", "cookie-secret-old", -1,
			"needs the secret that came after it; set 'cookie-secret' too");
	if ((rc = check_listen(l, "dataplane", c->dataplane.listen, c->dataplane.listen_count)) ||
		(rc = check_listen(l, "stream", c->stream.listen, c->stream.listen_count)) ||
		(rc = check_ports(l)) || (rc = check_cores(l)) || (rc = check_chroot(l)))
		return rc;
	if ((rc = check_acl(l)) || (rc = check_api(l)) || (rc = check_backends(l)))
		return rc;
	if ((rc = check_listen(l, "metrics", c->metrics.listen, c->metrics.listen_count)))
		return rc;
	return check_zones(l);
}

/* Are there huge pages that nobody uses? */
static bool
huge_pages_free(void)
{
	DIR *d = opendir("/sys/kernel/mm/hugepages");
	bool found = false;
	struct dirent *e;

	if (!d)
		return false;
	while (!found && (e = readdir(d))) {
		char path[sizeof e->d_name + 64];
		unsigned long n = 0;
		FILE *f;

		snprintf(
			path, sizeof path, "/sys/kernel/mm/hugepages/%s/free_hugepages", e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		found = fscanf(f, "%lu", &n) == 1 && n > 0;
		fclose(f);
	}
	closedir(d);
	return found;
}

/* TCP where UDP is, each address once. */
static int
complete_stream_listen(struct load *l)
{
	struct config *c = l->c;
	unsigned n = c->dataplane.listen_count, first;
	struct config_address *a;

	for (unsigned i = 0; i < c->dataplane.ports_count; i++)
		n += c->dataplane.ports[i].addresses_count;
	if (c->stream.listen_count || n == 0)
		return 0;
	a = pool_alloc(l->pool, n * sizeof *a);
	if (!a)
		return -ENOMEM;
	n = 0;
	for (unsigned i = 0; i < c->dataplane.listen_count; i++)
		a[n++] = c->dataplane.listen[i];
	for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
		for (unsigned j = 0; j < c->dataplane.ports[i].addresses_count; j++) {
			a[n++] = c->dataplane.ports[i].addresses[j];
			if (address_repeated(a, n, &first) >= 0)
				n--;
		}
	}
	c->stream.listen = a;
	c->stream.listen_count = n;
	return 0;
}

/* This machine, where nobody is named. */
static int
complete_allow_from(struct load *l, const struct config_prefix **prefix, unsigned *count)
{
	static const char *const text[] = {"127.0.0.0/8", "::1"};
	unsigned n = sizeof text / sizeof text[0];
	struct config_prefix *p;

	if (*count)
		return 0;
	p = pool_alloc(l->pool, n * sizeof *p);
	if (!p)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		if (config_parse_prefix(text[i], &p[i]) != 0)
			return -EINVAL;
	*prefix = p;
	*count = n;
	return 0;
}

int
config_complete(struct load *l)
{
	struct config *c = l->c;
	int rc = complete_allow_from(l, &c->metrics.allow_from, &c->metrics.allow_from_count);

	if (rc == 0)
		rc = complete_allow_from(l, &c->api.allow_from, &c->api.allow_from_count);

	if (c->chroot && strcmp(c->chroot, "/") == 0)
		c->chroot = NULL;
	if (c->dataplane.workers == 0)
		c->dataplane.workers = c->dataplane.cores_count ? c->dataplane.cores_count : 1;
	if (!c->dataplane.huge_pages_set)
		c->dataplane.huge_pages = huge_pages_free();
	return rc ? rc : complete_stream_listen(l);
}
