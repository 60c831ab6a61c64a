/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zone_actions: what PowerDNS's API has a zone do: notify and rectify (retrieve:
 * api_zone_retrieve.c).
 */
#include "controlplane/api/api_store.h"
#include "controlplane/api/body_check.h"
#include "controlplane/transfer/notify_send.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_A 1u
#define TYPE_NS 2u
#define TYPE_AAAA 28u
#define DNS_PORT 53u

static void
answer_result(struct api_request *r, const char *text)
{
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result", text);
	json_close_object(&r->out);
}

/* --- notify --- */

struct targets {
	struct notify_target one[NOTIFY_TARGETS_MAX];
	size_t n;
};

static struct notify_target *
add_target(struct targets *to)
{
	/* more than this many are not told: a zone with more name servers than a message has room
	 * for is a mistake */
	return to->n < NOTIFY_TARGETS_MAX ? &to->one[to->n++] : NULL;
}

/* The addresses of a name server, from our own zones.
 * @param n  addresses of this name, so far */
static void
add_addresses(struct targets *to, const struct backend_rrset *rrset, unsigned *n)
{
	for (uint32_t i = 0; i < rrset->n_records && *n < NOTIFY_NAME_ADDRESSES_MAX; i++) {
		const struct backend_record *rr = &rrset->record[i];
		struct notify_target *t;
		if (rr->disabled || rr->rdlength != (rrset->type == TYPE_A ? 4 : 16))
			continue;
		t = add_target(to);
		if (t == NULL)
			return;
		(*n)++;
		if (rrset->type == TYPE_A) {
			struct sockaddr_in *sa = (struct sockaddr_in *)(void *)&t->address;
			sa->sin_family = AF_INET;
			sa->sin_port = htons(DNS_PORT);
			memcpy(&sa->sin_addr, rr->rdata, 4);
		} else {
			struct sockaddr_in6 *sa = (struct sockaddr_in6 *)(void *)&t->address;
			sa->sin6_family = AF_INET6;
			sa->sin6_port = htons(DNS_PORT);
			memcpy(&sa->sin6_addr, rr->rdata, 16);
		}
	}
}

/* The zone of ours that has the addresses of a name server of `zone`. Of the names in it that is
 * itself: the zone that everybody sees is another one than its variant.
 * @return 0, -ENOENT or another negative errno */
static int
zone_of_name_server(struct store_txn *txn, const struct store_zone *zone, const uint8_t *name,
	struct store_zone *out)
{
	const uint8_t *apex = zone_key_apex(zone->apex);
	int ret = store_zone_of(txn, name, out);

	if ((ret != 0 && ret != -ENOENT) || !body_name_is_below(name, apex) ||
		(ret == 0 && name_octets(out->apex) > name_octets(apex)))
		return ret;
	*out = *zone;
	return 0;
}

static void
add_name_server(struct targets *to, struct store_txn *txn, const struct store_zone *zone,
	const uint8_t *name)
{
	static const uint16_t type[] = {TYPE_A, TYPE_AAAA};
	struct store_decoder d = {0};
	struct backend_rrset rrset;
	struct notify_target *t;
	struct store_zone home;
	unsigned n = 0;

	if (zone_of_name_server(txn, zone, name, &home) == 0) {
		for (size_t i = 0; i < 2; i++)
			if (store_rrset_get(txn, &home, name, type[i], &d, &rrset) == 0)
				add_addresses(to, &rrset, &n);
		store_decoder_free(&d);
		return;
	}
	t = add_target(to);
	if (t != NULL) {
		char text[ZONE_TEXT_OCTETS];
		zone_text_from_wire(text, name);
		snprintf(t->name, sizeof t->name, "%.255s", text);
	}
}

/* ALSO-NOTIFY */
static void
add_configured(struct targets *to, struct store_txn *txn, const struct store_zone *zone)
{
	struct config_address address;
	const char **value;
	size_t n;

	if (store_metadata_get(txn, zone, "ALSO-NOTIFY", &value, &n) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct notify_target *t;
		if (config_parse_address(value[i], DNS_PORT, &address) != 0)
			continue;
		t = add_target(to);
		if (t != NULL)
			t->address = address.sa;
	}
	free(value);
}

static void
collect_targets(struct targets *to, struct store_txn *txn, const struct store_zone *zone)
{
	struct store_decoder d = {0};
	struct backend_rrset ns;

	add_configured(to, txn, zone);
	if (store_rrset_get(txn, zone, zone_key_apex(zone->apex), TYPE_NS, &d, &ns) == 0)
		for (uint32_t i = 0; i < ns.n_records; i++) {
			uint8_t raw[ZONE_WIRE_OCTETS] = {0}, name[ZONE_WIRE_OCTETS] = {0};
			if (ns.record[i].disabled || ns.record[i].rdlength > NAME_OCTETS_MAX)
				continue;
			memcpy(raw, ns.record[i].rdata, ns.record[i].rdlength);
			name_fold(name, raw, ns.record[i].rdlength);
			add_name_server(to, txn, zone, name);
		}
	store_decoder_free(&d);
}

struct notified_job {
	struct api_job base;
	uint8_t apex[ZONE_WIRE_OCTETS];
	uint32_t serial;
};

/* Writer's thread. */
static int
apply_notified(struct change_job *job, struct store_txn *t)
{
	struct notified_job *j = (struct notified_job *)job;
	struct store_zone zone;
	int ret = store_zone_get(t, j->apex, &zone);

	if (ret == -ENOENT || (ret == 0 && zone.notified_serial == j->serial))
		return 0;
	zone.notified_serial = j->serial;
	return ret == 0 ? store_zone_update(t, &zone) : ret;
}

static void
notified(struct api_request *r)
{
	if (api_job_of(r) != NULL)
		answer_result(r, "Notification queued");
}

static void
send_notify(struct api_request *r, const uint8_t *apex, uint32_t serial, const struct targets *to)
{
	struct notified_job *j;
	int ret = notify_queue(r->context->notify, apex, serial, to->one, to->n);

	if (ret != 0) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
			ret == -EBUSY ? "Too many notifications wait already; ask again"
				      : "Out of memory");
		return;
	}
	j = api_job_new(r, sizeof *j, NULL);
	if (j == NULL)
		return;
	memcpy(j->apex, apex, sizeof j->apex);
	j->serial = serial;
	api_job_run(r, apply_notified, notified);
}

void
api_zone_notify(struct api_request *r)
{
	struct store_txn *t = api_store_read(r);
	uint8_t apex[ZONE_WIRE_OCTETS];
	char text[ZONE_TEXT_OCTETS];
	struct targets to = {.n = 0};
	struct store_zone zone;
	enum api_zone_home home;
	uint32_t serial = 0;

	if (t == NULL)
		return;
	home = api_store_zone(r, t, apex, &zone);
	if (home == API_ZONE_STORED) {
		collect_targets(&to, t, &zone);
		serial = zone.serial;
	}
	store_end(t);
	if (home == API_ZONE_NOWHERE)
		return;
	zone_text_from_key(text, apex);
	if (home == API_ZONE_ELSEWHERE)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Zone '%s' is not in the store: NOTIFY is sent for zones of the store",
			text);
	else if (r->context->notify == NULL)
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"NOTIFY cannot be sent: its thread did not start");
	else if (to.n == 0) /* PowerDNS says 200, and clients take anything else for a failure */
		answer_result(r, "Nobody to notify: the zone has no ALSO-NOTIFY, and no NS whose "
				 "address is known");
	else
		send_notify(r, apex, serial, &to);
}

/* --- rectify --- */

struct look {
	bool known, serving, failed;
	char finding[512];
};

static void
look_at(void *arg, const struct zone_entry *e)
{
	struct look *l = arg;

	l->known = true;
	l->serving = e->serving;
	l->failed = e->state == ZONE_FAILED;
	for (size_t i = 0; e->report != NULL && i < e->report->n; i++)
		if (e->report->finding[i].severity == ZONE_ERROR &&
			e->report->finding[i].text != NULL && l->finding[0] == '\0')
			snprintf(l->finding, sizeof l->finding, "%s", e->report->finding[i].text);
}

static bool
is_presigned(struct store_txn *t, const struct store_zone *zone)
{
	const char **value;
	bool yes;
	size_t n;

	if (store_metadata_get(t, zone, "PRESIGNED", &value, &n) != 0)
		return false;
	yes = n > 0 && strcmp(value[0], "1") == 0;
	free(value);
	return yes;
}

/* What PowerDNS computes here (order of names, who is authoritative, empty non-terminals) is made
 * from the records with each version that is published; so what is left is to look whether the
 * newest one is. */
void
api_zone_rectify(struct api_request *r)
{
	struct store_txn *t = api_store_read(r);
	uint8_t apex[ZONE_WIRE_OCTETS];
	char text[ZONE_TEXT_OCTETS];
	struct look l = {.known = false};
	struct store_zone zone;
	enum api_zone_home home;
	bool presigned = false;

	if (t == NULL)
		return;
	home = api_store_zone(r, t, apex, &zone);
	if (home == API_ZONE_STORED)
		presigned = is_presigned(t, &zone);
	store_end(t);
	if (home == API_ZONE_NOWHERE)
		return;
	zone_text_from_key(text, apex);
	zone_manager_visit(r->context->zones, apex, look_at, &l);
	if (presigned)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Zone '%s' is pre-signed, not rectifying.", text);
	else if (l.failed || !l.serving)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Failed to rectify '%s' %s",
			text, l.finding[0] != '\0' ? l.finding : "It is not served");
	else
		answer_result(r, "Rectified");
}
