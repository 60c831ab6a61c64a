/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/common: what the verbs of pdnsutil and pdns_control share. */
#include "tools/pdns/pdns.h"

#include "controlplane/zones/rdata_text.h"
#include "shm/paths.h"

#include <libzscanner/scanner.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTENT_OCTETS (4u * RDATA_WIRE_MAX + 1024u)
#define HTTP_NOT_FOUND 404

/* --- where the server is --- */

/* Only what would reach another server than the one that is meant is not taken in silence. */
int
pdns_set_up(struct ctl *c)
{
	static const char *const remote[] = {"remote-address", "remote-port", "secret"};

	for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) {
		if (ctl_find_option(c->program, NULL, remote[i]) == NULL ||
			!ctl_given(c, remote[i]))
			continue;
		ctl_complain("--%s: there is no control socket over TCP here; --server "
			     "https://HOST:PORT with --token-file FILE reaches another machine",
			remote[i]);
		return CTL_USAGE;
	}
	if (ctl_find_option(c->program, NULL, "socket-dir") != NULL && ctl_given(c, "socket-dir") &&
		!ctl_given(c, "socket")) {
		char *path = ctl_format("%s/" RUN_API, ctl_value(c, "socket-dir"));
		if (access(path, F_OK) == 0) {
			c->socket_path = path;
			return CTL_OK;
		}
		free(path);
	}
	return ctl_connect(c);
}

/* --- asking --- */

long
pdns_ask(const struct ctl *c, const char *method, const char *path, const json_t *body,
	json_t **answer)
{
	struct http_reply reply;
	long status = -1;

	*answer = NULL;
	if (ctl_exchange(c, method, path, body, NULL, &reply) == 0) {
		status = reply.status;
		*answer = json_incref(reply.json);
	}
	http_reply_free(&reply);
	return status;
}

int
pdns_fail(const json_t *answer)
{
	if (answer != NULL)
		fprintf(stderr, "Error: %s\n", ctl_text(answer, "error"));
	return CTL_FAILURE;
}

int
pdns_ask_zone(const struct ctl *c, const char *method, const char *zone, const char *rest,
	const json_t *body, const char *missing, json_t **answer)
{
	char *path = ctl_zone_path(zone, rest);
	long status = pdns_ask(c, method, path, body, answer);
	int ret = CTL_OK;

	free(path);
	if (status == HTTP_NOT_FOUND) {
		char *plain = pdns_plain(zone);
		const char *at = strstr(missing, "%s");
		fprintf(stderr, "%.*s%s%s\n",
			at == NULL ? (int)strlen(missing) : (int)(at - missing), missing,
			at == NULL ? "" : plain, at == NULL ? "" : at + 2);
		free(plain);
		ret = CTL_FAILURE;
	} else if (status < 0 || status >= 300) {
		ret = pdns_fail(*answer);
	}
	if (ret != CTL_OK) {
		json_decref(*answer);
		*answer = NULL;
	}
	return ret;
}

char *
pdns_plain(const char *name)
{
	size_t len = strlen(name);

	return ctl_format("%.*s", len > 1 && name[len - 1] == '.' ? (int)len - 1 : (int)len, name);
}

/* --- content --- */

struct taken {
	char *text;
	uint16_t type;
};

static void
take_record(zs_scanner_t *s)
{
	struct taken *t = s->process.data;

	t->text = malloc(CONTENT_OCTETS);
	if (t->text == NULL)
		abort();
	if (s->r_type != t->type || rdata_to_text(s->r_type, s->r_data, (uint16_t)s->r_data_length,
					    t->text, CONTENT_OCTETS) < 0) {
		free(t->text);
		t->text = NULL;
	}
}

/* As a record of the root zone, so that a name without a dot is a whole one. */
char *
pdns_content(const char *type, const char *content)
{
	char *line = ctl_format(". 0 IN %s %s\n", type, content);
	struct taken t = {0};
	zs_scanner_t *s = calloc(1, sizeof *s);

	if (s == NULL)
		abort();
	if (rrtype_from_text(type, &t.type) == 0 && strchr(content, '\n') == NULL &&
		zs_init(s, ".", 1, 0) == 0) {
		if (zs_set_input_string(s, line, strlen(line)) == 0 &&
			zs_set_processing(s, take_record, NULL, &t) == 0)
			zs_parse_all(s);
		zs_deinit(s);
	}
	free(s);
	free(line);
	return t.text;
}

/* --- what there is not --- */

static int
refuse(const struct ctl *c, const char *why)
{
	ctl_complain("%s: %s", c->verb->alias != NULL ? c->verb->alias : c->verb->word, why);
	return CTL_FAILURE;
}

int
pdns_no_dnssec(const struct ctl *c)
{
	return refuse(c, "this server does not sign zones");
}

int
pdns_no_catalog(const struct ctl *c)
{
	return refuse(c, "this server neither makes nor takes catalog zones yet");
}

int
pdns_no_notify_host(const struct ctl *c)
{
	return refuse(c, "NOTIFY to one address alone is not there; add it to the zone's metadata "
			 "ALSO-NOTIFY, then notify");
}

int
pdns_no_backend(const struct ctl *c)
{
	return refuse(c, "there is no backend of PowerDNS here to speak to; see millracectl help "
			 "store and millracectl help zone");
}
