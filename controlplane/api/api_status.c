/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_status: the suite at a glance: who runs, what is served, how full the arena is. */
#include "controlplane/api/request.h"
#include "controlplane/metrics/busy.h"
#include "controlplane/metrics/counters_sum.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *const role_word[HUB_ROLES] = {
	[HUB_DATAPLANE] = "dataplane",
	[HUB_CONTROLPLANE] = "controlplane",
	[HUB_STREAM] = "stream",
	[HUB_RECURSOR] = "recursor",
};

static void
write_processes(struct json_writer *w, const struct hub *h)
{
	json_open_array(w, "processes");
	for (unsigned role = 0; role < HUB_ROLES; role++) {
		/* our own lock cannot be asked about: a process does not conflict with itself */
		pid_t pid =
			role == HUB_CONTROLPLANE ? getpid() : hub_role_pid(h, (enum hub_role)role);
		json_open_object(w, NULL);
		json_str(w, "role", role_word[role]);
		json_bool(w, "running", pid != 0);
		json_int(w, "pid", pid);
		json_close_object(w);
	}
	json_close_array(w);
}

static void
write_zones(struct json_writer *w, const struct zone_manager_status *s)
{
	json_open_object(w, "zones");
	json_uint(w, "total", s->n_zones);
	json_uint(w, "serving", s->n_serving);
	for (unsigned i = 0; i < ZONE_STATES; i++)
		json_uint(w, zone_state_word[i], s->n_state[i]);
	json_uint(w, "queued", s->n_queued);
	json_uint(w, "loads_total", s->loads_total);
	json_uint(w, "refused_total", s->failures_total);
	json_uint(w, "threads", s->n_threads);
	json_uint(w, "start_ms", s->start_ms);
	json_close_object(w);
}

/* How far loading is; nothing when there is nothing to do. */
static void
write_progress(struct json_writer *w, const struct zone_manager_status *s)
{
	uint32_t left = s->n_queued + s->n_state[ZONE_LOADING];
	uint64_t rate = s->run_ms > 0 ? (uint64_t)s->run_loads * 1000 / s->run_ms : 0;

	if (!s->busy)
		return;
	json_open_object(w, "loading");
	json_bool(w, "scanning", s->scanning);
	json_uint(w, "done", s->run_loads);
	json_uint(w, "left", left);
	json_uint(w, "per_second", rate);
	if (rate > 0)
		json_uint(w, "seconds_left", (left + rate - 1) / rate);
	json_close_object(w);
}

static void
write_arena(struct json_writer *w, const struct api_context *c)
{
	struct arena_usage u;

	arena_usage(c->arena, &u);
	json_open_object(w, "arena");
	json_str(w, "path", c->arena_path);
	json_uint(w, "size_octets", u.size_octets);
	json_uint(w, "backed_octets", u.backed_octets);
	json_uint(w, "live_octets", u.live_octets);
	json_uint(w, "page_octets", c->arena->page_octets);
	json_uint(w, "generation", atomic_load(&arena_header(c->arena)->generation));
	json_close_object(w);
}

/* Is it open, and if not, why? */
static void
write_store(struct json_writer *w, const struct api_context *c)
{
	char *path = config_store_path(c->config);

	json_open_object(w, "store");
	json_str(w, "path", path != NULL ? path : "");
	json_bool(w, "open", c->store != NULL);
	if (c->store == NULL)
		json_str(w, "error", c->store_error != NULL ? c->store_error : "");
	json_close_object(w);
	free(path);
}

void
api_status(struct api_request *r)
{
	const struct api_context *c = r->context;
	struct json_writer *w = &r->out;
	struct zone_manager_status s = {.busy = true, .scanning = true};
	unsigned seat = hub_current_seat(c->hub);
	const struct hub_instance *in = &c->hub->instance[seat];
	uint64_t dataplane_ns = atomic_load(&in->started_ns);

	if (c->zones != NULL) /* else it is taking over the arena */
		zone_manager_status(c->zones, &s);
	json_open_object(w, NULL);
	json_str(w, "version", MILLRACE_VERSION);
	json_uint(w, "uptime_s", (uint64_t)(time(NULL) - c->started_s));
	json_bool(w, "ready", s.ready);
	json_bool(w, "busy", s.busy);
	json_bool(w, "starting", c->zones == NULL);
	json_str(w, "config", c->config_path);
	json_str(w, "run_dir", c->config->run_dir);
	write_processes(w, c->hub);
	json_uint(w, "workers", atomic_load(&in->n_workers));
	json_open_array(w, "busy_percent");
	for (unsigned i = 0; i < counters_running(c->hub, seat); i++)
		json_uint(w, NULL, (uint64_t)(100 * busy_share(c->figures->busy, i) + 0.5));
	json_close_array(w);
	json_str(w, "dataplane_phase", hub_phase_word(atomic_load(&in->phase)));
	json_uint(w, "dataplane_started", dataplane_ns / 1000000000);
	write_zones(w, &s);
	write_progress(w, &s);
	write_store(w, c);
	if (c->zones != NULL)
		write_arena(w, c);
	json_close_object(w);
}
