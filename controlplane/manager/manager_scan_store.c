/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_scan_store: the scanner's work, as far as zones of the store are concerned. The engine of
 * changes adds and removes such zones too, so an entry may only be looked at under the lock. */
#include "controlplane/manager/manager_internal.h"
#include "config/log.h"

#include <errno.h>
#include <string.h>

#define STORE_PIECE 512 /* zones of the store looked at under one hold of the lock */

/* Lock held. */
static struct zone_entry *
take_stored_zone(struct zone_manager *m, struct newcomers *new, const uint8_t *apex)
{
	struct zone_entry *e = zone_table_find(&m->table, apex);

	if (e == NULL) {
		e = zone_table_add(&m->table, apex, NULL);
		if (e != NULL && manager_newcomers_add(new, e) != 0) {
			zone_table_remove(&m->table, e);
			zone_entry_destroy(e);
			e = NULL;
		}
	} else if (e->home == ZONE_HOME_FILE && e->seen == m->scan_count) {
		m->scan.hidden++;
		return NULL;
	} else if (e->home != ZONE_HOME_STORE &&
		   zone_table_set_home(&m->table, e, ZONE_HOME_STORE, NULL) != 0) {
		e = NULL;
	}
	if (e == NULL) {
		manager_complain(m, "store", "out of memory: a zone is not served");
		m->store_complete = false; /* what is published of it is no stray */
		m->n_missed++;
	}
	return e;
}

/* The zone is in the store. Lock held. */
static void
found_stored_zone(struct zone_manager *m, struct newcomers *new, const struct store_zone *zone)
{
	struct zone_entry *e = take_stored_zone(m, new, zone->apex);

	if (e == NULL)
		return;
	e->seen = m->scan_count;
	e->wanted = !e->current || e->version < zone->version;
}

/* A piece of the store, so that no transaction of ours stays open for long.
 * @param[in,out] after  the last zone before it, and the last one of it
 * @return zones in it, or a negative errno */
static int
scan_store_piece(struct zone_manager *m, struct newcomers *new, uint8_t *after, bool is_first)
{
	struct store_zone zone;
	struct store_txn *t;
	int n = 0, ret = store_read(m->store, &t);

	if (ret != 0)
		return ret;
	pthread_mutex_lock(&m->lock);
	while (n < STORE_PIECE && !m->stopping &&
		(ret = store_zone_next(t, is_first ? NULL : after, &zone)) == 0) {
		found_stored_zone(m, new, &zone);
		memset(after, 0, ZONE_WIRE_OCTETS);
		memcpy(after, zone.apex, name_octets(zone.apex));
		is_first = false;
		n++;
	}
	pthread_mutex_unlock(&m->lock);
	store_end(t);
	return ret == 0 || ret == -ENOENT ? n : ret;
}

bool
manager_has_store(struct zone_manager *m)
{
	bool has;

	pthread_mutex_lock(&m->lock);
	has = m->store != NULL;
	pthread_mutex_unlock(&m->lock);
	return has;
}

void
manager_scan_store(struct zone_manager *m, struct newcomers *new, uint64_t *since)
{
	uint8_t after[ZONE_WIRE_OCTETS];
	struct store_txn *t;
	bool is_first = true;
	uint32_t n_missed;
	int n;

	*since = 0;
	m->store_complete = !m->o.awaits_store;
	if (!manager_has_store(m))
		return;
	m->store_complete = true;
	pthread_mutex_lock(&m->lock);
	n_missed = m->n_missed;
	pthread_mutex_unlock(&m->lock);
	if (store_read(m->store, &t) == 0) {
		*since = store_version(t);
		store_end(t);
	}
	while ((n = scan_store_piece(m, new, after, is_first)) == STORE_PIECE)
		is_first = false;
	m->store_complete &= n >= 0 && !m->stopping;
	if (n < 0)
		manager_complain(m, "store", strerror(-n));
	if (m->store_complete) {
		pthread_mutex_lock(&m->lock);
		m->n_caught_up = n_missed;
		pthread_mutex_unlock(&m->lock);
	}
	if (m->scan.hidden > 0)
		log_warning("%u zones of the store are not served: zone files of the same name are",
			m->scan.hidden);
}

void
manager_settle_stored_zone(
	struct zone_manager *m, struct zone_entry *e, bool force, uint64_t since, uint64_t ticket)
{
	bool wanted = e->wanted;

	if (e->home == ZONE_HOME_BACKEND) {
		/* it is listed anew, which finds out what has changed */
		if (force)
			manager_queue_zone(m, e, ZONE_QUEUE_BULK, ticket);
		return;
	}
	e->wanted = false;
	if (e->seen != m->scan_count) {
		/* a busy one is younger than the scan */
		if (m->store_complete && m->store != NULL && e->version <= since && !e->busy)
			manager_remove_zone(m, e);
	} else if (!force && !wanted) {
		m->scan.unchanged++;
	} else {
		m->scan.reloaded++;
		manager_queue_zone(m, e, ZONE_QUEUE_BULK, ticket);
	}
}

bool
manager_stored_takes_over(struct zone_manager *m, struct zone_entry *e)
{
	uint8_t apex[ZONE_WIRE_OCTETS] = {0};
	struct store_zone zone;
	struct store_txn *t;
	bool has = false;

	if (m->store == NULL || store_read(m->store, &t) != 0)
		return false;
	memcpy(apex, e->apex, e->apex_len);
	if (store_zone_get(t, apex, &zone) == 0 &&
		zone_table_set_home(&m->table, e, ZONE_HOME_STORE, NULL) == 0) {
		manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ++m->last_ticket);
		has = true;
	}
	store_end(t);
	return has;
}
