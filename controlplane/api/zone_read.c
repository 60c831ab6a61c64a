/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_read: see the header. */
#include "controlplane/api/zone_read.h"

#include "controlplane/api/api_store.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WALK_MAX_NS (5 * 1000000000ll)

/* --- where --- */

static void
note_entry(void *arg, const struct zone_entry *e)
{
	struct zone_at *at = arg;

	if (e->home == ZONE_HOME_FILE) {
		at->place = ZONE_IN_FILE;
		at->path = strdup(e->path);
	} else if (e->home == ZONE_HOME_BACKEND) {
		at->place = ZONE_IN_BACKEND;
		at->instance = e->instance;
	} else {
		at->place = ZONE_IN_STORE; /* unless it has just gone */
	}
}

int
zone_locate(const struct api_context *c, struct store_txn *t, const uint8_t *apex,
	struct zone_at *out, struct store_zone *zone)
{
	struct store_zone own;
	int ret;

	*out = (struct zone_at){0};
	/* a file hides the store's zone of its name */
	zone_manager_visit(c->zones, apex, note_entry, out);
	if (out->place == ZONE_IN_FILE)
		return out->path == NULL ? -ENOMEM : 0;
	if (out->place == ZONE_IN_BACKEND)
		return 0;
	out->place = ZONE_NOWHERE;
	if (t == NULL)
		return 0;
	ret = store_zone_get(t, apex, zone == NULL ? &own : zone);
	if (ret == 0)
		out->place = ZONE_IN_STORE;
	return ret == -ENOENT ? 0 : ret;
}

int
zone_locate_for(struct api_request *r, const uint8_t *apex, struct zone_at *out,
	struct store_txn **t, struct store_zone *zone)
{
	int ret = 0;

	*t = NULL;
	*out = (struct zone_at){0};
	if (r->context->store != NULL)
		ret = store_read(r->context->store, t);
	if (ret == 0)
		ret = zone_locate(r->context, *t, apex, out, zone);
	if (ret != 0) {
		api_answer_store_error(r, ret);
		return -1;
	}
	if (out->place != ZONE_NOWHERE)
		return 0;
	/* it may well be there */
	if (r->context->store == NULL && r->context->store_error != NULL)
		api_answer_no_store(r);
	else
		api_answer_no_zone(r, apex);
	return -1;
}

const char *
zone_metadata_one(struct store_txn *t, const struct store_zone *z, const char *kind)
{
	const char **value, *one = "";
	size_t n;

	if (store_metadata_get(t, z, kind, &value, &n) != 0)
		return "";
	if (n > 0)
		one = value[0];
	free(value);
	return one;
}

/* --- entity tags --- */

static uint64_t
hash_text(uint64_t h, const char *text)
{
	do
		h = (h ^ (uint8_t)*text) * 1099511628211ull;
	while (*text++ != '\0');
	return h;
}

int
zone_tag(struct store_txn *t, const struct store_zone *z, char out[ZONE_TAG_OCTETS])
{
	static const char *const kind[] = {
		"SOA-EDIT", "SOA-EDIT-API", "API-RECTIFY", "TSIG-ALLOW-AXFR", "AXFR-MASTER-TSIG"};
	const char *const text[] = {z->primaries, z->account, z->catalog, z->options};
	uint64_t h = 14695981039346656037ull ^ (unsigned)z->kind;

	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		h = hash_text(h, text[i]);
	for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
		const char **value = NULL;
		size_t n = 0;
		int ret = store_metadata_get(t, z, kind[i], &value, &n);

		if (ret != 0 && ret != -ENOENT)
			return ret;
		for (size_t k = 0; k < n; k++)
			h = hash_text(h, value[k]);
		h = hash_text(h, ""); /* so that a value is of its kind */
		free(value);
	}
	snprintf(out, ZONE_TAG_OCTETS, "\"%llu-%08x\"", (unsigned long long)z->version,
		(unsigned)(h ^ h >> 32));
	return 0;
}

/* --- the store --- */

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int
open_cursor(struct zone_walk *w, const uint8_t *from)
{
	w->since_ns = now_ns();
	return store_cursor_open(w->txn, &w->zone, from, w->below, &w->cursor);
}

int
zone_walk_begin(struct zone_walk *w, struct store *store, struct store_txn *txn,
	const struct store_zone *zone, const uint8_t *from)
{
	int ret;

	*w = (struct zone_walk){.store = store, .txn = txn, .zone = *zone, .below = from != NULL};
	memcpy(w->apex, zone->apex, name_octets(zone->apex));
	w->zone.apex = w->apex;
	if (from != NULL)
		memcpy(w->owner, from, name_octets(from));
	ret = open_cursor(w, from);
	if (ret != 0)
		zone_walk_end(w);
	return ret;
}

int
zone_walk_refresh(struct zone_walk *w)
{
	int ret;

	if (now_ns() - w->since_ns < WALK_MAX_NS)
		return 0;
	store_cursor_close(w->cursor);
	store_end(w->txn);
	w->cursor = NULL;
	w->txn = NULL;
	ret = store_read(w->store, &w->txn);
	if (ret == 0)
		ret = store_zone_get(w->txn, w->apex, &w->zone);
	if (ret == 0)
		ret = open_cursor(w, w->begun || w->below ? w->owner : NULL);
	w->again = w->begun;
	return ret == -ENOENT ? -ESTALE : ret; /* the zone is gone: there is no end to show */
}

static bool
is_same_name(const uint8_t *a, const uint8_t *b)
{
	unsigned len = name_octets(a);

	return name_octets(b) == len && memcmp(a, b, len) == 0;
}

int
zone_walk_next(struct zone_walk *w, struct backend_rrset *out)
{
	int ret;

	do {
		ret = store_cursor_next(w->cursor, out);
		if (ret != 0)
			return ret;
		if (w->below && !is_same_name(out->owner, w->owner))
			return -ENOENT;
		/* after a refresh: what was handed out already */
	} while (w->again && is_same_name(out->owner, w->owner) && out->type <= w->type);
	w->again = false;
	w->begun = true;
	memset(w->owner, 0, sizeof w->owner);
	memcpy(w->owner, out->owner, name_octets(out->owner));
	w->type = out->type;
	return 0;
}

void
zone_walk_end(struct zone_walk *w)
{
	if (w->cursor != NULL)
		store_cursor_close(w->cursor);
	store_end(w->txn);
	w->cursor = NULL;
	w->txn = NULL;
}
