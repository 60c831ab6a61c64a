/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zone_retrieve: axfr-retrieve: queue a transfer. What comes of it is in the zone's
 * "millrace.transfer", in the log, and in the metrics. */
#include "controlplane/api/api_store.h"
#include "controlplane/transfer/transfer_client.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>

#define DNS_PORT 53u

/* The primary that the body names, if there is a body. @return 1, 0: none; -1: the error is the
 * answer */
static int
take_primary(struct api_request *r, struct sockaddr_storage *out)
{
	struct config_address address;
	const char *text;
	json_t *body;
	int ret = 1;

	if (r->body_octets == 0)
		return 0;
	body = api_request_object(r);
	if (body == NULL)
		return -1;
	text = json_object_get(body, "primary") == NULL ? "" : api_need_string(r, body, "primary");
	if (text == NULL) {
		ret = -1;
	} else if (*text == '\0') {
		ret = 0;
	} else if (config_parse_address(text, DNS_PORT, &address) != 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"primary: '%.100s' is no address; it must be one such as 192.0.2.1 or "
			"[2001:db8::1]:5300",
			text);
		ret = -1;
	} else {
		*out = address.sa;
	}
	json_decref(body);
	return ret;
}

static void
queue(struct api_request *r, const struct transfer_request *q)
{
	char zone[ZONE_TEXT_OCTETS], address[TRANSFER_ADDRESS_OCTETS], text[ZONE_TEXT_OCTETS + 128];
	int ret = r->context->transfers == NULL ? -ECANCELED
						: transfer_queue(r->context->transfers, q);

	if (ret != 0) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
			ret == -EBUSY    ? "Too many zones wait to be retrieved; ask again"
			: ret == -ENOMEM ? "Out of memory"
					 : "Zones cannot be retrieved now");
		return;
	}
	zone_text_from_key(zone, q->apex);
	transfer_format_address(q->primary, address);
	snprintf(text, sizeof text, "Added retrieval request for '%s' from primary %s", zone,
		address);
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result", text);
	json_close_object(&r->out);
}

void
api_zone_retrieve(struct api_request *r)
{
	struct sockaddr_storage asked, primary[TRANSFER_PRIMARIES_MAX];
	uint8_t apex[ZONE_WIRE_OCTETS];
	char text[ZONE_TEXT_OCTETS];
	struct transfer_request q = {.apex = apex};
	struct store_zone zone;
	struct store_txn *t = api_store_read(r);
	enum api_zone_home home;
	bool secondary = false;
	unsigned n = 0;
	int named;

	if (t == NULL)
		return;
	home = api_store_zone(r, t, apex, &zone);
	if (home == API_ZONE_STORED) {
		secondary = transfer_is_secondary(&zone);
		n = transfer_primaries(zone.primaries, primary);
		q.zone = zone.id;
	}
	store_end(t);
	if (home == API_ZONE_NOWHERE)
		return;
	named = take_primary(r, &asked);
	if (named < 0)
		return;
	q.only = named > 0;
	q.primary = q.only ? &asked : &primary[0];
	zone_text_from_key(text, apex);
	if (!secondary || (n == 0 && named == 0))
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Domain '%s' is not a secondary domain (or has no primary defined)", text);
	else
		queue(r, &q);
}
