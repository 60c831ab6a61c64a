/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_search: search-data: zones by name, records by name and content, comments by content, with
 * '*' and '?'. Every record of the store is looked at, by the API's worker, until enough was found
 * or it took too long; records of zone files are not searched, their names are. */
#include "controlplane/api/api_store.h"
#include "controlplane/api/access.h"
#include "controlplane/api/api_worker.h"
#include "controlplane/api/zone_read.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PATTERN_OCTETS 1024u
#define FOUND_DEFAULT 100u
#define FOUND_MAX 100000u
#define FOUND_OCTETS_MAX                                                        \
	(64u << 20) /* of the answer, about which no further RRset is looked at \
		     */
#define SEARCH_MAX_NS (20 * 1000000000ll)
#define LOOK_EACH 1024u /* zones or RRsets between two looks at the clock */
#define PIECE_ZONES 256u

enum { FIND_ZONES = 1, FIND_RECORDS = 2, FIND_COMMENTS = 4 };

struct search {
	struct api_request *r;
	struct api_work work;
	char pattern[PATTERN_OCTETS]; /* lower case, without a final dot */
	unsigned what;
	uint64_t max, n;
	struct json_writer out;
	struct rrset_view view;
	int64_t until_ns;
	unsigned looks;
	bool is_late, is_large;
	int error;
	uint32_t cursor;
};

static void
forget(void *arg)
{
	struct search *s = arg;

	json_free(&s->out);
	free(s->view.text);
	free(s);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* '*' any number of octets, '?' one. Goes back to the last '*' only, so its cost is bounded by the
 * product of both lengths. A final dot of the text does not count. */
static bool
is_match(const char *pattern, const char *text)
{
	size_t len = strlen(text);
	const char *end = text + (len > 1 && text[len - 1] == '.' ? len - 1 : len);
	const char *star = NULL, *from = NULL;

	while (text < end) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || (*pattern != '\0' && *pattern == fold(*text))) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
is_over(struct search *s)
{
	if (s->n >= s->max || s->is_late || s->is_large || s->out.failed)
		return true;
	s->is_large = s->out.len > FOUND_OCTETS_MAX;
	if (++s->looks % LOOK_EACH == 0)
		s->is_late = now_ns() > s->until_ns || api_worker_stopping(s->r->context->worker);
	return s->is_late;
}

static void
write_zone_members(struct search *s, const uint8_t *apex)
{
	char name[ZONE_TEXT_OCTETS], id[ZONE_ID_OCTETS];

	zone_text_from_key(name, apex);
	zone_id_from_wire(id, apex);
	json_str(&s->out, "zone", name);
	json_str(&s->out, "zone_id", id);
}

static void
look_at_zone(struct search *s, const uint8_t *apex)
{
	char name[ZONE_TEXT_OCTETS], id[ZONE_ID_OCTETS];

	zone_text_from_key(name, apex);
	if (!(s->what & FIND_ZONES) || !is_match(s->pattern, name) || !access_zone_seen(s->r, apex))
		return;
	zone_id_from_wire(id, apex);
	json_open_object(&s->out, NULL);
	json_str(&s->out, "name", name);
	json_str(&s->out, "object_type", "zone");
	json_str(&s->out, "zone_id", id);
	json_close_object(&s->out);
	s->n++;
}

static void
look_at_records(struct search *s, const uint8_t *apex, const struct backend_rrset *set,
	const char *name, bool named)
{
	char type[16];

	rrtype_to_text(set->type, type);
	for (uint32_t i = 0; i < set->n_records && s->n < s->max; i++) {
		const struct backend_record *r = &set->record[i];
		const char *content = rrset_content(s->view.text, set->type, r->rdata, r->rdlength);
		if (!named && !is_match(s->pattern, content))
			continue;
		json_open_object(&s->out, NULL);
		json_str(&s->out, "content", content);
		json_bool(&s->out, "disabled", r->disabled);
		json_str(&s->out, "name", name);
		json_str(&s->out, "object_type", "record");
		json_uint(&s->out, "ttl", set->ttl);
		json_str(&s->out, "type", type);
		write_zone_members(s, apex);
		json_close_object(&s->out);
		s->n++;
	}
}

static void
look_at_comments(struct search *s, const uint8_t *apex, const struct backend_rrset *set,
	const char *name, bool named)
{
	char type[16];

	rrtype_to_text(set->type, type);
	for (uint32_t i = 0; i < set->n_comments && s->n < s->max; i++) {
		if (!named && !is_match(s->pattern, set->comment[i].content))
			continue;
		json_open_object(&s->out, NULL);
		json_str(&s->out, "content", set->comment[i].content);
		json_str(&s->out, "name", name);
		json_str(&s->out, "object_type", "comment");
		json_str(&s->out, "type", type);
		write_zone_members(s, apex);
		json_close_object(&s->out);
		s->n++;
	}
}

/* --- passes --- */

static void
look_at_entry(void *arg, const struct zone_entry *e)
{
	struct search *s = arg;

	if (e->home != ZONE_HOME_STORE && s->n < s->max)
		look_at_zone(s, e->apex);
}

static int
search_zone(struct search *s, struct store_txn *t, const struct store_zone *zone)
{
	struct store_cursor *c;
	struct backend_rrset set;
	char name[ZONE_TEXT_OCTETS];
	int ret = store_cursor_open(t, zone, NULL, false, &c);

	if (ret != 0)
		return ret;
	while (!is_over(s) && (ret = store_cursor_next(c, &set)) == 0) {
		bool named;
		zone_text_from_wire(name, set.owner);
		named = is_match(s->pattern, name);
		if (s->what & FIND_RECORDS)
			look_at_records(s, zone->apex, &set, name, named);
		if (s->what & FIND_COMMENTS)
			look_at_comments(s, zone->apex, &set, name, named);
	}
	store_cursor_close(c);
	return ret == -ENOENT ? 0 : ret;
}

/* Zones first, then what is in them, as PowerDNS. A transaction a zone: the store's pages can be
 * used again meanwhile. @param records  look into them */
static int
search_store(struct search *s, bool records)
{
	uint8_t after[ZONE_WIRE_OCTETS];
	bool begun = false;
	int ret = 0;

	while (ret == 0 && !is_over(s)) {
		struct store_txn *t;
		struct store_zone zone;
		ret = store_read(s->r->context->store, &t);
		if (ret != 0)
			break;
		for (unsigned i = 0; i < (records ? 1 : PIECE_ZONES) && !is_over(s); i++) {
			ret = store_zone_next(t, begun ? after : NULL, &zone);
			if (ret != 0)
				break;
			begun = true;
			memset(after, 0, sizeof after);
			memcpy(after, zone.apex, name_octets(zone.apex));
			if (!records)
				look_at_zone(s, after);
			else if (access_zone_seen(s->r, after))
				ret = search_zone(s, t, &zone);
		}
		store_end(t);
	}
	return ret == -ENOENT ? 0 : ret;
}

static void
run(struct api_work *work, bool stopping)
{
	struct search *s = (struct search *)((char *)work - offsetof(struct search, work));
	const struct api_context *c = s->r->context;

	s->until_ns = now_ns() + SEARCH_MAX_NS;
	json_open_array(&s->out, NULL);
	if (stopping)
		s->error = -ECANCELED;
	if (s->error == 0 && c->store != NULL && s->what & FIND_ZONES)
		s->error = search_store(s, false);
	while (s->error == 0 && !is_over(s) &&
		zone_manager_visit_some(c->zones, &s->cursor, PIECE_ZONES, look_at_entry, s))
		;
	if (s->error == 0 && c->store != NULL && s->what & (FIND_RECORDS | FIND_COMMENTS))
		s->error = search_store(s, true);
	json_close_array(&s->out);
	api_request_resume(s->r);
}

static void
start(struct api_request *r)
{
	struct search *s = r->owned;

	int ret;

	s->work.run = run;
	ret = api_worker_submit(r->context->worker, &s->work);
	/* else it may be done already, and `s` gone */
	if (ret != 0) {
		s->error = ret;
		api_request_resume(r);
	}
}

static void
finish(struct api_request *r)
{
	struct search *s = r->owned;

	if (s->error == -EBUSY || s->error == -ECANCELED) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"Too much is being searched already; ask again");
	} else if (s->error != 0) {
		api_answer_store_error(r, s->error);
	} else if (s->is_large && s->n < s->max) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"What was found is longer than %u MiB; ask for less: a smaller 'max', or a "
			"narrower 'q'",
			FOUND_OCTETS_MAX >> 20);
	} else if (s->is_late) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"The search took too long; ask for less: a smaller 'max', or an "
			"'object_type'");
	} else {
		json_free(&r->out);
		r->out = s->out;
		s->out = (struct json_writer){0};
	}
}

/* --- what is asked for --- */

/* @return 0, or -1: the error is the answer */
static int
ask_max(struct api_request *r, struct search *s)
{
	char text[32], *end;
	int found = api_request_query(r, "max", text, sizeof text);

	s->max = FOUND_DEFAULT;
	if (found <= 0)
		return found;
	s->max = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || s->max == 0) {
		api_request_error(
			r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Maximum entries must be larger than 0");
		return -1;
	}
	if (s->max > FOUND_MAX)
		s->max = FOUND_MAX;
	return 0;
}

static int
ask_what(struct api_request *r, struct search *s)
{
	static const struct {
		const char *word;
		unsigned what;
	} kind[] = {{"all", FIND_ZONES | FIND_RECORDS | FIND_COMMENTS}, {"zone", FIND_ZONES},
		{"record", FIND_RECORDS}, {"comment", FIND_COMMENTS}};
	char text[32];
	int found = api_request_query(r, "object_type", text, sizeof text);

	s->what = kind[0].what;
	if (found <= 0 || text[0] == '\0')
		return found < 0 ? -1 : 0;
	for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++)
		if (strcmp(text, kind[i].word) == 0)
			return s->what = kind[i].what, 0;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"object_type must be one of the following options: all, zone, record, comment");
	return -1;
}

void
api_search(struct api_request *r)
{
	struct search *s = calloc(1, sizeof *s);
	size_t len;

	if (s != NULL)
		s->view.text = malloc(RRSET_TEXT_OCTETS);
	if (s == NULL || s->view.text == NULL) {
		free(s);
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	s->r = r;
	r->owned = s;
	r->forget = forget;
	if (api_request_query(r, "q", s->pattern, sizeof s->pattern) < 0 || ask_max(r, s) != 0 ||
		ask_what(r, s) != 0)
		return;
	len = strlen(s->pattern);
	if (len == 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Query q can't be blank");
		return;
	}
	if (len > 1 && s->pattern[len - 1] == '.')
		s->pattern[len - 1] = '\0';
	for (char *p = s->pattern; *p != '\0'; p++)
		*p = fold(*p);
	api_request_wait_for(r, start, finish);
}
