/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_internal: what zone_manager.c (threads), manager_queue.c (queues, tickets),
 * manager_load.c (one zone) and manager_scan.c (what is configured) share. Everything in the struct
 * is under `lock` unless said otherwise. */
#pragma once
#include "controlplane/manager/zone_manager.h"
#include "controlplane/zones/zone_scratch.h"
#include "shm/image.h"

#include <pthread.h>

enum command_kind {
	COMMAND_RELOAD_ALL,
	COMMAND_FORCE_ALL,
	COMMAND_FILES,
	COMMAND_STORE,
	COMMAND_LIST
};

/* Work for the scanner. */
struct command {
	STAILQ_ENTRY(command) link;
	enum command_kind kind;
	uint64_t ticket;
	char **path; /* COMMAND_FILES; owned */
	size_t n_paths;
	struct backend_list *list; /* COMMAND_LIST; owned */
};

/* What a backend's instance has. */
struct backend_list {
	uint8_t instance;
	struct listed_zone {
		size_t name; /* offset in `name` */
		uint64_t version;
	} * zone;
	uint8_t *name; /* one behind the other */
	size_t n, room, name_len, name_room;
};

struct waiter {
	LIST_ENTRY(waiter) link;
	uint64_t ticket;
	bool for_zone;
	uint8_t apex[ZONE_WIRE_OCTETS]; /* for_zone */
	void (*fn)(void *arg);
	void *arg;
};
LIST_HEAD(waiters, waiter);

TAILQ_HEAD(zone_queue_head, zone_entry);

struct zone_manager {
	struct zone_manager_options o; /* never changes, but for its config, see below */
	pthread_mutex_t lock;
	pthread_cond_t loader_work, loader_parked, scanner_work, ended;
	pthread_cond_t zone_free; /* a zone is not busy any more */
	struct store *store;      /* NULL: not opened yet, or it cannot be; set once */
	bool store_awaited;       /* nobody has said yet whether there is one */
	struct config *config;    /* held; the present one */
	struct zone_table table;
	uint32_t n_serving;

	/* Tickets count requests. Everything queued for one carries its number; a ticket is done
	 * when nothing that is queued or runs carries it or an earlier one. */
	uint64_t last_ticket;
	struct zone_queue_head bulk, urgent, updating; /* each in order of tickets */
	uint32_t n_queued;
	STAILQ_HEAD(, command) commands;
	uint64_t scanning; /* ticket of the command that runs; 0: none */
	struct waiters waiters;

	struct zone_backends backends; /* set once, before has_backends */
	bool has_backends;
	struct zone_queue_head away[ZONE_BACKENDS_MAX]; /* zones that an instance is to load */
	bool is_pumping[ZONE_BACKENDS_MAX];             /* it does, or will */
	_Atomic bool list_asked[ZONE_BACKENDS_MAX];     /* its list, which it has not begun */
	bool listed[ZONE_BACKENDS_MAX]; /* once, since the start; the scanner's own, like the next
					   two */
	unsigned n_unlisted;
	uint32_t
		list_count; /* zone_entry.seen of a backend's zones: of the list that had it last */

	unsigned n_wanted; /* loaders that may work; those above it are parked */
	unsigned n_loaders,
		n_running; /* running: threads that have not ended, the scanner included */
	struct loader {
		struct zone_manager *m;
		pthread_t thread;
		uint64_t ticket; /* of what it loads; 0: nothing */
	} loader[ZONE_THREADS_MAX];
	pthread_t scanner;
	_Atomic bool stopping; /* written under the lock */

	const struct config *scan_config; /* of the scan that runs; the scanner's own, held */
	uint32_t scan_count;              /* zone_entry.seen of the scan that runs, or ran last */
	struct zone_manager_scan
		scan;          /* of the scan that runs; the scanner's own, without the lock */
	bool strays_withdrawn; /* what is published is ours: an earlier control plane's zones are
				  gone, and so are those that could not be withdrawn at once */
	uint32_t n_missed;     /* times that there was no memory to add a zone of the store, or to
				  withdraw one */
	uint32_t n_caught_up;  /* of them, those before the last scan of the store that saw all */
	bool files_complete;   /* the last scan of files saw all of them; the scanner's own, like
				  the next two */
	bool store_complete;   /* and the last one of the store */
	bool all_published;    /* every zone of ours has an image, a placeholder perhaps */
	struct zone_manager_scan scan_ended;
	bool ready, scanned;
	int64_t started_ns; /* CLOCK_MONOTONIC */
	uint32_t start_ms;
	uint64_t loads_total, failures_total, published_total;
	struct histogram stage[ZONE_STAGES];
	/* since it was last idle, for the log */
	uint32_t run_loads, run_failures, run_warned;
	int64_t run_started_ns;
};

int64_t manager_clock_ns(void);

/** Have so many loaders, if the system gives them. Lock held. @return how many work then */
unsigned manager_set_threads(struct zone_manager *m, unsigned n);

/** The oldest ticket that something queued or running carries; UINT64_MAX: there is nothing. Lock
 * held. */
uint64_t manager_oldest_ticket(const struct zone_manager *m);
/** Is what this waiter waits for done? Lock held. */
bool manager_waiter_done(const struct zone_manager *m, const struct waiter *w);

/** Queue a zone for loading, or see to it that the load that runs is done again; one that is not
 * announced yet is queued when it is. Lock held. */
void manager_queue_zone(
	struct zone_manager *m, struct zone_entry *e, enum zone_queue q, uint64_t ticket);
/** Take it off its queue, if it is on one. Lock held. */
void manager_unqueue_zone(struct zone_manager *m, struct zone_entry *e);

/** The next one for a loader, off its queue; NULL: none. Lock held. */
struct zone_entry *manager_next_zone(struct zone_manager *m);
/** One that is on no queue, and that nobody may publish for now: if an update of it is under way,
 * its load waits for that, and no loader does. Lock held. @return whether it is so */
bool manager_put_off(struct zone_manager *m, struct zone_entry *e);
/** Something ended: whoever waited for it is told. When nothing is left to do: memory goes back to
 * the system, the log is told, and the first time the server is ready. Lock held on entry and
 * return, not in between. */
void manager_work_ended(struct zone_manager *m);

/** Add a command for the scanner. Lock held. @return 0 or -ENOMEM (paths are freed then) */
int manager_command(
	struct zone_manager *m, enum command_kind kind, char **path, size_t n, uint64_t *ticket);
void command_destroy(struct command *c);
/** The list is taken over, unless there is no memory. Lock held. @return 0 or -ENOMEM */
int manager_command_list(struct zone_manager *m, struct backend_list *l);
void manager_list_destroy(struct backend_list *l);

/** Have the instance load it. Lock held. */
void manager_queue_elsewhere(struct zone_manager *m, struct zone_entry *e);
/** Call the waiters whose work is done. Lock held on entry and return, not in between. */
void manager_wake_waiters(struct zone_manager *m);

/** The arena holds this zone from before: it is being served. Lock held. */
void manager_adopt(struct zone_manager *m, struct zone_entry *e, uint64_t image);
/** An image was published for it, or a placeholder (is_empty). Lock held. */
void manager_note_published(
	struct zone_manager *m, struct zone_entry *e, const struct image *im, bool is_empty);
/** Findings of the last load; taken over. Lock held. */
void manager_keep_report(struct zone_entry *e, struct zone_report *report);
/** In words, for the zone's findings. @param place  file or backend */
void manager_report_error(struct zone_report *report, const char *place, int error);

/** Withdraw what is published under this name, which nobody has any more. Without memory it is
 * tried again by the next scan that sees everything. Lock held. @return 0, -ENOENT or -ENOMEM */
int manager_withdraw(struct zone_manager *m, const uint8_t *apex);
/** Withdraw a zone, and take it out of the table; a backend's of this name is asked for. Lock held.
 * @return as manager_withdraw() */
int manager_drop_zone(struct zone_manager *m, struct zone_entry *e);

/** Body of a loader: load this zone until nobody asked for it again. Lock held on entry and return.
 * @param scratch  the loader's own; may be NULL */
void manager_load_zone(struct zone_manager *m, struct zone_entry *e, struct zone_scratch *scratch);

/* --- of the scanner alone --- */

/* Zones that a scan adds, until their placeholders are published. */
struct newcomers {
	struct newcomer {
		struct zone_entry *entry;
		uint64_t image; /* published already, by an earlier control plane; 0: none */
	} * zone;
	size_t n, room;
};
/** @return 0 or -ENOMEM */
int manager_newcomers_add(struct newcomers *new, struct zone_entry *e);
#define LOG_FILES_MAX 20u /* told one by one, for each scan */

/** Tell of a file or a folder that cannot be used, if not too many were told. */
void manager_complain(struct zone_manager *m, const char *path, const char *what);
/** Drop a zone that is not configured any more, and tell. Lock held. */
void manager_remove_zone(struct zone_manager *m, struct zone_entry *e);

/** Is there a store by now? From then on it stays, and needs no lock. Lock not held. */
bool manager_has_store(struct zone_manager *m);
/** Look for zones in the store. Lock not held.
 * @param[out] since  zones that came after this version may not have been seen */
void manager_scan_store(struct zone_manager *m, struct newcomers *new, uint64_t *since);
/** What became of a zone of the store. Lock held. */
void manager_settle_stored_zone(
	struct zone_manager *m, struct zone_entry *e, bool force, uint64_t since, uint64_t ticket);
/** Its file went: perhaps the store has a zone of this name, that was hidden so far. Lock held. */
bool manager_stored_takes_over(struct zone_manager *m, struct zone_entry *e);

/** A list of a backend has come. Lock not held. */
void manager_scan_list(struct zone_manager *m, struct backend_list *l, uint64_t ticket);
/** Ask every instance what it has. Lock not held. */
void manager_list_backends(struct zone_manager *m);
/** One of these has a zone of the name of one that goes. Lock held. */
void manager_list_hidden(struct zone_manager *m);
/** Publish placeholders for them, and let them be loaded; frees the list. Lock not held. */
void manager_announce_newcomers(struct zone_manager *m, struct newcomers *new, uint64_t ticket);
/** Withdraw what nobody has, if everybody has said what he has, and it was not done before. */
void manager_withdraw_strays(struct zone_manager *m);

/** Body of the scanner. Lock not held; the command is not freed. */
void manager_scan(struct zone_manager *m, const struct command *c);
