/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/rrsets: reading and writing them. */
#include "tools/ctl/rrsets.h"

#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/rdata_text.h"
#include "controlplane/zones/zone_load.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_OCTETS 4096u
#define DEFAULT_TTL_S 3600u /* as the configuration key zones.default-ttl */
#define CONTENT_OCTETS (4u * RDATA_WIRE_MAX + 1024u)

static char *
copy(const char *text)
{
	char *out = strdup(text);

	if (out == NULL)
		abort();
	return out;
}

static struct rrset *
add_set(struct rrsets *z, const char *name, const char *type, uint32_t ttl)
{
	struct rrset *s;

	if (z->n == z->room) {
		z->room = z->room == 0 ? 64 : z->room * 2;
		z->set = reallocarray(z->set, z->room, sizeof *z->set);
		if (z->set == NULL)
			abort();
	}
	s = &z->set[z->n++];
	*s = (struct rrset){.name = copy(name), .type = copy(type), .ttl = ttl};
	return s;
}

static void
add_record(struct rrset *s, char *content, bool disabled)
{
	s->rr = reallocarray(s->rr, s->n + 1, sizeof *s->rr);
	if (s->rr == NULL)
		abort();
	s->rr[s->n++] = (struct rr){.content = content, .disabled = disabled};
}

void
rrset_empty(struct rrset *s)
{
	for (size_t k = 0; k < s->n; k++)
		free(s->rr[k].content);
	free(s->rr);
	s->rr = NULL;
	s->n = 0;
}

static void
free_set(struct rrset *s)
{
	rrset_empty(s);
	free(s->name);
	free(s->type);
}

void
rrsets_add_empty(struct rrsets *z, const struct rrset *like)
{
	add_set(z, like->name, like->type, like->ttl);
}

void
rrsets_add_copy(struct rrsets *z, const struct rrset *s)
{
	struct rrset *own = add_set(z, s->name, s->type, s->ttl);

	for (size_t k = 0; k < s->n; k++)
		add_record(own, copy(s->rr[k].content), s->rr[k].disabled);
}

void
rrsets_copy(struct rrsets *out, const struct rrsets *from)
{
	*out = (struct rrsets){.zone = copy(from->zone)};
	for (size_t i = 0; i < from->n; i++)
		rrsets_add_copy(out, &from->set[i]);
}

void
rrsets_drop_empty(struct rrsets *z)
{
	size_t n = 0;

	for (size_t i = 0; i < z->n; i++)
		if (z->set[i].n > 0)
			z->set[n++] = z->set[i];
		else
			free_set(&z->set[i]);
	z->n = n;
}

void
rrsets_free(struct rrsets *z)
{
	for (size_t i = 0; i < z->n; i++)
		free_set(&z->set[i]);
	free(z->set);
	free(z->zone);
	*z = (struct rrsets){0};
}

/* --- order --- */

static int
compare_records(const void *a, const void *b)
{
	const struct rr *x = a, *y = b;
	int order = strcmp(x->content, y->content);

	return order != 0 ? order : (int)x->disabled - (int)y->disabled;
}

static int
rank_of(const char *type)
{
	return strcmp(type, "SOA") == 0 ? 0 : strcmp(type, "NS") == 0 ? 1 : 2;
}

/* By labels from the right: a name stands before those below it. */
static int
compare_names(const char *a, const char *b)
{
	size_t x = strlen(a), y = strlen(b);

	while (x > 0 && y > 0) {
		int p = tolower((unsigned char)a[--x]), q = tolower((unsigned char)b[--y]);
		if (p == q)
			continue;
		/* a dot ends a label, and what ends first is first */
		return p == '.' ? -1 : q == '.' ? 1 : p - q;
	}
	return (x > 0) - (y > 0);
}

static int
compare_sets(const void *a, const void *b)
{
	const struct rrset *x = a, *y = b;
	int order = compare_names(x->name, y->name);

	if (order == 0)
		order = rank_of(x->type) - rank_of(y->type);
	return order != 0 ? order : strcmp(x->type, y->type);
}

void
rrsets_sort(struct rrsets *z)
{
	for (size_t i = 0; i < z->n; i++)
		if (z->set[i].n > 1)
			qsort(z->set[i].rr, z->set[i].n, sizeof *z->set[i].rr, compare_records);
	if (z->n > 1)
		qsort(z->set, z->n, sizeof *z->set, compare_sets);
}

const struct rrset *
rrsets_find(const struct rrsets *z, const struct rrset *like)
{
	return z->n == 0 ? NULL : bsearch(like, z->set, z->n, sizeof *z->set, compare_sets);
}

/* --- from the API --- */

/* One spelling for one record: another server's may differ from ours. */
static char *
canonical(const char *type, const char *content)
{
	static uint8_t rdata[RDATA_WIRE_MAX];
	static char text[CONTENT_OCTETS], error[RDATA_TEXT_ERROR_OCTETS];
	uint16_t number, len;

	if (rrtype_from_text(type, &number) != 0 ||
		rdata_from_text(number, content, rdata, &len, error) != 0 ||
		rdata_to_text(number, rdata, len, text, sizeof text) < 0)
		return copy(content);
	return copy(text);
}

int
rrsets_from_json(struct rrsets *out, const char *zone, const json_t *array)
{
	size_t i, k;
	json_t *set, *record;

	*out = (struct rrsets){.zone = copy(zone)};
	if (!json_is_array(array)) {
		ctl_complain("the answer has no rrsets");
		rrsets_free(out);
		return -1;
	}
	json_array_foreach(array, i, set)
	{
		const char *type = ctl_text(set, "type");
		struct rrset *s =
			add_set(out, ctl_text(set, "name"), type, (uint32_t)ctl_uint(set, "ttl"));
		for (char *at = s->name; *at != '\0'; at++)
			*at = (char)tolower((unsigned char)*at);
		json_array_foreach(json_object_get(set, "records"), k, record) add_record(s,
			canonical(type, ctl_text(record, "content")), ctl_bool(record, "disabled"));
	}
	rrsets_sort(out);
	return 0;
}

/* --- from files --- */

char *
rrsets_zone_of_file(const char *path)
{
	uint8_t key[ZONE_WIRE_OCTETS];
	char text[ZONE_TEXT_OCTETS];

	if (zone_key_from_path(key, path) < 0)
		return NULL;
	zone_text_from_key(text, key);
	return copy(text);
}

static void
take_model(struct rrsets *out, const struct zone_model *model)
{
	char *text = malloc(CONTENT_OCTETS), name[ZONE_TEXT_OCTETS], type[16];

	if (text == NULL)
		abort();
	for (uint32_t i = 0; i < model->n_names; i++) {
		const struct zone_name *n = &model->name[i];
		struct rrset *s = NULL;
		uint16_t last = 0;
		if (n->n > 0)
			zone_text_from_wire(name, zone_owner(model, n));
		for (uint32_t k = 0; k < n->n; k++) {
			const struct zone_record *r = &model->record[n->first + k];
			uint16_t len;
			const uint8_t *rdata = zone_rdata(model, r, &len);
			if (s == NULL || r->type != last) {
				rrtype_to_text(r->type, type);
				s = add_set(out, name, type, r->ttl);
				last = r->type;
			}
			if (rdata_to_text(r->type, rdata, len, text, CONTENT_OCTETS) >= 0)
				add_record(s, copy(text), false);
		}
	}
	free(text);
	rrsets_sort(out);
}

int
rrsets_from_file(struct rrsets *out, const char *zone, const char *path)
{
	struct zone_load_options options = {.default_ttl = DEFAULT_TTL_S};
	uint8_t key[ZONE_WIRE_OCTETS];
	struct zone_report report = {0};
	struct zone_model model = {0};
	char text[ZONE_TEXT_OCTETS];
	int ret;

	if (zone_key_from_text(key, zone) < 0) {
		ctl_complain("'%s' is not a zone name", zone);
		return -1;
	}
	zone_text_from_key(text, key);
	ret = zone_load_file(&model, path, zone_key_apex(key), &options, &report);
	if (ret != 0 && report.n_errors == 0)
		zone_report_add(
			&report, ZONE_ERROR, path, 0, "cannot be loaded: %s", strerror(-ret));
	for (size_t i = 0; i < report.n; i++)
		fprintf(stderr, "%s: %s\n",
			report.finding[i].severity == ZONE_ERROR ? "error" : "warning",
			report.finding[i].text == NULL ? "(out of memory)"
						       : report.finding[i].text);
	ret = report.n_errors > 0 ? -1 : 0;
	*out = (struct rrsets){.zone = copy(text)};
	if (ret == 0)
		take_model(out, &model);
	else
		rrsets_free(out);
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	return ret;
}

/* --- a zone file --- */

/* Length of the part of a name that is before the zone's; 0: it is the zone's own name. */
static size_t
relative_octets(const char *name, const char *zone)
{
	size_t len = strlen(name), tail = strcmp(zone, ".") == 0 ? 0 : strlen(zone);

	if (strcasecmp(name, zone) == 0)
		return 0;
	if (tail == 0)
		return len - 1; /* the root: without the final dot */
	return len > tail + 1 && strcasecmp(name + len - tail, zone) == 0 ? len - tail - 1 : len;
}

void
rrsets_write(FILE *to, const struct rrsets *z)
{
	char *apex = ctl_apex(z->zone);

	fprintf(to, "$ORIGIN %s\n", apex);
	for (size_t i = 0; i < z->n; i++) {
		const struct rrset *s = &z->set[i];
		size_t len = relative_octets(s->name, apex);
		for (size_t k = 0; k < s->n; k++) {
			fputs(s->rr[k].disabled ? "; disabled: " : "", to);
			if (len == 0)
				fprintf(to, "%-24s", "@");
			else
				fprintf(to, "%-*.*s", 24, (int)len, s->name);
			fprintf(to, " %-7u %-7s %s\n", s->ttl, s->type, s->rr[k].content);
		}
	}
	free(apex);
}

uint32_t
rrsets_serial(const struct rrsets *z)
{
	const struct rrset like = {.name = z->zone, .type = (char *)"SOA"};
	const struct rrset *soa = rrsets_find(z, &like);
	unsigned serial = 0;

	if (soa == NULL || soa->n == 0 || sscanf(soa->rr[0].content, "%*s %*s %u", &serial) != 1)
		return 0;
	return serial;
}

size_t
rrsets_records(const struct rrsets *z)
{
	size_t n = 0;

	for (size_t i = 0; i < z->n; i++)
		n += z->set[i].n;
	return n;
}

bool
rrsets_includes_others(FILE *in)
{
	char line[LINE_OCTETS];
	bool whole = true, found = false;

	while (!found && fgets(line, sizeof line, in) != NULL) {
		found = whole && strncasecmp(line, "$INCLUDE", 8) == 0;
		whole = strchr(line, '\n') != NULL;
	}
	rewind(in);
	return found;
}
