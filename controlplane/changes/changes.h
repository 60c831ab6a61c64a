/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes: the one way by which zones change, whoever changes them: validate, store and journal in
 * one transaction, compile what changed, publish, and only then answer. One writer thread takes
 * what waits as one batch with one commit, so the cost of reaching the disk is shared; within a
 * batch each job sees the ones before it, and a job that fails takes nothing with it. A large zone
 * that must be compiled as a whole is so in a second thread, and the writer goes on with others. */
#pragma once
#include "backends/backend.h"
#include "controlplane/store/store.h"
#include "shm/histogram.h"

#include <sys/queue.h>

struct changes;
struct zone_manager;
struct backends; /* controlplane/backends/backends.h */

struct changes_options {
	struct store *store;        /* NULL: changes_set_store() */
	struct zone_manager *zones; /* told what to serve */
	struct backends *backends;  /* of zones that are not in the store; NULL: none */
	/* Publish what the store says of views and networks, by now. Writer's thread. @return 0;
	 * else it is called again later. NULL: nobody cares */
	int (*views)(void *arg, struct store *store);
	void *views_arg;
	const char *default_soa_edit_api; /* "DEFAULT", ... */
	size_t queue_max;                 /* jobs that may wait; 0: 65536; beyond that -EBUSY */
	uint64_t large_records; /* a zone with more, if it must be compiled as a whole, is so in
				   another thread than the writer's; 0: 20000 */
	/* Called in that thread when such a compilation has taken its snapshot; may be NULL. For
	 * tests and benchmarks. */
	void (*compiling)(void *arg, const uint8_t *apex);
	void *compiling_arg;
};

int changes_start(struct changes **out, const struct changes_options *o)
	__attribute__((warn_unused_result));
/** The store has been opened; or (NULL) it has not, and why, which is what jobs get for an answer
 * meanwhile. Once with a store. @param why  copied */
void changes_set_store(struct changes *c, struct store *store, const char *why);
/** Views could not be published when the store was opened: try again now and then. Before
 * changes_set_store(). */
void changes_retry_views(struct changes *c);
/**
 * No more jobs; those that wait are done first, within patience_ms, the rest get -ECANCELED.
 * @return true: it has ended, changes_destroy() may be called. false: a commit or a compilation
 * still runs; the process must end without it
 */
bool changes_stop(struct changes *c, unsigned patience_ms);
void changes_destroy(struct changes *c);

/* Why something was refused; the API turns it into a status. */
enum change_verdict {
	CHANGE_OK,
	CHANGE_INVALID,   /* 422 */
	CHANGE_NOT_FOUND, /* 404 */
	CHANGE_CONFLICT,  /* 409 */
	CHANGE_STALE,     /* 412: If-Match */
	CHANGE_READ_ONLY, /* 422: the zone's backend cannot */
	CHANGE_NO_SPACE,  /* 507 */
	CHANGE_BUSY,      /* 503 */
	CHANGE_FAILED,    /* 500 */
};

struct change_error {
	enum change_verdict verdict;
	char text[768]; /* as PowerDNS words it, where clients look at it */
};
/** Set it, unless it is set. @return a negative errno for the job, which is never 0 */
int change_refuse(struct change_error *e, enum change_verdict v, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- jobs --- */

struct change_job {
	/* Writer's thread. May be called more than once for one job, each time in a new transaction
	 * in which nothing of it has happened: so it only reads what it was given. 0: keep it.
	 * Else nothing of it happens, and `done` gets this. It validates before it writes: a
	 * failure behind its first write costs the batch another run, one before it nothing. */
	int (*apply)(struct change_job *j, struct store_txn *t);
	/* Writer's thread, once: it is durable and served (0), or it is not (why: error). Of one
	 * zone in the order of the changes. */
	void (*done)(struct change_job *j, int result);
	struct change_error error;
	/* Octets that it writes, about, or that it was asked for with; 0: few. A batch is bounded
	 * by their sum. */
	size_t octets;
	/* the engine's */
	STAILQ_ENTRY(change_job) link;
	struct change_touched *touched;
	unsigned n_holds; /* large zones it touched that are being compiled */
	bool touched_views;
	struct changes *owner;
	uint64_t submitted_ns;
	int result;
};

/** Thread: any. The job is the engine's until `done`. @return 0, -EBUSY or -ECANCELED (`done` is
 * not called then) */
int changes_submit(struct changes *c, struct change_job *j) __attribute__((warn_unused_result));

/* For apply(): tell what must be compiled and published after the commit. */
enum change_touch {
	CHANGE_ZONE_NEW,
	CHANGE_ZONE_WHOLE,
	CHANGE_ZONE_GONE,
	CHANGE_ZONE_SEEN, /* nothing was changed; what it found is to be served before the answer */
};
int change_touch_zone(struct change_job *j, const uint8_t *apex, enum change_touch what);
/** What views or networks say. */
void change_touch_views(struct change_job *j);
/** Only these owners of it. */
int change_touch_owner(struct change_job *j, const uint8_t *apex, const uint8_t *owner);

/* --- edits of records --- */

enum edit_kind { EDIT_REPLACE, EDIT_DELETE, EDIT_EXTEND, EDIT_PRUNE }; /* PowerDNS's changetypes */

struct zone_edit {
	enum edit_kind kind;
	struct backend_rrset rrset;     /* NAME_PAD octets readable behind the owner */
	bool has_records, has_comments; /* REPLACE of one of the two leaves the other */
};

struct zone_edits {
	const uint8_t *apex; /* the zone's key (shm/zone_key.h); NAME_PAD octets readable behind */
	const struct zone_edit *edit;
	size_t n;
	bool whole;                /* the zone is to be these RRsets and nothing else */
	const char *who, *origin;  /* "token:certbot", "api" */
	const uint32_t *if_serial; /* only if the zone has this serial; NULL: whatever it has */
	const char *soa_edit;      /* instead of SOA-EDIT-API of the zone; NULL: as the zone says */
};

/* What came of it. */
struct edits_outcome {
	uint32_t serial_before, serial_after;
	bool changed; /* false: the zone was like this already; nothing was written */
};

/**
 * For apply() of jobs on zones of the store: resolve EXTEND and PRUNE, check the zone as it would
 * be around the changed names (CNAME and other data, DNAME, one SOA, owners in the zone, TTLs,
 * doubles, size), count up the serial, write, journal, and touch what changed.
 */
int changes_edit(struct change_job *j, struct store_txn *t, const struct zone_edits *edits,
	struct edits_outcome *out) __attribute__((warn_unused_result));
/** SOA-EDIT-API of zones that say nothing themselves. */
const char *changes_default_soa_edit_api(const struct changes *c);

/**
 * The same for a zone of whichever backend, as a job of its own. Edits are copied.
 * @param done  once, in a thread of the engine's or, before this returns, the caller's; what it
 *              gets is valid during the call
 * @return 0, -EBUSY, -ECANCELED or -ENOMEM (`done` is not called then)
 */
int changes_edit_zone(struct changes *c, const struct zone_edits *edits,
	void (*done)(void *arg, const struct edits_outcome *o, const struct change_error *e),
	void *arg) __attribute__((warn_unused_result));

/* --- SOA serials (docs of PowerDNS: SOA-EDIT-API, SOA-EDIT) --- */

/** The serial after a change. kind: DEFAULT, INCREASE, EPOCH, SOA-EDIT, SOA-EDIT-INCREASE, OFF or
 * "". soa_edit: kind of SOA-EDIT of the zone, for the last two. given: the serial that the change
 * itself set, or NULL. @return false: there is no such kind */
bool soa_edit_serial(const char *kind, const char *soa_edit, uint32_t now_serial,
	const uint32_t *given, int64_t now_s, uint32_t *out);
/** The serial that is told to the world: SOA-EDIT; "" leaves it. */
bool soa_edit_told(const char *soa_edit, uint32_t serial, int64_t now_s, uint32_t *out);

struct changes_figures {
	uint64_t jobs_total, failed_total, batches_total, batch_retries_total;
	uint64_t patched_total, compiled_total, unpublished_total; /* versions of zones */
	uint32_t queued;
	uint32_t compiling; /* large zones that are compiled, or wait for it */
	struct histogram commit,
		total; /* ns; of commits, and of jobs from being asked for to done */
	bool has_store;
	struct store_figures store; /* if it has one */
};
void changes_figures(struct changes *c, struct changes_figures *out);
