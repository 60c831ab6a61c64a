/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_worker: one thread for what would hold up the API's: reading a zone file, searching the
 * store. Work is done in the order in which it came, so two clients never need the memory of two
 * large zones at a time. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct api_worker;

struct api_work {
	/* The worker's thread, once. stopping: give up soon, and say so. */
	void (*run)(struct api_work *w, bool stopping);
	STAILQ_ENTRY(api_work) link;
};

/** @return 0 or a negative errno */
int api_worker_start(struct api_worker **out) __attribute__((warn_unused_result));
/** Thread: any. @return 0: run() will be called. -EBUSY: too much waits already; -ECANCELED */
int api_worker_submit(struct api_worker *w, struct api_work *work)
	__attribute__((warn_unused_result));
/** Is there to be an end? For work that takes long. Thread: any. */
bool api_worker_stopping(const struct api_worker *w);
/** What waits is run with `stopping`; what comes later is refused. */
void api_worker_stop(struct api_worker *w);
/** NULL: nothing. */
void api_worker_destroy(struct api_worker *w);
