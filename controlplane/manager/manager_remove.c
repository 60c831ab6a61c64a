/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_remove: zones that go: out of the table and out of what is published. A withdrawal that
 * finds no memory leaves a stray behind, as an earlier control plane leaves those that are no
 * longer configured: published, and nobody's. */
#include "controlplane/manager/manager_internal.h"
#include "config/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
manager_withdraw(struct zone_manager *m, const uint8_t *apex)
{
	int ret = zone_withdraw(m->o.publisher, apex);
	char zone[ZONE_TEXT_OCTETS];

	if (ret == 0 || ret == -ENOENT)
		return ret;
	zone_text_from_key(zone, apex);
	log_error("zone %s is deleted, but still served: %s", zone, strerror(-ret));
	m->strays_withdrawn = false;
	m->n_missed++;
	return ret;
}

int
manager_drop_zone(struct zone_manager *m, struct zone_entry *e)
{
	uint8_t apex[ZONE_WIRE_OCTETS] = {0};
	int ret;

	manager_unqueue_zone(m, e);
	m->n_serving -= e->serving;
	zone_table_remove(&m->table, e);
	e->removed = true;
	memcpy(apex, e->apex, e->apex_len);
	ret = manager_withdraw(m, apex);
	if (e->hides && e->home != ZONE_HOME_BACKEND)
		manager_list_hidden(m);
	if (e->state != ZONE_LOADING && !e->busy)
		zone_entry_destroy(e);
	return ret;
}

void
manager_remove_zone(struct zone_manager *m, struct zone_entry *e)
{
	char zone[ZONE_TEXT_OCTETS];

	/* a file that has just taken the place of a zone of the store, of which a version is being
	 * made out of the one that is published */
	while (e->busy)
		pthread_cond_wait(&m->zone_free, &m->lock);
	zone_text_from_key(zone, e->apex);
	if (manager_drop_zone(m, e) == -ENOENT)
		log_warning("zone %s was not published", zone);
	if (m->scan.removed++ < LOG_FILES_MAX)
		log_info("zone %s removed: it is no longer configured", zone);
}

struct strays {
	struct zone_manager *m;
	uint8_t (*apex)[ZONE_WIRE_OCTETS];
	size_t n, room;
	bool lost; /* no memory for one */
};

static void
collect_stray(void *arg, uint64_t image_off)
{
	struct strays *s = arg;
	const struct image *im = image_at(s->m->o.arena, image_off);
	uint8_t apex[ZONE_WIRE_OCTETS];

	if (im == NULL || image_key(im, apex) == 0)
		return;
	if (zone_table_find(&s->m->table, apex) != NULL)
		return;
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 16 : s->room * 2;
		void *bigger = realloc(s->apex, room * sizeof *s->apex);
		if (bigger == NULL) {
			s->lost = true;
			return;
		}
		s->apex = bigger;
		s->room = room;
	}
	memcpy(s->apex[s->n++], apex, sizeof apex);
}

/* Lock held. */
static void
withdraw(struct zone_manager *m, struct strays *s)
{
	/* as many as are ours, and ours are among them: then there is nothing to look for */
	if (m->n_missed > 0 || !m->all_published ||
		zone_published_count(m->o.publisher) != m->table.n_zones)
		zone_published_each(m->o.publisher, collect_stray, s);
	m->strays_withdrawn = !s->lost;
	m->n_missed += s->lost;
	for (size_t i = 0; i < s->n; i++)
		m->scan.removed += manager_withdraw(m, s->apex[i]) == 0;
}

void
manager_withdraw_strays(struct zone_manager *m)
{
	struct strays s = {.m = m};

	/* under the lock all the time: nobody adds a zone meanwhile */
	pthread_mutex_lock(&m->lock);
	if (!m->strays_withdrawn && m->files_complete && m->store_complete && m->n_unlisted == 0)
		withdraw(m, &s);
	pthread_mutex_unlock(&m->lock);
	if (s.n > 0)
		log_info("%zu zones removed that are no longer configured", s.n);
	free(s.apex);
}
