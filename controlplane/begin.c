/* SPDX-License-Identifier: GPL-3.0-or-later */
/* begin: the part of the start that takes long (an arena that is taken over, a long list of zones)
 * is done by a thread of libuv's pool, so that there is somebody to ask, and to stop, meanwhile;
 * then the services of zones are started. */
#include "config/log.h"
#include "config/program.h"
#include "config/ready.h"
#include "controlplane/process.h"
#include "controlplane/serve_backends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what the services tell --- */

/* Any of the zone manager's threads. */
static void
tell_published(void *arg)
{
	struct controlplane *c = arg;

	if (!atomic_exchange(&c->published_told, true))
		uv_async_send(&c->published);
}

/* Any of the zone manager's threads. */
static void
tell_ready(void *arg)
{
	struct controlplane *c = arg;
	struct zone_manager_status s;
	int ret = ready_announce(c->config->run_dir, CONTROLPLANE_READY_NAME);

	zone_manager_status(c->zones, &s);
	log_info("ready: %u zones, %u served, after %u ms", s.n_zones, s.n_serving, s.start_ms);
	if (ret != 0)
		log_error(
			"cannot announce readiness in %s: %s", c->config->run_dir, strerror(-ret));
}

/* Another configuration was taken over: other folders may be watched now, or none. */
static void
on_applied(void *arg, const struct config *config, const struct reconfigure_outcome *o)
{
	struct controlplane *c = arg;
	struct watch *old = c->watch;
	bool changed = false;

	api_reconfigure(c->api, config);
	if (c->parts.transfers != NULL)
		transfer_reconfigure(c->parts.transfers, config);
	for (size_t i = 0; i < o->n_changes; i++)
		changed |= strncmp(o->change[i].key, "zones.", 6) == 0;
	if (!changed)
		return;
	backends_reconfigure(c->backends, config);
	c->watch = NULL;
	/* the new one looks before the old one looks away; all files are looked at after this */
	if (config->zones.watch && watch_start(&c->watch, &c->loop, config, c->zones) != 0)
		c->watch = NULL;
	watch_stop(old);
}

/* --- start --- */

static int
start_publisher(struct controlplane *c)
{
	char wrong[ACL_ERROR_OCTETS];
	const char *error = NULL;
	uint32_t n_damaged = 0;
	int ret;

	ret = zone_publisher_create(&c->publisher, &c->arena, c->hub, &n_damaged);
	if (ret != 0) {
		log_error("arena %s cannot be taken over: %s", c->arena_path, strerror(-ret));
		return ret;
	}
	if (n_damaged > 0)
		log_warning("%u zones in the arena were damaged; they are loaded anew", n_damaged);
	ret = reconfigure_publish_settings(c->publisher, &c->arena, c->config, false, &error);
	if (ret != 0)
		log_error("settings: %s", error != NULL ? error : strerror(-ret));
	if (ret != 0)
		return ret;
	ret = policy_control_create(&c->policy, c->config, c->publisher, tell_published, c, wrong);
	if (ret != 0) {
		log_error("%s", wrong);
		return ret;
	}
	ret = views_control_create(&c->views, c->publisher, &c->arena, tell_published, c);
	if (ret != 0)
		log_error("views: %s", strerror(-ret));
	return ret;
}

/* A long list of zones, of the same version of the file. */
static int
read_rest(struct controlplane *c)
{
	struct config_rest *rest = c->rest;
	char *error = NULL;

	if (rest == NULL) {
		c->whole = config_hold(c->config);
		return 0;
	}
	c->rest = NULL;
	c->whole = config_load_rest(rest, &error);
	if (c->whole != NULL && c->config->chroot_entered)
		config_enter_chroot(c->whole);
	if (c->whole != NULL)
		return 0;
	log_error("%s", error != NULL ? error : "out of memory");
	free(error);
	return -EINVAL;
}

/* A thread of the pool. */
static void
begin(uv_work_t *work)
{
	struct controlplane *c = work->data;

	/* first the zones that are there already: a list of a million takes seconds */
	if (start_publisher(c) != 0)
		c->begin_status = EXIT_FAILURE;
	else if (read_rest(c) != 0)
		c->begin_status = EX_CONFIG;
}

/* The store is there, or why it is not. */
static void
on_store(void *arg, struct store *store, const char *error)
{
	struct controlplane *c = arg;

	c->parts.store = store;
	c->parts.store_error = error;
	if (api_serve(c->api, &c->parts) != 0)
		log_error("the HTTP API does not know the store: out of memory");
}

static int
start_store(struct controlplane *c)
{
	struct store_opener_options options = {
		.loop = &c->loop,
		.path = c->store_path,
		.config = c->whole,
		.zones = c->zones,
		.backends = c->backends,
		.views = c->views,
		.changed = on_store,
		.arg = c,
	};

	return store_opener_start(&c->store, &options);
}

static int
start_services(struct controlplane *c)
{
	struct zone_manager_options options = {
		.config = c->whole,
		.arena = &c->arena,
		.publisher = c->publisher,
		.awaits_store = true,
		.awaits_backends = true,
		.published = tell_published,
		.ready = tell_ready,
		.arg = c,
	};
	struct reconfigure_options reconfigure = {
		.config = c->whole,
		.path = c->config_path,
		.loop = &c->loop,
		.arena = &c->arena,
		.publisher = c->publisher,
		.hub = c->hub,
		.check = gate_check,
		.applied = on_applied,
		.arg = c,
	};
	int ret;

	ret = zone_manager_start(&c->zones, &options);
	if (ret != 0) {
		log_error("zone manager: %s", strerror(-ret));
		return ret;
	}
	ret = serve_backends(&c->backends, c->zones, c->whole, c->config_path);
	if (ret != 0)
		return ret;
	reconfigure.zones = c->zones;
	reconfigure.policy = c->policy;
	ret = reconfigure_start(&c->reconfigure, &reconfigure);
	if (ret != 0) {
		log_error("configuration: %s", strerror(-ret));
		return ret;
	}
	c->figures.zones = c->zones;
	c->figures.publisher = c->publisher;
	c->figures.api = api_figures;
	c->figures.api_arg = c->api;
	c->parts = (struct api_parts){
		.zones = c->zones,
		.reconfigure = c->reconfigure,
		.policy = c->policy,
		.backends = c->backends,
		.store_error = "The store is being opened; ask again",
		.notify = notify_start(c->config),
	};
	ret = start_store(c);
	if (ret != 0)
		return ret;
	c->parts.changes = c->figures.changes = store_opener_changes(c->store);
	c->parts.transfers = c->figures.transfers = store_opener_transfers(c->store);
	ret = api_serve(c->api, &c->parts);
	if (ret != 0)
		return ret;
	metrics_server_serve(c->metrics, &c->figures);
	program_ready("HTTP API answers; millracectl status tells about zones");
	if (c->whole->zones.watch)
		ret = watch_start(&c->watch, &c->loop, c->whole, c->zones);
	if (c->reload_asked)
		reconfigure_request(c->reconfigure, RECONFIGURE_WHOLE, NULL, NULL);
	return ret;
}

static void
begun(uv_work_t *work, int status)
{
	struct controlplane *c = work->data;

	c->beginning = false;
	if (c->begin_status == 0 && (status != 0 || start_services(c) != 0))
		c->begin_status = EXIT_FAILURE;
	if (c->begin_status != 0)
		uv_stop(&c->loop);
}

int
controlplane_begin(struct controlplane *c)
{
	c->begin.data = c;
	c->beginning = true;
	return uv_queue_work(&c->loop, &c->begin, begin, begun);
}
