/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_settings: the settings of this server by PowerDNS's names, for clients that look at them
 * before they decide what to send: what means the same here, with the value that holds, and what
 * PowerDNS has and this version has not, as off. millrace/config has the configuration itself. */
#include "controlplane/api/access.h"
#include "controlplane/api/request.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VALUE_OCTETS 8192u /* addresses; what does not fit is left out whole */

struct value {
	char text[VALUE_OCTETS];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct value *v, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(v->text + v->len, sizeof v->text - v->len, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof v->text - v->len)
		v->len += (size_t)n;
	v->text[v->len] = '\0';
}

static void
add_addresses(struct value *v, const struct config_address *a, unsigned n)
{
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		config_format_address(&a[i], text);
		add(v, "%s%s", v->len > 0 ? ", " : "", text);
	}
}

static void
local_address(struct value *v, const struct config *c)
{
	add_addresses(v, c->dataplane.listen, c->dataplane.listen_count);
	for (unsigned i = 0; i < c->dataplane.ports_count; i++)
		add_addresses(
			v, c->dataplane.ports[i].addresses, c->dataplane.ports[i].addresses_count);
	if (v->len == 0)
		add(v, "0.0.0.0, ::");
}

/* Where zones come from, in the order in which they are asked. */
static void
launch(struct value *v, const struct config *c)
{
	add(v, "lmdb");
	if (c->zones.directory != NULL || c->zones.list_count > 0 || c->zones.list_left_out)
		add(v, ",bind");
	for (unsigned i = 0; i < c->backends_count; i++)
		add(v, ",%s:%s",
			strcmp(c->backends[i].type, "zonefile") == 0 ? "bind" : c->backends[i].type,
			c->backends[i].name);
}

static void
api_key(struct value *v, const struct config *c)
{
	if (c->api.key != NULL)
		add(v, "***");
}

static void
webserver(struct value *v, const struct config *c)
{
	add(v, c->api.listen_count > 0 ? "yes" : "no");
}

static void
webserver_address(struct value *v, const struct config *c)
{
	add_addresses(v, c->api.listen, c->api.listen_count);
}

static void
webserver_allow_from(struct value *v, const struct config *c)
{
	char text[64];

	for (unsigned i = 0; i < c->api.allow_from_count; i++) {
		config_format_prefix(&c->api.allow_from[i], text);
		add(v, "%s%s", i > 0 ? "," : "", text);
	}
}

static void
webserver_max_bodysize(struct value *v, const struct config *c)
{
	add(v, "%u", (unsigned)((c->api.max_body + (1u << 20) - 1) >> 20));
}

static void
log_level(struct value *v, const struct config *c)
{
	static const unsigned syslog[] = {3, 4, 6, 7}; /* RFC 5424's severities */

	add(v, "%u", syslog[c->log_level]);
}

static void
text_or_nothing(struct value *v, const char *text)
{
	add(v, "%s", text != NULL ? text : "");
}

static void
setuid_name(struct value *v, const struct config *c)
{
	text_or_nothing(v, c->user);
}

static void
chroot_path(struct value *v, const struct config *c)
{
	text_or_nothing(v, c->chroot);
}

static void
socket_dir(struct value *v, const struct config *c)
{
	text_or_nothing(v, c->run_dir);
}

static void
server_id(struct value *v, const struct config *c)
{
	text_or_nothing(v, c->answers.identity);
}

static void
version_string(struct value *v, const struct config *c)
{
	text_or_nothing(v, c->answers.version);
}

static void
cookie_secret(struct value *v, const struct config *c)
{
	if (c->answers.cookie_secret_set)
		add(v, "***");
}

static void
receiver_threads(struct value *v, const struct config *c)
{
	add(v, "%u", c->dataplane.workers);
}

static void
udp_truncation_threshold(struct value *v, const struct config *c)
{
	add(v, "%u", c->answers.udp_payload_max);
}

static void
max_tcp_connections(struct value *v, const struct config *c)
{
	add(v, "%u", c->stream.connections_max);
}

static void
max_tcp_connections_per_client(struct value *v, const struct config *c)
{
	add(v, "%u", c->stream.connections_per_client_max);
}

static void
tcp_idle_timeout(struct value *v, const struct config *c)
{
	add(v, "%u", (c->stream.idle_timeout_ms + 999) / 1000);
}

static void
default_ttl(struct value *v, const struct config *c)
{
	add(v, "%u", c->zones.default_ttl);
}

/* In alphabetical order, as PowerDNS has them. */
static const struct setting {
	const char *name;
	void (*write)(struct value *v, const struct config *c); /* NULL: always this: */
	const char *text;
} setting[] = {
	{"api", NULL, "yes"},
	{"api-key", api_key, NULL},
	{"autosecondary", NULL, "no"},
	{"chroot", chroot_path, NULL},
	{"consistent-backends", NULL, "yes"},
	{"default-api-rectify", NULL, "yes"},
	{"default-soa-content", NULL,
		"a.misconfigured.dns.server.invalid hostmaster.@ 0 10800 3600 604800 3600"},
	{"default-soa-edit", NULL, ""},
	{"default-soa-edit-api", NULL, "DEFAULT"},
	{"default-ttl", default_ttl, NULL},
	{"disable-axfr", NULL, "yes"},
	{"dnsupdate", NULL, "no"},
	{"edns-cookie-secret", cookie_secret, NULL},
	{"enable-lua-records", NULL, "no"},
	{"expand-alias", NULL, "no"},
	{"geoip-database-files", NULL, ""},
	{"launch", launch, NULL},
	{"local-address", local_address, NULL},
	{"local-port", NULL, "53"},
	{"loglevel", log_level, NULL},
	{"lua-dnsupdate-policy-script", NULL, ""},
	{"max-tcp-connections", max_tcp_connections, NULL},
	{"max-tcp-connections-per-client", max_tcp_connections_per_client, NULL},
	{"primary", NULL, "no"},
	{"receiver-threads", receiver_threads, NULL},
	{"secondary", NULL, "no"},
	{"server-id", server_id, NULL},
	{"setuid", setuid_name, NULL},
	{"socket-dir", socket_dir, NULL},
	{"tcp-idle-timeout", tcp_idle_timeout, NULL},
	{"udp-truncation-threshold", udp_truncation_threshold, NULL},
	{"version-string", version_string, NULL},
	{"views", NULL, "yes"},
	{"webserver", webserver, NULL},
	{"webserver-address", webserver_address, NULL},
	{"webserver-allow-from", webserver_allow_from, NULL},
	{"webserver-max-bodysize", webserver_max_bodysize, NULL},
};

static void
write_setting(struct json_writer *w, const struct setting *s, const struct config *c)
{
	struct value v = {.len = 0};

	v.text[0] = '\0';
	if (s->write != NULL)
		s->write(&v, c);
	else
		add(&v, "%s", s->text);
	json_open_object(w, NULL);
	json_str(w, "name", s->name);
	json_str(w, "type", "ConfigSetting");
	json_str(w, "value", v.text);
	json_close_object(w);
}

void
api_settings_list(struct api_request *r)
{
	struct config *c;

	if (!access_server(r))
		return;
	c = reconfigure_running(r->context->reconfigure);
	json_open_array(&r->out, NULL);
	for (size_t i = 0; i < sizeof setting / sizeof setting[0]; i++)
		write_setting(&r->out, &setting[i], c);
	json_close_array(&r->out);
	config_free(c);
}

void
api_setting_get(struct api_request *r)
{
	const char *name = r->match.param[0];
	struct config *c;

	if (!access_server(r))
		return;
	for (size_t i = 0; i < sizeof setting / sizeof setting[0]; i++) {
		if (strcmp(setting[i].name, name) != 0)
			continue;
		c = reconfigure_running(r->context->reconfigure);
		write_setting(&r->out, &setting[i], c);
		config_free(c);
		return;
	}
	api_request_error(r, MHD_HTTP_NOT_FOUND,
		"There is no setting '%.100s'; " API_BASE "/config lists those that there are",
		name);
}

/* --- cache --- */

void
api_cache_flush(struct api_request *r)
{
	char name[ZONE_ID_OCTETS];
	uint8_t wire[ZONE_WIRE_OCTETS];
	int found;

	if (!access_server(r))
		return;
	found = api_request_query(r, "domain", name, sizeof name);
	if (found < 0)
		return;
	if (found == 0 || name[0] == '\0' || name[strlen(name) - 1] != '.') {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"DNS Name '%.300s' is not canonical", found == 0 ? "" : name);
		return;
	}
	if (zone_wire_from_text(wire, name) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse DNS Name '%.300s'", name);
		return;
	}
	/* answers are rendered when a zone is published: there is nothing to be forgotten */
	json_open_object(&r->out, NULL);
	json_uint(&r->out, "count", 0);
	json_str(&r->out, "result", "Flushed cache.");
	json_close_object(&r->out);
}
