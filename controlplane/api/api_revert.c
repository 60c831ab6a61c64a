/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_revert: a zone as it was after one of its serials, by a new changeset: history goes on, and
 * going back can be undone like anything else. */
#include "controlplane/api/access.h"
#include "controlplane/api/journal_net.h"
#include "controlplane/api/zone_change.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/descriptor.h>

#define SOA_NUMBERS_OCTETS 20u /* serial, refresh, retry, expire, minimum */

static int
take_entry(void *arg, const struct store_journal_entry *e)
{
	return journal_net_add(arg, e);
}

/* The RRset of these records as it was. @param now  as it is; valid until the next read */
static int
restore(struct body_rrsets *b, const struct journal_net *net, size_t from, size_t end,
	const struct backend_rrset *now)
{
	struct backend_rrset set = {.owner = net->record[from]->owner,
		.type = net->record[from]->type,
		.ttl = now->ttl};
	struct backend_record *record =
		body_take(&b->memory, (now->n_records + end - from) * sizeof *record);

	if (record == NULL)
		return -ENOMEM;
	set.record = record;
	for (uint32_t i = 0; i < now->n_records; i++) {
		uint8_t *copy;
		if (journal_net_find(net, from, end, &now->record[i]) != NULL)
			continue; /* as it was, below; or it was not there */
		copy = body_take(&b->memory, now->record[i].rdlength + 1u);
		if (copy == NULL)
			return -ENOMEM;
		record[set.n_records] = now->record[i];
		record[set.n_records++].rdata =
			memcpy(copy, now->record[i].rdata, now->record[i].rdlength);
	}
	for (size_t i = from; i < end; i++) {
		const struct net_record *r = net->record[i];
		if (!r->before.there)
			continue;
		set.ttl = r->before.ttl;
		record[set.n_records++] = (struct backend_record){
			.rdata = r->rdata, .rdlength = r->rdlength, .disabled = r->before.disabled};
	}
	body_rrsets_add(b, &set);
	return 0;
}

/* Does the SOA differ in anything but its serial? */
static bool
soa_differs(const struct journal_net *net, size_t from, size_t end)
{
	const struct net_record *before = NULL, *after = NULL;
	unsigned names;

	for (size_t i = from; i < end; i++) {
		before = net->record[i]->before.there ? net->record[i] : before;
		after = net->record[i]->after.there ? net->record[i] : after;
	}
	if (before == NULL || after == NULL || before->rdlength != after->rdlength ||
		before->rdlength < SOA_NUMBERS_OCTETS || before->before.ttl != after->after.ttl)
		return true;
	names = before->rdlength - SOA_NUMBERS_OCTETS;
	return memcmp(before->rdata, after->rdata, names) != 0 ||
	       memcmp(before->rdata + names + 4, after->rdata + names + 4,
		       SOA_NUMBERS_OCTETS - 4) != 0;
}

/* With the serial that the zone has: it is counted up, never back. */
static int
restore_soa(struct body_rrsets *b, const struct journal_net *net, size_t from, size_t end,
	uint32_t serial)
{
	struct backend_record *record = body_take(&b->memory, sizeof *record);
	uint8_t *copy;

	for (size_t i = from; i < end && record != NULL; i++) {
		const struct net_record *r = net->record[i];
		if (!r->before.there || r->rdlength < SOA_NUMBERS_OCTETS)
			continue;
		copy = body_take(&b->memory, r->rdlength);
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, r->rdata, r->rdlength);
		for (int k = 0; k < 4; k++)
			copy[r->rdlength - SOA_NUMBERS_OCTETS + (unsigned)k] =
				(uint8_t)(serial >> (24 - 8 * k));
		*record = (struct backend_record){
			.rdata = copy, .rdlength = r->rdlength, .disabled = r->before.disabled};
		body_rrsets_add(b, &(struct backend_rrset){.owner = r->owner,
					   .type = r->type,
					   .ttl = r->before.ttl,
					   .n_records = 1,
					   .record = record});
		return 0;
	}
	return record == NULL ? -ENOMEM : 0;
}

static int
undo(struct zone_change *c, struct store_txn *t, const struct store_zone *zone,
	const struct journal_net *net, struct store_decoder *d)
{
	struct body_rrsets *b = &c->rrsets;
	int ret = 0;

	body_rrsets_free(b); /* it may be another run of the same job */
	b->edit = body_take(&b->memory, (net->n + 1) * sizeof *b->edit);
	if (b->edit == NULL)
		return -ENOMEM;
	for (size_t i = 0, end; i < net->n && ret == 0; i = end) {
		struct backend_rrset now = {0};
		const struct net_record *r = net->record[i];
		end = journal_net_rrset_end(net, i);
		if (r->type == KNOT_RRTYPE_SOA) {
			if (soa_differs(net, i, end))
				ret = restore_soa(b, net, i, end, zone->serial);
			continue;
		}
		ret = store_rrset_get(t, zone, r->owner, r->type, d, &now);
		if (ret == -ENOENT)
			ret = 0;
		if (ret == 0)
			ret = restore(b, net, i, end, &now);
	}
	c->edits.edit = b->edit;
	c->edits.n = b->n;
	return ret;
}

static int
apply_revert(struct change_job *job, struct store_txn *t)
{
	struct zone_change *c = zone_change_of(job);
	struct store_decoder d = {0};
	struct store_zone zone;
	struct journal_net net = {0};
	int ret = store_zone_get(t, c->apex, &zone);

	if (ret == 0)
		ret = zone_change_check(c, t, &zone);
	if (ret == 0)
		ret = journal_net_init(&net);
	if (ret == 0 && zone.serial != c->serial) {
		ret = store_journal_since(t, &zone, c->serial, take_entry, &net);
		if (ret == -ENOENT)
			ret = change_refuse(&job->error, CHANGE_NOT_FOUND,
				"The journal does not reach back to serial %u", c->serial);
	}
	if (ret == 0) {
		journal_net_sort(&net);
		ret = undo(c, t, &zone, &net, &d);
	}
	if (ret == 0 && c->edits.n > 0)
		ret = changes_edit(job, t, &c->edits, &c->outcome);
	else if (ret == 0)
		c->outcome.serial_before = c->outcome.serial_after = zone.serial;
	journal_net_free(&net);
	store_decoder_free(&d);
	return ret;
}

static void
answer_reverted(struct api_request *r, struct zone_change *c)
{
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result",
		c->outcome.changed ? "Reverted" : "The zone is like that already");
	json_uint(&r->out, "serial_before", c->outcome.serial_before);
	json_uint(&r->out, "serial_after", c->outcome.serial_after);
	json_uint(&r->out, "rrsets", c->edits.n);
	json_close_object(&r->out);
}

void
api_zone_revert(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	char text[32], *end;
	struct store_txn *t;
	struct store_zone zone;
	struct zone_at at;
	struct zone_change *c;
	int found;

	if (api_request_zone(r, apex) != 0 || !access_zone(r, apex))
		return;
	found = api_request_query(r, "serial", text, sizeof text);
	if (found < 0)
		return;
	errno = 0;
	unsigned long long serial = found == 0 ? 0 : strtoull(text, &end, 10);
	if (found == 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
		serial > UINT32_MAX) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"'serial' must be one that the zone has had");
		return;
	}
	found = zone_locate_for(r, apex, &at, &t, &zone);
	store_end(t);
	free(at.path);
	if (found != 0)
		return;
	if (at.place != ZONE_IN_STORE) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The zone does not come from the store: there is no journal of its "
			"changes");
		return;
	}
	c = zone_change_new(r, apex);
	if (c == NULL || zone_change_match(c) != 0)
		return;
	c->serial = (uint32_t)serial;
	c->edits.origin = "revert";
	zone_change_submit(c, apply_revert, answer_reverted);
}
