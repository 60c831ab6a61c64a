/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_history: what the journal knows of a zone: its changesets, the difference between two of its
 * serials, and going back to one. */
#include "controlplane/api/access.h"
#include "controlplane/api/journal_net.h"
#include "controlplane/api/zone_change.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_DEFAULT 50u
#define ENTRIES_MAX 1000u
#define ANSWER_OCTETS (4u << 20) /* about which no further entry is begun */

/* A zone of the store, and who may read it. @param[out] t  the caller's. @return 0, or -1: the
 * error is the answer */
static int
begin(struct api_request *r, struct store_txn **t, struct store_zone *zone,
	uint8_t apex[ZONE_WIRE_OCTETS])
{
	struct zone_at at;

	*t = NULL;
	if (api_request_zone(r, apex) != 0 || !access_zone(r, apex) ||
		zone_locate_for(r, apex, &at, t, zone) != 0)
		return -1;
	free(at.path);
	if (at.place == ZONE_IN_STORE)
		return 0;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"The zone does not come from the store: there is no journal of its changes");
	return -1;
}

/* A number of the query. @return 1; 0: it is not there; -1: the error is the answer */
static int
ask_number(struct api_request *r, const char *name, uint64_t max, uint64_t *out)
{
	char text[32], *end;
	int found = api_request_query(r, name, text, sizeof text);

	if (found <= 0)
		return found;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out <= max)
		return 1;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "'%s' must be a number from 0 to %llu",
		name, (unsigned long long)max);
	return -1;
}

/* --- history --- */

struct history {
	struct json_writer *w;
	struct rrset_view view;
	uint64_t left, last;
	bool more;
};

static void
write_rrsets(struct history *h, const char *key, const struct backend_rrset *set, uint32_t n)
{
	json_open_array(h->w, key);
	for (uint32_t i = 0; i < n; i++)
		rrset_write_json(h->w, NULL, &h->view, &set[i]);
	json_close_array(h->w);
}

static int
write_entry(void *arg, const struct store_journal_entry *e)
{
	struct history *h = arg;

	if (h->left == 0 || h->w->len > ANSWER_OCTETS) {
		h->more = true;
		return 1;
	}
	h->left--;
	h->last = e->sequence;
	json_open_object(h->w, NULL);
	json_uint(h->w, "sequence", e->sequence);
	json_int(h->w, "at_ms", e->at_ms);
	json_str(h->w, "who", e->who);
	json_str(h->w, "origin", e->origin);
	json_uint(h->w, "serial_before", e->serial_before);
	json_uint(h->w, "serial_after", e->serial_after);
	write_rrsets(h, "removed", e->removed, e->n_removed);
	write_rrsets(h, "added", e->added, e->n_added);
	json_close_object(h->w);
	return 0;
}

void
api_zone_history(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_txn *t;
	struct store_zone zone;
	struct history h = {.w = &r->out, .left = ENTRIES_DEFAULT};
	uint64_t before = UINT64_MAX;
	int ret;

	if (begin(r, &t, &zone, apex) != 0 || ask_number(r, "limit", ENTRIES_MAX, &h.left) < 0 ||
		ask_number(r, "before", UINT64_MAX, &before) < 0) {
		store_end(t);
		return;
	}
	h.view.text = malloc(RRSET_TEXT_OCTETS);
	json_open_object(&r->out, NULL);
	json_uint(&r->out, "serial", zone.serial);
	json_open_array(&r->out, "changes");
	ret = h.view.text == NULL ? -ENOMEM : store_journal_each(t, &zone, before, write_entry, &h);
	free(h.view.text);
	store_end(t);
	json_close_array(&r->out);
	if (h.more)
		json_uint(&r->out, "next_before", h.last);
	json_close_object(&r->out);
	if (ret < 0 && ret != -ENOENT)
		api_answer_store_error(r, ret);
}

/* --- what two serials differ in --- */

struct span {
	struct journal_net net;
	uint32_t to;
	bool bounded, reached; /* it ends at `to`; it has been there */
};

static int
take_entry(void *arg, const struct store_journal_entry *e)
{
	struct span *s = arg;
	int ret = journal_net_add(&s->net, e);

	if (ret == 0 && s->bounded && e->serial_after == s->to)
		s->reached = true;
	return ret != 0 ? ret : s->reached ? 1 : 0;
}

/* @return 0, -ENOENT: the journal does not reach, or another negative errno. The net is the
 * caller's in any case */
static int
read_span(struct span *s, struct store_txn *t, const struct store_zone *zone, uint32_t from)
{
	int ret = journal_net_init(&s->net);

	if (ret != 0 || (s->bounded && from == s->to) || (!s->bounded && from == zone->serial))
		return ret;
	ret = store_journal_since(t, zone, from, take_entry, s);
	if (ret < 0)
		return ret;
	if (s->bounded && !s->reached)
		return -ENOENT;
	journal_net_sort(&s->net);
	return 0;
}

/* One side of the difference, RRset by RRset. */
static int
write_side(struct json_writer *w, const char *key, const struct journal_net *net, bool after)
{
	struct rrset_view view = {.text = malloc(RRSET_TEXT_OCTETS)};
	struct backend_record *record = calloc(net->n + 1, sizeof *record);
	int ret = view.text == NULL || record == NULL ? -ENOMEM : 0;

	json_open_array(w, key);
	for (size_t i = 0, end; i < net->n && ret == 0; i = end) {
		struct backend_rrset set = {.owner = net->record[i]->owner,
			.type = net->record[i]->type,
			.record = record};
		end = journal_net_rrset_end(net, i);
		for (size_t j = i; j < end; j++) {
			const struct net_record *r = net->record[j];
			const struct net_state *s = after ? &r->after : &r->before;
			if (!s->there)
				continue;
			set.ttl = s->ttl;
			record[set.n_records++] = (struct backend_record){.rdata = r->rdata,
				.rdlength = r->rdlength,
				.disabled = s->disabled};
		}
		if (set.n_records > 0)
			rrset_write_json(w, NULL, &view, &set);
	}
	json_close_array(w);
	free(record);
	free(view.text);
	return ret;
}

static void
answer_span_error(struct api_request *r, int ret, uint64_t from, uint64_t to)
{
	if (ret == -ENOENT)
		api_request_error(r, MHD_HTTP_NOT_FOUND,
			"The journal does not lead from serial %llu to %llu",
			(unsigned long long)from, (unsigned long long)to);
	else if (ret == -EFBIG)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Too much was changed between these serials to be shown at once");
	else
		api_answer_store_error(r, ret);
}

void
api_zone_diff(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_txn *t;
	struct store_zone zone;
	struct span s = {.bounded = true};
	uint64_t from = 0, to;
	int found, ret;

	if (begin(r, &t, &zone, apex) != 0) {
		store_end(t);
		return;
	}
	to = zone.serial;
	found = ask_number(r, "from", UINT32_MAX, &from);
	if (found == 0)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "'from' is missing: a serial");
	if (found <= 0 || ask_number(r, "to", UINT32_MAX, &to) < 0) {
		store_end(t);
		return;
	}
	s.to = (uint32_t)to;
	ret = read_span(&s, t, &zone, (uint32_t)from);
	store_end(t);
	json_open_object(&r->out, NULL);
	json_uint(&r->out, "from", from);
	json_uint(&r->out, "to", to);
	if (ret == 0)
		ret = write_side(&r->out, "removed", &s.net, false);
	if (ret == 0)
		ret = write_side(&r->out, "added", &s.net, true);
	json_close_object(&r->out);
	journal_net_free(&s.net);
	if (ret != 0)
		answer_span_error(r, ret, from, to);
}
