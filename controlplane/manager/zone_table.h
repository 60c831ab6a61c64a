/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_table: what the control plane remembers of each zone: some 200 octets, found by name, listed
 * by slot. No lock of its own: whoever owns the table (zone_manager) serialises. */
#pragma once
#include "controlplane/manager/file_stamp.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/zone_report.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum zone_state {
	ZONE_CONFIGURED, /* waits for its first load */
	ZONE_LOADING,
	ZONE_LOADED,
	ZONE_FAILED, /* the last load was refused; what was served before still is */
	ZONE_EMPTY, /* it has no SOA yet (it was just made, or was never transferred), or a disabled
		       one: it answers SERVFAIL */
	ZONE_STATES
};

/* Where its records come from. */
enum zone_home { ZONE_HOME_FILE, ZONE_HOME_STORE, ZONE_HOME_BACKEND, ZONE_HOMES };

enum zone_queue {
	ZONE_QUEUE_NONE,
	ZONE_QUEUE_BULK,
	ZONE_QUEUE_URGENT,
	ZONE_QUEUE_UPDATE, /* of those that are to be loaded unless the update that is under way
			      brings their newest version */
	ZONE_QUEUE_AWAY    /* of its backend's instance */
};

struct zone_entry {
	struct zone_entry *chain; /* of the hash */
	TAILQ_ENTRY(zone_entry) queue_link;
	char *path;                 /* of the zone file; owned; NULL: it has another home */
	struct file_list *includes; /* NULL: none; owned */
	struct zone_report *report; /* findings of the last load; NULL: none; owned */
	uint64_t stamp;             /* of the file as it was read; 0: read it again next time */
	uint64_t version; /* of the store or the backend, that is served or was tried last;
			     0: not known */
	uint64_t ticket;  /* of the request that queued it */
	int64_t asked_ns; /* CLOCK_MONOTONIC; when that was, or when it was asked for again */
	uint64_t octets;  /* of the image being served, like the next three */
	uint32_t serial;
	uint32_t n_names;
	uint32_t n_records;
	uint32_t load_ms;     /* the last load, successful or not */
	uint32_t loaded_at_s; /* CLOCK_REALTIME; when what is served was loaded; 0: by an earlier
				 control plane, or never */
	uint32_t hash;
	uint32_t slot;
	uint32_t seen; /* the last scan that found it configured */
	uint8_t state; /* enum zone_state; only by zone_table_set_state() */
	uint8_t queue; /* enum zone_queue */
	uint8_t apex_len;
	uint8_t home;     /* enum zone_home */
	uint8_t instance; /* of a backend */
	bool current; /* what is served is its home's `version`, whole: later ones may be made from
			 it */
	bool busy;    /* a change is being published: nobody else publishes or frees it */
	bool wanted;  /* the scan that runs found that it must be loaded */
	bool serving; /* an image with data is published */
	bool hides; /* a backend has had a zone of this name too, which is served when this one goes
		     */
	bool in_directory; /* found in the zone directory, not listed in the configuration */
	bool removed;      /* out of the table; whoever loads it frees it */
	bool again;        /* asked for while it was being loaded, or before it was announced */
	bool announced;    /* a placeholder or more is published: it may be loaded */
	uint8_t apex[];    /* wire, folded; nothing behind it: to be copied before it is hashed */
};

struct zone_table {
	uint64_t seed;
	struct zone_entry **bucket; /* 2^bits chains */
	unsigned bits;
	struct zone_entry **slot; /* NULL: free */
	uint32_t n_slots, slots_room;
	uint32_t slot_free; /* no slot below this one is free */
	uint32_t n_zones;
	uint32_t n_state[ZONE_STATES], n_home[ZONE_HOMES];
};

extern const char *const zone_state_word[ZONE_STATES];

/** @param seed  secret from whoever chooses names */
int zone_table_init(struct zone_table *t, uint64_t seed) __attribute__((warn_unused_result));
/** Frees the entries too. */
void zone_table_destroy(struct zone_table *t);

/** @param apex  folded, NAME_HASH_AHEAD octets readable behind it. @return NULL when there is none
 */
struct zone_entry *zone_table_find(const struct zone_table *t, const uint8_t *apex);

/**
 * Add a zone that is not there yet, in state ZONE_CONFIGURED.
 * @param apex  copied; as for zone_table_find()
 * @param path  copied; NULL: it is not from a file
 * @return NULL when out of memory
 */
struct zone_entry *zone_table_add(struct zone_table *t, const uint8_t *apex, const char *path);

/** Take a zone out; the entry is then the caller's, to be freed by zone_entry_destroy(). */
void zone_table_remove(struct zone_table *t, struct zone_entry *e);

/** Its records come from elsewhere now: what is remembered of the home before is forgotten. @param
 * path  copied; NULL: not a file. @return 0 or -ENOMEM (nothing has changed then) */
int zone_table_set_home(struct zone_table *t, struct zone_entry *e, enum zone_home home,
	const char *path) __attribute__((warn_unused_result));

void zone_table_set_state(struct zone_table *t, struct zone_entry *e, enum zone_state s);

void zone_entry_destroy(struct zone_entry *e);
