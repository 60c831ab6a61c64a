/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_manager: the zones of this server: which are configured, what state each is in, and their
 * loading, replacing and withdrawing. Loads run in threads of its own, and one more thread (the
 * scanner) finds out what is configured; no call here waits for either, except zone_manager_stop().
 */
#pragma once
#include "config/config.h"
#include "controlplane/manager/zone_table.h"
#include "controlplane/store/store.h"
#include "controlplane/zones/zone_publish.h"

struct zone_manager;

#define ZONE_THREADS_MAX 64u

struct zone_manager_options {
	const struct config *config; /* held by the manager until another one is given */
	struct arena *arena;         /* outlives the manager, like all below */
	struct zone_publisher *publisher;
	bool awaits_store;    /* zone_manager_set_store() will be called: until then nothing that an
				 earlier control plane published is taken as gone */
	bool awaits_backends; /* and so will zone_manager_set_backends() */
	/* Called by any thread of the manager, with no lock held. May be NULL. */
	void (*published)(void *arg); /* images were replaced: reclaim soon */
	void (*ready)(void *arg); /* once: every zone has been loaded or refused since the start */
	void *arg;
};

/**
 * Create the threads and begin to load everything that is configured. Zones that the arena does not
 * hold yet answer SERVFAIL until they are loaded; those that it holds are served as they are.
 */
int zone_manager_start(struct zone_manager **out, const struct zone_manager_options *options)
	__attribute__((warn_unused_result));

/**
 * Stop loading.
 * @param patience_ms  how long to wait for loads that run
 * @return true: all ended, zone_manager_destroy() may be called. false: a load still runs; the
 * process must end without it (what is published stays whole, whenever that happens)
 */
bool zone_manager_stop(struct zone_manager *m, unsigned patience_ms);
void zone_manager_destroy(struct zone_manager *m);
/** Where images are made. Thread: any. */
struct arena *zone_manager_arena(const struct zone_manager *m);
/** Was zone_manager_stop() called? Then work may have been given up. Thread: any. */
bool zone_manager_stopping(const struct zone_manager *m);

/* --- requests; thread: any. Each returns at once; its ticket is done when its work is --- */

/**
 * Load one zone anew. A zone that is not known yet, but whose file is in the zone directory, is
 * added.
 * @param apex  folded, readable as name_hash() needs
 * @return 0 or -ENOENT
 */
int zone_manager_reload_zone(struct zone_manager *m, const uint8_t *apex, uint64_t *ticket)
	__attribute__((warn_unused_result));

/** Look for added and removed zones, and load those whose files changed or were refused; with
 * force, all. */
int zone_manager_reload_all(struct zone_manager *m, bool force, uint64_t *ticket)
	__attribute__((warn_unused_result));

/**
 * Another configuration: its zones, and how they are loaded. From here on no request uses the one
 * before; what is being loaded is loaded again if need be. The configuration is held.
 * @param force  load every zone, changed or not
 * @return 0; -ENOMEM (nothing has changed then)
 */
int zone_manager_reconfigure(struct zone_manager *m, const struct config *config, bool force,
	uint64_t *ticket) __attribute__((warn_unused_result));

/**
 * Files may have changed: load the zones that they belong to, add or remove zones of the directory.
 * @param path  taken over (each and the array are freed), also on error
 */
int zone_manager_files_changed(struct zone_manager *m, char **path, size_t n)
	__attribute__((warn_unused_result));

/**
 * Have fn called once by another thread, no lock held, when what was asked for is
 * done: with a zone, when that zone is not waiting for a load any more; without, when everything
 * that was asked for up to this ticket is. Or when the manager stops.
 * @param apex  as for zone_manager_reload_zone(), or NULL
 * @return 0; -EALREADY (it is done; fn will not be called); -ENOMEM
 */
int zone_manager_wait(struct zone_manager *m, const uint8_t *apex, uint64_t ticket,
	void (*fn)(void *arg), void *arg) __attribute__((warn_unused_result));

/* --- zones of the store --- */

/**
 * The store is open: serve its zones too. Once; or NULL, any number of times before: it cannot be
 * opened (yet). Then what the arena holds of it goes on being served.
 * @param store  open as long as the manager
 */
int zone_manager_set_store(struct zone_manager *m, struct store *store)
	__attribute__((warn_unused_result));

/* A change that was committed to the store, from there to being served. One thread at a time for
 * one zone. */
struct zone_update {
	struct zone_entry *entry; /* the manager's */
	uint64_t base;    /* image that may be patched; 0: the zone must be compiled as a whole */
	uint64_t version; /* as begun; or a later one, of a snapshot that it was compiled from */
	/* for zone_manager_update_end() */
	bool patched;              /* `image` was made from `base` */
	bool is_empty;             /* `image` is a placeholder: the zone has no SOA */
	uint64_t image;            /* 0: there is none; see error */
	int error;                 /* negative errno; -ENOENT: the zone was deleted since */
	uint32_t ms;               /* what it took */
	struct zone_report report; /* taken over */
};

/**
 * From here on no load publishes anything of this zone that is older than `version`, and until
 * zone_manager_update_end() nothing at all; one that is asked for meanwhile is done when the update
 * brings the newest version, and is tried after it when it does not. Whoever began may delete the
 * zone meanwhile (zone_manager_update_gone()) and begin another update of a new one of this name.
 * @param version  store_version() of the commit
 * @return 0; -EEXIST: the zone is not the store's (a zone file of this name is served); -ENOMEM
 * (zone_manager_retry() has it looked for); -ECANCELED: the manager is stopping
 */
int zone_manager_update_begin(struct zone_manager *m, const uint8_t *apex, uint64_t version,
	struct zone_update *u) __attribute__((warn_unused_result));
/**
 * Publish it.
 * @return 0, or a negative errno: the zone is loaded again later, and serves what it did meanwhile
 */
int zone_manager_update_end(struct zone_manager *m, struct zone_update *u);
/** A committed version that nobody could try to publish: the zone is loaded instead, in its turn.
 */
void zone_manager_update_missed(struct zone_manager *m, const uint8_t *apex, uint64_t version);
/** The zone was deleted from the store. @return 0, or -ENOMEM: it is served until
 * zone_manager_retry() has had it withdrawn */
int zone_manager_update_gone(struct zone_manager *m, const uint8_t *apex);
/** Load zones of the store again whose last version could not be published, and look for those that
 * there was no memory to add or to withdraw.
 * @return how many there are that are not served as they are stored: those, and zones whose load
 * waits or runs, for it may fail. 0: nothing is left to be tried; otherwise call it again later */
uint32_t zone_manager_retry(struct zone_manager *m);

/* --- zones of backends --- */

#define ZONE_BACKENDS_MAX 64u /* instances */
struct backend_job;           /* controlplane/backends/backends.h */

struct zone_backends {
	/* By index: its name, which lives on; NULL: its zones are not served from here. The one
	 * with the lower index goes before. */
	const char *name[ZONE_BACKENDS_MAX];
	/* backends_submit() */
	int (*submit)(void *arg, unsigned index, struct backend_job *j);
	void *arg;
};

/** Serve their zones too, after those of files and of the store. Once. */
void zone_manager_set_backends(struct zone_manager *m, const struct zone_backends *b);
/** This zone of an instance has changed; apex NULL: look at all of it, also when it was opened just
 * now. */
void zone_manager_backend_changed(struct zone_manager *m, unsigned index, const uint8_t *apex);

/* --- looking; thread: any. Functions given run under the manager's lock: short, and no calls back
 * --- */

/** @return false when there is no such zone; fn is not called then */
bool zone_manager_visit(struct zone_manager *m, const uint8_t *apex,
	void (*fn)(void *arg, const struct zone_entry *e), void *arg);

/**
 * Visit zones in pieces, in no special order.
 * @param[in,out] cursor  0 at first
 * @param max  zones to visit at most
 * @return false when the end was reached
 */
bool zone_manager_visit_some(struct zone_manager *m, uint32_t *cursor, uint32_t max,
	void (*fn)(void *arg, const struct zone_entry *e), void *arg);

/* What the last scan found. */
struct zone_manager_scan {
	uint64_t ticket;
	uint32_t added, removed, unchanged, reloaded; /* zones */
	uint32_t file_errors; /* files and folders that could not be used: see the log */
	uint32_t hidden;      /* zones of the store that a zone file of the same name hides */
};

/* Of a version's way from being asked for to being answered from. */
enum zone_stage { ZONE_STAGE_WAIT, ZONE_STAGE_LOAD, ZONE_STAGE_TOTAL, ZONE_STAGES };

struct zone_manager_status {
	uint32_t n_zones, n_serving;
	uint32_t n_state[ZONE_STATES];
	uint32_t n_stored; /* zones of the store */
	uint32_t n_queued; /* loads that wait */
	/* since there was something to do */
	uint32_t run_loads, run_ms;
	bool scanning; /* what is configured is being looked for */
	unsigned n_threads;
	bool ready;
	bool busy; /* scanning or loading */
	uint64_t loads_total, failures_total, published_total;
	uint32_t start_ms; /* from start to ready */
	struct zone_manager_scan scan;
	struct histogram stage[ZONE_STAGES]; /* of versions that were published */
};
void zone_manager_status(struct zone_manager *m, struct zone_manager_status *out);
