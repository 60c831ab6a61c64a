/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_autoprimaries: servers that may make this one a secondary of a zone by a NOTIFY. They are
 * kept in the store and listed; nothing acts on them before transfers do. Rows: "IP/NAME" (the name
 * folded, without its final dot) -> {"account"}. */
#include "controlplane/api/access.h"
#include "controlplane/api/api_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_OCTETS 480u /* of a row's key in the store, as it allows */
#define ACCOUNT_OCTETS_MAX 255u

static int
list_autoprimary(void *arg, const char *key, const char *value)
{
	const char *slash = strchr(key, '/');
	json_t *row = json_loads(value, 0, NULL);
	const char *account = json_string_value(json_object_get(row, "account"));
	char ip[INET6_ADDRSTRLEN];

	if (slash != NULL && (size_t)(slash - key) < sizeof ip) {
		memcpy(ip, key, (size_t)(slash - key));
		ip[slash - key] = '\0';
		json_open_object(arg, NULL);
		json_str(arg, "account", account != NULL ? account : "");
		json_str(arg, "ip", ip);
		json_str(arg, "nameserver", slash + 1);
		json_close_object(arg);
	}
	json_decref(row);
	return 0;
}

void
api_autoprimaries_list(struct api_request *r)
{
	struct store_txn *t;
	int ret;

	if (!access_server(r) || (t = api_store_read(r)) == NULL)
		return;
	json_open_array(&r->out, NULL);
	ret = store_row_each(t, STORE_AUTOPRIMARY, "", list_autoprimary, &r->out);
	json_close_array(&r->out);
	store_end(t);
	if (ret != 0)
		api_answer_store_error(r, ret);
}

struct autoprimary_job {
	struct api_job base;
	char key[KEY_OCTETS];
	char *value; /* NULL: it is to be gone */
};

static void
free_autoprimary_job(struct api_job *base)
{
	free(((struct autoprimary_job *)base)->value);
}

/* Writer's thread. */
static int
apply_autoprimary(struct change_job *job, struct store_txn *t)
{
	struct autoprimary_job *j = (struct autoprimary_job *)job;
	const char *other;
	json_t *before = NULL;
	int ret = store_row_get(t, STORE_AUTOPRIMARY, j->key, &other);

	if (ret != 0 && ret != -ENOENT)
		return ret;
	if (ret == 0 && j->value != NULL)
		return change_refuse(
			&job->error, CHANGE_CONFLICT, "Autoprimary %s is there already", j->key);
	if (ret == 0)
		before = json_loads(other, 0, NULL);
	if (j->value != NULL)
		ret = store_row_put(t, STORE_AUTOPRIMARY, j->key, j->value);
	else /* PowerDNS does not mind that there is none */
		ret = ret == 0 ? store_row_remove(t, STORE_AUTOPRIMARY, j->key) : 0;
	if (ret != 0) {
		json_decref(before);
		return ret;
	}
	return api_job_tell(&j->base, t, "autoprimary", j->key, before,
		j->value != NULL ? json_loads(j->value, 0, NULL) : NULL);
}

static void
autoprimary_changed(struct api_request *r)
{
	struct autoprimary_job *j = api_job_of(r);

	if (j == NULL)
		return;
	if (j->value == NULL)
		api_request_done(r);
	else
		r->status = MHD_HTTP_CREATED; /* and no body, as PowerDNS */
}

static bool
make_key(struct api_request *r, char key[KEY_OCTETS], const char *ip, const char *nameserver)
{
	char address[INET6_ADDRSTRLEN], name[ZONE_TEXT_OCTETS];
	uint8_t octets[16], wire[ZONE_WIRE_OCTETS];
	int family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
	size_t len;

	if (inet_pton(family, ip, octets) != 1) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"ip: '%.100s' is no address; it must be one such as 192.0.2.1 or "
			"2001:db8::1",
			ip);
		return false;
	}
	if (zone_wire_from_text(wire, nameserver) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"nameserver: '%.300s' is no domain name", nameserver);
		return false;
	}
	inet_ntop(family, octets, address, sizeof address);
	zone_text_from_wire(name, wire);
	len = strlen(name);
	if (len > 1)
		name[len - 1] = '\0';
	if (snprintf(key, KEY_OCTETS, "%s/%s", address, name) < (int)KEY_OCTETS)
		return true;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"nameserver: it is too long to be kept: at most %u octets",
		KEY_OCTETS - INET6_ADDRSTRLEN);
	return false;
}

static char *
make_value(struct api_request *r, const json_t *body)
{
	const char *account = json_string_value(json_object_get(body, "account"));
	char *text = NULL;
	json_t *row;

	if (account != NULL && strlen(account) > ACCOUNT_OCTETS_MAX) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"account: it must be at most %u octets long", ACCOUNT_OCTETS_MAX);
		return NULL;
	}
	row = json_pack("{s:s}", "account", account != NULL ? account : "");
	if (row != NULL)
		text = json_dumps(row, JSON_COMPACT);
	json_decref(row);
	if (text == NULL)
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
	return text;
}

void
api_autoprimary_add(struct api_request *r)
{
	const char *ip, *nameserver = NULL;
	struct autoprimary_job *j;
	json_t *body;

	if (!access_server(r) || (body = api_request_object(r)) == NULL)
		return;
	ip = api_need_string(r, body, "ip");
	if (ip != NULL)
		nameserver = api_need_string(r, body, "nameserver");
	if (nameserver != NULL && (ip[0] == '\0' || nameserver[0] == '\0')) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"ip and nameserver fields must be filled");
	} else if (nameserver != NULL &&
		   (j = api_job_new(r, sizeof *j, free_autoprimary_job)) != NULL &&
		   make_key(r, j->key, ip, nameserver) &&
		   (j->value = make_value(r, body)) != NULL) {
		api_job_run(r, apply_autoprimary, autoprimary_changed);
	}
	json_decref(body);
}

void
api_autoprimary_remove(struct api_request *r)
{
	struct autoprimary_job *j;

	if (!access_server(r) || (j = api_job_new(r, sizeof *j, free_autoprimary_job)) == NULL)
		return;
	if (make_key(r, j->key, r->match.param[0], r->match.param[1]))
		api_job_run(r, apply_autoprimary, autoprimary_changed);
}
