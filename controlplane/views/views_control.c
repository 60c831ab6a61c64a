/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_control: rows of the store -> views_compile -> zone_publish. */
#include "controlplane/views/views_control.h"
#include "config/log.h"
#include "controlplane/views/views_compile.h"
#include "controlplane/views/views_rows.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct views_control {
	pthread_mutex_t lock; /* one at a time, so that the last one is the latest */
	struct zone_publisher *publisher;
	const struct arena *arena;
	void (*published)(void *arg);
	void *arg;
};

int
views_control_create(struct views_control **out, struct zone_publisher *publisher,
	const struct arena *arena, void (*published)(void *arg), void *arg)
{
	struct views_control *v = calloc(1, sizeof *v);

	if (v == NULL)
		return -ENOMEM;
	*v = (struct views_control){
		.publisher = publisher, .arena = arena, .published = published, .arg = arg};
	pthread_mutex_init(&v->lock, NULL);
	*out = v;
	return 0;
}

void
views_control_destroy(struct views_control *v)
{
	if (v == NULL)
		return;
	pthread_mutex_destroy(&v->lock);
	free(v);
}

struct reading {
	struct views_builder *builder;
	uint32_t n_bad;
	char bad[VIEWS_KEY_OCTETS]; /* the first one */
	const char *why;
};

/* One row less, not none at all. @return 0 */
static int
note_bad(struct reading *r, const char *key, const char *why)
{
	if (r->n_bad++ == 0) {
		snprintf(r->bad, sizeof r->bad, "%s", key);
		r->why = why;
	}
	return 0;
}

static int
read_network(void *arg, const char *key, const char *view)
{
	struct reading *r = arg;
	struct config_prefix network;
	int ret;

	if (network_parse_text(&network, key) != 0)
		return note_bad(r, key, "it is no network");
	if (view == NULL || view_name_wrong(view) != NULL) {
		/* not what a wider network sees: that may be more than was meant for these */
		view = NULL;
		note_bad(r, key, "its view is damaged: the network sees none");
	}
	ret = views_builder_network(r->builder, &network, view);
	return ret == -E2BIG ? note_bad(r, key, "there are too many networks") : ret;
}

static int
read_zone(void *arg, const char *key, const char *variant)
{
	struct reading *r = arg;
	uint8_t zone_key[ZONE_WIRE_OCTETS];
	char view[VIEW_NAME_MAX + 1];
	int ret;

	if (variant == NULL || view_row_read(key, variant, view, zone_key) != 0)
		return note_bad(r, key, "it is damaged");
	ret = views_builder_zone(r->builder, view, zone_key);
	return ret == -E2BIG ? note_bad(r, key, "there are too many views, or zones of views")
			     : ret;
}

static int
read_rows(struct reading *r, struct store *store)
{
	struct store_txn *t;
	int ret = store_read(store, &t);

	if (ret != 0)
		return ret;
	/* zones first: they say which views there are, and networks may name any others */
	ret = store_row_each_any(t, STORE_VIEW, "", read_zone, r);
	if (ret == 0)
		ret = store_row_each_any(t, STORE_NETWORK, "", read_network, r);
	store_end(t);
	return ret;
}

int
views_control_refresh(void *arg, struct store *store)
{
	struct views_control *v = arg;
	struct reading r = {.builder = views_builder_create(arena_header(v->arena)->seed)};
	struct views *block = NULL;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = r.builder == NULL ? -ENOMEM : read_rows(&r, store);
	if (ret == 0)
		ret = views_builder_finish(r.builder, &block);
	if (ret == 0)
		ret = views_publish(v->publisher, block);
	pthread_mutex_unlock(&v->lock);
	free(block);
	views_builder_destroy(r.builder);
	if (r.n_bad > 0)
		log_error("%u rows of views and networks in the store are left out; the first one "
			  "is '%s': %s. 'millracectl store verify' says more; setting or removing "
			  "it mends it",
			r.n_bad, r.bad, r.why);
	if (ret != 0)
		log_error("views: what the store has is not served yet: %s", strerror(-ret));
	else if (v->published != NULL)
		v->published(v->arg);
	return ret;
}

bool
views_control_has_some(const struct views_control *v)
{
	return views_current(v->arena) != NULL;
}
