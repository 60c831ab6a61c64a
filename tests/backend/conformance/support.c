/* SPDX-License-Identifier: GPL-3.0-or-later */
/* support: see conformance.h. And main(): a backend's shared object, and its options, in which
 * @DIR@ is a fresh folder for each test. */
#include "conformance.h"

#include "controlplane/backends/backend_load.h"
#include "controlplane/backends/backend_options.h"
#include "controlplane/manager/zone_names.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 16

const struct backend_api *api;
static char source_folder[64]; /* where its data lie; @DIR@ in its options */

static char **given;
static unsigned n_given;

/* --- source --- */

int
fresh_source(void **state)
{
	snprintf(source_folder, sizeof source_folder, "/tmp/backend_conformance.XXXXXX");
	return mkdtemp(source_folder) ? 0 : -1;
}

int
remove_source(void **state)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", source_folder);
	return system(command);
}

static void
note_log(const struct backend_host *h, enum backend_log_level level, const char *text)
{
	check_error_line("log", text);
}

/* NAME=VALUE with the folder in place of @DIR@. */
static char *
value_of(const char *option)
{
	const char *value = strchr(option, '=') + 1, *dir = strstr(value, "@DIR@");
	char *out = NULL;

	if (!dir)
		return strdup(value);
	if (asprintf(&out, "%.*s%s%s", (int)(dir - value), value, source_folder, dir + 5) < 0)
		return NULL;
	return out;
}

void *
try_open_instance(char error[BACKEND_ERROR_OCTETS])
{
	static const struct backend_host host = {
		.abi_version = BACKEND_ABI_VERSION, .instance = "test", .log = note_log};
	struct config_backend_option option[OPTIONS_MAX];
	struct config_backend config = {
		.name = "test", .options = option, .options_count = n_given};
	struct backend_options made;
	void *instance = NULL;
	int at;

	for (unsigned i = 0; i < n_given; i++) {
		size_t len = (size_t)(strchr(given[i], '=') - given[i]);

		option[i] = (struct config_backend_option){
			.name = strndup(given[i], len), .value = value_of(given[i])};
	}
	if (backend_options_make(&made, api, &config, NULL, &at, error) == 0) {
		if (api->open(&instance, &host, made.option, made.n, error) != 0)
			instance = NULL;
		backend_options_free(&made);
	}
	for (unsigned i = 0; i < n_given; i++) {
		free((char *)option[i].name);
		free((char *)option[i].value);
	}
	return instance;
}

void *
open_instance(void)
{
	char error[BACKEND_ERROR_OCTETS] = "";
	void *instance = try_open_instance(error);

	if (!instance)
		fail_msg("open: %s", error);
	return instance;
}

void
need(uint32_t capabilities)
{
	if ((api->capabilities & capabilities) != capabilities)
		skip();
}

void
check_error_line(const char *call, const char *error)
{
	if (strnlen(error, BACKEND_ERROR_OCTETS) == BACKEND_ERROR_OCTETS)
		fail_msg("%s: the error has no end", call);
	if (error[0] == '\0')
		fail_msg("%s: the error is empty", call);
	if (strpbrk(error, "\r\n"))
		fail_msg("%s: the error is more than a line: %s", call, error);
}

/* --- changesets --- */

/* They last: the first thread alone makes them. */
static struct name {
	struct name *next;
	uint8_t wire[ZONE_WIRE_OCTETS];
} * names;

const uint8_t *
wire(const char *text)
{
	struct name *n = calloc(1, sizeof *n);

	assert_non_null(n);
	n->next = names;
	names = n;
	if (zone_wire_from_text(n->wire, text) < 0)
		fail_msg("'%s' is no name", text);
	return n->wire;
}

const char *
soa_text(uint32_t serial)
{
	static _Thread_local char text[128];

	snprintf(text, sizeof text, "@ 300 SOA ns.other. host.other. %u 3600 600 86400 300\n",
		serial);
	return text;
}

static bool
same_name(const uint8_t *a, const uint8_t *b)
{
	return name_octets(a) == name_octets(b) && memcmp(a, b, name_octets(a)) == 0;
}

/* Records of one RRset are neighbours, so that 64k RRsets take no search. */
static void
add_line(struct made *m, const struct zone_line *l)
{
	const uint8_t *owner = m->lines.heap + l->owner;
	const char *text = m->text + l->start;
	size_t len = l->end - l->start;
	struct backend_change *c = m->set.n ? &m->change[m->set.n - 1] : NULL;
	struct backend_record *more;
	uint32_t n;

	if (!c || c->rrset.type != l->type || !same_name(c->rrset.owner, owner)) {
		if (m->set.n == m->room) {
			m->room = m->room ? 2 * m->room : 64;
			m->change = realloc(m->change, m->room * sizeof *m->change);
			assert_non_null(m->change);
		}
		c = &m->change[m->set.n++];
		*c = (struct backend_change){.has_records = true,
			.rrset = {.owner = owner, .type = l->type, .ttl = (uint32_t)l->ttl}};
	}
	if (memmem(text, len, "; gone", 6))
		return;
	n = c->rrset.n_records;
	if ((n & (n - 1)) == 0) {
		more = realloc((void *)(uintptr_t)c->rrset.record, (n ? 2 * n : 1) * sizeof *more);
		assert_non_null(more);
		c->rrset.record = more;
	}
	((struct backend_record *)(uintptr_t)c->rrset.record)[n] =
		(struct backend_record){.rdata = m->lines.heap + l->rdata,
			.rdlength = l->rdlength,
			.disabled = memmem(text, len, "; disabled", 10) != NULL};
	c->rrset.n_records++;
}

struct made *
made_from(const uint8_t *apex, uint32_t before, uint32_t after, const char *text)
{
	struct made *m = calloc(1, sizeof *m);
	char error[512];

	assert_non_null(m);
	m->text = strdup(text);
	if (zone_lines_read(&m->lines, m->text, strlen(text), apex, &(struct ttl_rules){300, false},
		    error) != 0)
		fail_msg("the test's own text: %s", error);
	for (size_t i = 0; i < m->lines.n; i++)
		if (m->lines.line[i].kind == LINE_RECORD)
			add_line(m, &m->lines.line[i]);
	m->set.apex = apex;
	m->set.serial_before = before;
	m->set.serial_after = after;
	m->set.change = m->change;
	m->set.who = "conformance";
	return m;
}

void
made_free(struct made *m)
{
	for (size_t i = 0; i < m->set.n; i++)
		free((void *)(uintptr_t)m->change[i].rrset.record);
	free(m->change);
	zone_lines_free(&m->lines);
	free(m->text);
	free(m);
}

/* --- dumps --- */

struct lines {
	char **line;
	size_t n, room;
};

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
put_hex(FILE *f, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", octets[i]);
}

/* One RRset: owner, type, TTL, records sorted, comments. */
static int
add_rrset(void *arg, const struct backend_rrset *set)
{
	struct lines *all = arg, records = {0};
	size_t len;
	FILE *f;

	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		all->line = realloc(all->line, all->room * sizeof *all->line);
	}
	records.line = calloc(set->n_records + 1, sizeof *records.line);
	for (uint32_t i = 0; i < set->n_records; i++) {
		f = open_memstream(&records.line[i], &len);
		fputs(set->record[i].disabled ? " !" : " ", f);
		put_hex(f, set->record[i].rdata, set->record[i].rdlength);
		fclose(f);
	}
	qsort(records.line, set->n_records, sizeof *records.line, compare_text);
	f = open_memstream(&all->line[all->n++], &len);
	put_hex(f, set->owner, name_octets(set->owner));
	fprintf(f, " %u %u", set->type, set->n_records ? set->ttl : 0);
	for (uint32_t i = 0; i < set->n_records; i++) {
		fputs(records.line[i], f);
		free(records.line[i]);
	}
	for (uint32_t i = 0; i < set->n_comments; i++)
		fprintf(f, " {%s|%s|%u}", set->comment[i].content, set->comment[i].account,
			set->comment[i].modified_at);
	fclose(f);
	free(records.line);
	return 0;
}

static char *
join(struct lines *all)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	if (all->n > 0)
		qsort(all->line, all->n, sizeof *all->line, compare_text);
	for (size_t i = 0; i < all->n; i++) {
		fprintf(f, "%s\n", all->line[i]);
		free(all->line[i]);
	}
	fclose(f);
	free(all->line);
	return out;
}

char *
dump(void *instance, const uint8_t *apex)
{
	char error[BACKEND_ERROR_OCTETS] = "";
	struct lines all = {0};
	int rc = api->stream(instance, apex, add_rrset, &all, error);
	char *out = join(&all);

	if (rc == 0)
		return out;
	fprintf(stderr, "stream: %d: %s\n", rc, error);
	free(out);
	return NULL;
}

char *
dump_of_made(const struct made *m)
{
	struct lines all = {0};

	for (size_t i = 0; i < m->set.n; i++)
		add_rrset(&all, &m->change[i].rrset);
	return join(&all);
}

void
must_apply(void *instance, const uint8_t *apex, uint32_t before, uint32_t after, const char *text)
{
	struct made *m = made_from(apex, before, after, text);

	assert_works(api->apply(instance, &m->set, error));
	made_free(m);
}

struct backend_zone
plain_zone(const uint8_t *apex)
{
	return (struct backend_zone){.apex = apex,
		.kind = BACKEND_NATIVE,
		.primaries = "",
		.account = "",
		.catalog = "",
		.options = "",
		.path = ""};
}

void
must_create(void *instance, const uint8_t *apex)
{
	struct backend_zone zone = plain_zone(apex);
	char text[256];

	assert_works(api->create(instance, &zone, error));
	snprintf(text, sizeof text, "%s@ 300 NS ns.other.\n", soa_text(1));
	must_apply(instance, apex, 0, 1, text);
}

int
main(int argc, char **argv)
{
	void *handle = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	backend_entry entry;
	int bad = 0;

	if (!handle) {
		fprintf(stderr, "usage: %s BACKEND.so [OPTION=VALUE...]\n%s\n", argv[0],
			argc > 1 ? dlerror() : "@DIR@ in a value is a folder of its own");
		return 2;
	}
	*(void **)&entry = dlsym(handle, BACKEND_ENTRY);
	if (!entry) {
		fprintf(stderr, "%s: it has no " BACKEND_ENTRY "\n", argv[1]);
		return 2;
	}
	api = entry();
	given = argv + 2;
	n_given = (unsigned)argc - 2;
	if (api->abi_version != BACKEND_ABI_VERSION || backend_fault(api)) {
		fprintf(stderr, "%s: %s\n", argv[1],
			api->abi_version != BACKEND_ABI_VERSION ? "another version of the ABI"
								: backend_fault(api));
		return 2;
	}
	cmocka_set_message_output(CM_OUTPUT_STDOUT);
	bad += run_zone_tests();
	bad += run_record_tests();
	bad += run_extra_tests();
	bad += run_life_tests();
	return bad > 0;
}
