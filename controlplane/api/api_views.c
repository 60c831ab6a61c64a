/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_views: views, and the networks that see them, with the words and statuses of PowerDNS 5. What
 * they say is kept in the store (controlplane/views/views_rows.h), and served before the answer. */
#include "controlplane/api/access.h"
#include "controlplane/api/api_store.h"
#include "controlplane/api/body_rrsets.h"
#include "controlplane/views/views_rows.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK_TEXT_OCTETS 64u

static void
answer_read_error(struct api_request *r, int error)
{
	if (error != 0)
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "The store cannot be read: %s",
			strerror(-error));
}

/* --- lists of views and of their zones --- */

struct listing {
	struct json_writer *w;
	char before[VIEW_NAME_MAX + 1];
	uint32_t n;
};

/* A view's rows come together. */
static int
list_view(void *arg, const char *key, const char *variant)
{
	struct listing *l = arg;
	size_t len = strcspn(key, "/");

	if (len == 0 || len > VIEW_NAME_MAX ||
		(strncmp(l->before, key, len) == 0 && l->before[len] == '\0'))
		return 0;
	memcpy(l->before, key, len);
	l->before[len] = '\0';
	json_str(l->w, NULL, l->before);
	return 0;
}

void
api_views_list(struct api_request *r)
{
	struct listing l = {.w = &r->out};
	struct store_txn *t;
	int ret;

	if (!access_server(r) || (t = api_store_read(r)) == NULL)
		return;
	json_open_object(&r->out, NULL);
	json_open_array(&r->out, "views");
	ret = store_row_each_any(t, STORE_VIEW, "", list_view, &l);
	json_close_array(&r->out);
	json_close_object(&r->out);
	store_end(t);
	answer_read_error(r, ret);
}

static int
list_zone(void *arg, const char *key, const char *variant)
{
	char view[VIEW_NAME_MAX + 1], text[ZONE_TEXT_OCTETS];
	uint8_t zone_key[ZONE_WIRE_OCTETS];
	struct listing *l = arg;

	if (variant == NULL || view_row_read(key, variant, view, zone_key) != 0)
		return 0; /* the log has told of it */
	zone_text_from_key(text, zone_key);
	json_str(l->w, NULL, text);
	l->n++;
	return 0;
}

static bool
is_view_name(struct api_request *r, const char *view)
{
	const char *wrong = view_name_wrong(view);

	if (wrong != NULL)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"View '%.100s' cannot be named so: %s", view, wrong);
	return wrong == NULL;
}

void
api_view_get(struct api_request *r)
{
	const char *view = r->match.param[0];
	struct listing l = {.w = &r->out};
	char prefix[VIEW_NAME_MAX + 2];
	struct store_txn *t;
	int ret = 0;

	if (!access_server(r) || (t = api_store_read(r)) == NULL)
		return;
	json_open_object(&r->out, NULL);
	json_open_array(&r->out, "zones");
	if (view_name_wrong(view) == NULL) {
		snprintf(prefix, sizeof prefix, "%.252s/", view);
		ret = store_row_each_any(t, STORE_VIEW, prefix, list_zone, &l);
	}
	json_close_array(&r->out);
	json_close_object(&r->out);
	store_end(t);
	if (ret == 0 && l.n == 0)
		api_request_error(r, MHD_HTTP_NOT_FOUND, "There is no view '%.252s'", view);
	answer_read_error(r, ret);
}

/* --- changes of views --- */

/* A row that is to be put, or to be gone. */
struct row_job {
	struct api_job base;
	enum store_table table;
	char key[VIEWS_KEY_OCTETS];
	char value[VIEW_NAME_MAX + 1]; /* variant, or view of a network */
	bool gone;
	char view[VIEW_NAME_MAX + 1]; /* of STORE_VIEW */
};

/* A row's value as text, if there is one that can be read. */
static int
read_row(const struct row_job *j, struct store_txn *t, json_t **out)
{
	const char *value;
	int ret = store_row_get(t, j->table, j->key, &value);

	if (ret != 0)
		return ret == -ENOENT || ret == -EPROTO ? 0 : ret;
	*out = json_string(value);
	return *out != NULL ? 0 : -ENOMEM;
}

/* Writer's thread. */
static int
apply_row(struct change_job *job, struct store_txn *t)
{
	struct row_job *j = (struct row_job *)job;
	const char *full = NULL;
	json_t *before = NULL;
	int ret = read_row(j, t, &before);

	j->base.told = false; /* of a run before this one */
	if (ret == 0)
		ret = views_put_row(t, j->table, j->key, j->gone ? NULL : j->value, &full);
	if (ret == 0) {
		change_touch_views(job);
		return api_job_tell(&j->base, t, j->table == STORE_VIEW ? "view" : "network",
			j->key, before, j->gone ? NULL : json_string(j->value));
	}
	json_decref(before);
	if (ret == -E2BIG && j->table == STORE_NETWORK)
		return change_refuse(&job->error, CHANGE_INVALID,
			"Failed to setup view %.252s for network %.60s: no more %s are allowed",
			j->value, j->key, full);
	if (ret == -E2BIG)
		return change_refuse(&job->error, CHANGE_INVALID,
			"Failed to add %.300s to view %.252s: no more %s are allowed",
			strchr(j->key, '/') + 1, j->view, full);
	return ret == 1 ? 0 : ret;
}

static void
row_changed(struct api_request *r)
{
	if (api_job_of(r) != NULL)
		api_request_done(r);
}

/* The row of a zone in the view that the path names. @return NULL: the error is the answer */
static struct row_job *
new_view_job(struct api_request *r, const uint8_t *zone_key)
{
	const char *view = r->match.param[0];
	struct row_job *j;

	if (!is_view_name(r, view) || (j = api_job_new(r, sizeof *j, NULL)) == NULL)
		return NULL;
	j->table = STORE_VIEW;
	snprintf(j->view, sizeof j->view, "%.252s", view); /* no longer: is_view_name() */
	if (view_row_key(j->key, view, zone_key) == 0)
		return j;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"The names of view and zone are too long together to be kept: at most %u octets",
		VIEWS_KEY_OCTETS - 2);
	return NULL;
}

void
api_view_add(struct api_request *r)
{
	char error[BODY_ERROR_OCTETS];
	uint8_t zone_key[ZONE_WIRE_OCTETS];
	struct row_job *j;
	const char *name;
	json_t *body;

	if (!access_server(r) || (body = api_request_object(r)) == NULL)
		return;
	name = api_need_string(r, body, "name");
	if (name != NULL && body_zone_name(zone_key, name, error) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "%s", error);
	} else if (name != NULL && (j = new_view_job(r, zone_key)) != NULL) {
		unsigned label = zone_key_variant(zone_key);
		if (label > 0)
			memcpy(j->value, zone_key + 2, label - 2);
		api_job_run(r, apply_row, row_changed);
	}
	json_decref(body);
}

void
api_view_remove(struct api_request *r)
{
	uint8_t zone_key[ZONE_WIRE_OCTETS];
	struct row_job *j;

	if (!access_server(r))
		return;
	if (zone_key_from_id(zone_key, r->match.param[1]) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse zone id '%.300s'", r->match.param[1]);
	} else if ((j = new_view_job(r, zone_key)) != NULL) {
		j->gone = true;
		api_job_run(r, apply_row, row_changed);
	}
}

/* --- networks --- */

struct network {
	struct config_prefix prefix;
	char *view;
};

struct networks {
	struct network *network;
	size_t n, room;
};

static int
take_network(void *arg, const char *key, const char *view)
{
	struct networks *all = arg;
	struct network *n;

	if (all->n == all->room) {
		size_t room = all->room == 0 ? 64 : 2 * all->room;
		n = reallocarray(all->network, room, sizeof *n);
		if (n == NULL)
			return -ENOMEM;
		all->network = n;
		all->room = room;
	}
	n = &all->network[all->n];
	if (view == NULL || network_parse_text(&n->prefix, key) != 0)
		return 0; /* the log has told of it */
	n->view = strdup(view);
	all->n += n->view != NULL;
	return n->view != NULL ? 0 : -ENOMEM;
}

/* IPv4 first, then by address, the wider one before those in it. */
static int
compare_networks(const void *a, const void *b)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct network *x = a, *y = b;
	bool x4 = memcmp(x->prefix.address, mapped, 12) == 0 && x->prefix.bits >= 96,
	     y4 = memcmp(y->prefix.address, mapped, 12) == 0 && y->prefix.bits >= 96;
	int order = memcmp(x->prefix.address, y->prefix.address, 16);

	if (x4 != y4)
		return x4 ? -1 : 1;
	return order != 0 ? order : (int)x->prefix.bits - (int)y->prefix.bits;
}

static void
write_network(struct json_writer *w, const struct config_prefix *prefix, const char *view)
{
	char text[NETWORK_TEXT_OCTETS];

	config_format_prefix(prefix, text);
	json_open_object(w, NULL);
	json_str(w, "network", text);
	json_str(w, "view", view);
	json_close_object(w);
}

void
api_networks_list(struct api_request *r)
{
	struct networks all = {0};
	struct store_txn *t;
	int ret;

	if (!access_server(r) || (t = api_store_read(r)) == NULL)
		return;
	ret = store_row_each_any(t, STORE_NETWORK, "", take_network, &all);
	store_end(t);
	if (all.n > 1)
		qsort(all.network, all.n, sizeof *all.network, compare_networks);
	json_open_object(&r->out, NULL);
	json_open_array(&r->out, "networks");
	for (size_t i = 0; i < all.n; i++) {
		write_network(&r->out, &all.network[i].prefix, all.network[i].view);
		free(all.network[i].view);
	}
	json_close_array(&r->out);
	json_close_object(&r->out);
	free(all.network);
	answer_read_error(r, ret);
}

/* The network that the path names, and its row. */
static bool
take_path(struct api_request *r, struct config_prefix *prefix, char key[NETWORK_TEXT_OCTETS])
{
	const char *ip = r->match.param[0], *length = r->match.param[1];

	if (network_parse(prefix, ip, length) == 0) {
		config_format_prefix(prefix, key);
		return true;
	}
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"'%.100s/%.20s' is no network; it must be ADDRESS/LENGTH such as 192.0.2.0/24", ip,
		length);
	return false;
}

void
api_network_get(struct api_request *r)
{
	char key[NETWORK_TEXT_OCTETS];
	struct config_prefix prefix;
	struct store_txn *t;
	const char *view;
	int ret;

	if (!access_server(r) || !take_path(r, &prefix, key) || (t = api_store_read(r)) == NULL)
		return;
	ret = store_row_get(t, STORE_NETWORK, key, &view);
	if (ret == 0) {
		json_open_object(&r->out, NULL);
		json_open_array(&r->out, "networks");
		write_network(&r->out, &prefix, view);
		json_close_array(&r->out);
		json_close_object(&r->out);
	}
	store_end(t);
	if (ret == -ENOENT)
		api_request_error(r, MHD_HTTP_NOT_FOUND, "Network %s has no view", key);
	else
		answer_read_error(r, ret);
}

void
api_network_set(struct api_request *r)
{
	char key[NETWORK_TEXT_OCTETS];
	struct config_prefix prefix;
	struct row_job *j;
	const char *view;
	json_t *body;

	if (!access_server(r) || !take_path(r, &prefix, key) ||
		(body = api_request_object(r)) == NULL)
		return;
	view = api_need_string(r, body, "view");
	if (view != NULL && (view[0] == '\0' || is_view_name(r, view)) &&
		(j = api_job_new(r, sizeof *j, NULL)) != NULL) {
		j->table = STORE_NETWORK;
		snprintf(j->key, sizeof j->key, "%s", key);
		snprintf(j->value, sizeof j->value, "%.252s", view);
		j->gone = view[0] == '\0';
		api_job_run(r, apply_row, row_changed);
	}
	json_decref(body);
}
