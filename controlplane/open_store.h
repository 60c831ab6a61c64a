/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open_store: the store, the engine of changes, and who retrieves zones for it, come up beside
 * everything else: a disk that is slow or damaged keeps no zone of the arena from being served.
 * Opening runs in a thread of libuv's pool; while it fails it is tried again every few seconds.
 * Nobody gets the store before its views are published, unless older ones are: its zones would be
 * shown to clients that must see other variants of them.
 * Main thread. */
#pragma once
#include "controlplane/changes/changes.h"
#include "controlplane/transfer/transfer_client.h"

#include <uv.h>

struct store_opener;

struct store_opener_options {
	uv_loop_t *loop;
	const char *path;            /* of the store; lives on */
	const struct config *config; /* of transfers */
	struct zone_manager *zones;
	struct backends *backends;
	struct views_control *views;
	/* It has come, or it has not (NULL), and why: each time that the reason is another one.
	 * error lives as long as the opener. */
	void (*changed)(void *arg, struct store *store, const char *error);
	void *arg;
};

int store_opener_start(struct store_opener **out, const struct store_opener_options *o)
	__attribute__((warn_unused_result));
/** From the start on; without the store it changes what has another home. */
struct changes *store_opener_changes(const struct store_opener *o);
/** Likewise. NULL: it could not be started, which the log says. */
struct transfer_client *store_opener_transfers(const struct store_opener *o);
/**
 * No more transfers and changes; those that wait are done within patience_ms. NULL: nothing.
 * @return false: the file is being opened or written right now: the process must end without
 * waiting for it
 */
bool store_opener_stop(struct store_opener *o, unsigned patience_ms);
/** After store_opener_stop() returned true, the loop has run once more, and nobody uses the store
 * any more. NULL: nothing. */
void store_opener_destroy(struct store_opener *o);
