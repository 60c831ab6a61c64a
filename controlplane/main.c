/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace-controlplane: what needs privileges, main loop (libuv: signals, reclaiming, watching),
 * end. Zones are loaded by the zone manager's threads, HTTP is answered by the API's; the loop
 * itself never blocks. Zones and all that goes with them: begin.c. */
#include "config/log.h"
#include "config/program.h"
#include "config/ready.h"
#include "controlplane/api/openapi.h"
#include "controlplane/check_zone.h"
#include "controlplane/process.h"
#include "controlplane/store_tool.h"
#include "shm/paths.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 1000         /* between samples of how busy the workers are */
#define RECLAIM_MS 10        /* between looks at what waits for its grace period */
#define STOP_PATIENCE_MS 150 /* for loads that run; then the process ends without them */
/* Fixed: left alone the thresholds follow what is freed, and the memory of loading would linger.
 * What one small zone takes and gives back stays in the heap (a third of the time of loading
 * 100,000 was spent in page faults before); malloc_trim() empties it when nothing is left to load.
 */
#define MMAP_THRESHOLD_OCTETS (4 << 20)
#define TRIM_THRESHOLD_OCTETS (16 << 20)

/* --- events --- */

static void
reclaim(uv_timer_t *t)
{
	struct controlplane *c = t->data;

	/* cleared first: what is published from here on tells the loop again */
	atomic_store(&c->published_told, false);
	if (zone_publisher_reclaim(c->publisher) == 0)
		uv_timer_stop(t);
}

static void
on_published(uv_async_t *a)
{
	struct controlplane *c = a->data;

	if (!uv_is_active((uv_handle_t *)&c->reclaim))
		uv_timer_start(&c->reclaim, reclaim, RECLAIM_MS, RECLAIM_MS);
	watch_refresh_soon(c->watch);
}

static void
sample_busy(uv_timer_t *t)
{
	struct controlplane *c = t->data;

	busy_sample(c->busy);
}

static void
on_reload(uv_signal_t *s, int number)
{
	struct controlplane *c = s->data;

	if (c->reconfigure == NULL)
		c->reload_asked = true;
	else
		reconfigure_request(c->reconfigure, RECONFIGURE_WHOLE, NULL, NULL);
}

static void
on_stop(uv_signal_t *s, int number)
{
	uv_stop(s->loop);
}

/* --- start --- */

static int
set_paths(struct controlplane *c)
{
	free(c->hub_path);
	free(c->arena_path);
	free(c->socket_path);
	free(c->store_path);
	c->store_path = config_store_path(c->config);
	c->hub_path = config_run_path(c->config, RUN_HUB);
	c->arena_path = config_arena_path(c->config);
	c->socket_path = config_run_path(c->config, RUN_API);
	return c->hub_path == NULL || c->arena_path == NULL || c->socket_path == NULL ||
			       c->store_path == NULL
		       ? -ENOMEM
		       : 0;
}

static int
open_shared(struct controlplane *c)
{
	bool fresh;
	int ret = hub_open(&c->hub, c->hub_path, HUB_CONTROLPLANE);
	if (ret != 0) {
		log_error("%s", hub_error());
		return ret;
	}
	ret = arena_open_writer(&c->arena, c->arena_path, c->config->arena.size, &fresh);
	if (ret != 0)
		log_error("%s", arena_error());
	return ret;
}

/* What both of the servers tell, as far as it is there before the zones. */
static int
gather_figures(struct controlplane *c)
{
	c->busy = busy_create(c->hub);
	if (c->busy == NULL)
		return -ENOMEM;
	uv_timer_start(&c->busy_timer, sample_busy, 0, BUSY_MS);
	if (absence_create(&c->absence, &c->loop, c->hub) != 0)
		return -ENOMEM;
	c->figures = (struct metrics_source){
		.config = c->config,
		.arena = &c->arena,
		.hub = c->hub,
		.busy = c->busy,
		.absence = c->absence,
		.started_s = time(NULL),
	};
	return 0;
}

/* First of all, so that there is somebody to ask while an arena of a million zones is taken over.
 */
static int
start_api(struct controlplane *c)
{
	struct api_context context = {
		.config = c->config,
		.config_path = c->config_path,
		.arena_path = c->arena_path,
		.arena = &c->arena,
		.hub = c->hub,
		.figures = &c->figures,
		.captures = c->captures,
		.started_s = time(NULL),
	};
	int ret = gather_figures(c);

	if (ret == 0)
		ret = api_start(&c->api, &context, c->socket_path, c->gate);
	if (ret == 0)
		log_info("HTTP API on %s", c->socket_path);
	return ret == 0 ? metrics_server_start(c->metrics) : ret;
}

static void
start_loop(struct controlplane *c)
{
	uv_loop_init(&c->loop);
	uv_async_init(&c->loop, &c->published, on_published);
	uv_timer_init(&c->loop, &c->reclaim);
	uv_timer_init(&c->loop, &c->busy_timer);
	uv_signal_init(&c->loop, &c->on_hup);
	uv_signal_init(&c->loop, &c->on_term);
	uv_signal_init(&c->loop, &c->on_int);
	c->published.data = c->reclaim.data = c->busy_timer.data = c;
	c->on_hup.data = c->on_term.data = c->on_int.data = c;
	uv_signal_start(&c->on_hup, on_reload, SIGHUP);
	uv_signal_start(&c->on_term, on_stop, SIGTERM);
	uv_signal_start(&c->on_int, on_stop, SIGINT);
}

/* --- end --- */

static void
close_handle(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* In order: nobody is told that we are here, nothing is loaded any more, nobody asks, all is freed.
 */
static void
stop(struct controlplane *c, int status)
{
	bool idle;

	ready_withdraw(c->config->run_dir, CONTROLPLANE_READY_NAME);
	idle = store_opener_stop(c->store, STOP_PATIENCE_MS);
	idle &= c->zones == NULL || zone_manager_stop(c->zones, STOP_PATIENCE_MS);
	idle &= backends_stop(c->backends, STOP_PATIENCE_MS);
	if (c->beginning || !reconfigure_stop(c->reconfigure) || !idle) {
		log_info("ended while zones or a configuration were being loaded; what was "
			 "published stays");
		unlink(c->socket_path);
		_exit(status); /* the image that is being made was never published, so nobody misses
				  it */
	}
	metrics_server_stop(c->metrics);
	api_stop(c->api);
	notify_stop(c->parts.notify);
	captures_destroy(c->captures);
	watch_stop(c->watch);
	uv_walk(&c->loop, close_handle, NULL);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	uv_loop_close(&c->loop);
	busy_destroy(c->busy);
	absence_destroy(c->absence);
	reconfigure_destroy(c->reconfigure);
	zone_manager_destroy(c->zones);
	store_opener_destroy(c->store);
	policy_control_destroy(c->policy);
	views_control_destroy(c->views);
	if (c->publisher != NULL)
		zone_publisher_destroy(c->publisher);
	if (c->arena.base != NULL)
		arena_close(&c->arena);
	if (c->hub != NULL)
		hub_close(c->hub);
	free(c->hub_path);
	free(c->arena_path);
	free(c->socket_path);
	free(c->store_path);
	config_rest_free(c->rest);
	config_free(c->whole);
	config_free(c->config);
}

/* While their folder can be read. */
static int
preload_backends(struct controlplane *c)
{
	char error[BACKEND_ERROR_OCTETS];
	int ret = backends_preload(c->config, c->config_path, error);

	if (ret != 0) {
		log_error("%s", error);
		c->begin_status = EX_CONFIG;
	}
	return ret;
}

int
main(int argc, char **argv)
{
	struct program program = {
		.name = "millrace-controlplane",
		.summary =
			"Loads zones, publishes them to the dataplane, and serves the HTTP API.\n"
			"`millrace-controlplane check-zone --help` tells how to check zone files,\n"
			"`millrace-controlplane store --help` how to verify, copy and restore the "
			"store;\n"
			"`millrace-controlplane metrics-reference` prints docs/metrics.md, "
			"`millrace-controlplane api-reference` docs/api-reference.md.",
		.without_zones = true,
	};
	static struct controlplane c; /* zeroed; the manager's threads may outlive main()'s frame */
	int ret;

	if (argc > 1 && strcmp(argv[1], "check-zone") == 0)
		return check_zone_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "store") == 0)
		return store_tool_main(argc - 1, argv + 1);
	if (argc == 2 && strcmp(argv[1], "metrics-reference") == 0)
		return metrics_print_reference() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (argc == 2 && strcmp(argv[1], "api-reference") == 0)
		return api_print_reference() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_OCTETS);
	mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_OCTETS);
	program.rest = &c.rest;
	c.config = program_start(&program, argc, argv);
	c.config_path = program.config_path;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of whoever writes to it */
	if (program_make_run_dir(c.config) != 0)
		return EXIT_FAILURE;
	start_loop(&c);
	ret = set_paths(&c);
	if (ret == 0)
		ret = open_shared(&c);
	/* without its folder there is no store, which is told when it is opened */
	if (ret == 0)
		(void)program_make_store_dir(c.config, c.store_path);
	if (ret == 0)
		ret = metrics_server_bind(&c.metrics, c.config);
	if (ret == 0)
		ret = preload_backends(&c);
	if (ret == 0)
		ret = gate_bind(&c.gate, c.config);
	if (ret == 0)
		ret = program_drop_privileges(c.config);
	/* a chroot has changed them */
	if (ret == 0)
		ret = set_paths(&c);
	if (ret == 0)
		ret = hub_set_path(c.hub, c.hub_path);
	if (ret == 0)
		ret = captures_create(&c.captures, c.config->run_dir, c.hub);
	if (ret == 0)
		ret = start_api(&c);
	if (ret == 0)
		ret = controlplane_begin(&c);
	if (ret == 0)
		uv_run(&c.loop, UV_RUN_DEFAULT);
	/* told to stop before the start was over: it has no outcome */
	if (ret != 0 && c.begin_status == 0)
		c.begin_status = EXIT_FAILURE;
	ret = ret == 0 && c.beginning ? EXIT_SUCCESS : c.begin_status;
	stop(&c, ret);
	return ret;
}
