/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics: asks each part for its figures, and writes them family by family in the order of the
 * tables. */
#include "controlplane/metrics/metrics.h"

#include "config/ready.h"
#include "controlplane/metrics/absence.h"
#include "controlplane/metrics/busy.h"
#include "controlplane/metrics/counters_sum.h"
#include "controlplane/metrics/metric_list.h"
#include "controlplane/metrics/pdns_statistic.h"
#include "controlplane/metrics/port_table.h"
#include "controlplane/metrics/process_usage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "millrace_"
#define NS_A_SECOND UINT64_C(1000000000)

const struct metric_info metric_info[METRIC_N] = {
#define X(id, name, type, labels, help) [METRIC_##id] = {name, labels, help, EXPOSITION_##type},
	METRICS(X)
#undef X
};

/* 1 us to 10 ms: what a query may take inside a worker */
static const struct exposition_bounds query_bounds = {1000, 10000000};
/* 1 ms to 1000 s: what a zone may take */
static const struct exposition_bounds change_bounds = {100000, 10 * NS_A_SECOND};
static const struct exposition_bounds zone_bounds = {1000000, 1000 * NS_A_SECOND};

/* The processes that there are to run; the recursor is none of them yet. */
static const struct {
	enum hub_role role;
	const char *name;
} process[] = {
	{HUB_DATAPLANE, "dataplane"},
	{HUB_CONTROLPLANE, "controlplane"},
	{HUB_STREAM, "stream"},
};
#define N_PROCESSES (sizeof process / sizeof process[0])

/* Everything that is asked for once a page. */
struct collect {
	struct exposition x;
	const struct metrics_source *s;
	unsigned n_workers; /* that counted, ever */
	unsigned seat;      /* of the dataplane that answers */
	unsigned n_running; /* its workers */
	struct zone_manager_status zones;
	struct zone_publisher_status publisher;
	struct changes_figures changes;
	struct metrics_api api;
	struct transfer_totals transfers;
	struct arena_usage arena;
	pid_t pid[N_PROCESSES];
	struct process_usage usage[N_PROCESSES];
	struct absence_figures absence[N_PROCESSES];
	bool told[N_PROCESSES];          /* not when it is hidden from us (systemd's ProtectProc) */
	char worker[HUB_WORKERS_MAX][4]; /* label values */
	struct port_row port[HUB_PORTS_MAX];
	unsigned n_ports;
};

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_A_SECOND + (uint64_t)t.tv_nsec;
}

static void
family(struct collect *c, enum metric id)
{
	const struct metric_info *m = &metric_info[id];

	exposition_family(&c->x, PREFIX, m->name, m->type, m->help);
}

/* A family of one sample. */
static void
single(struct collect *c, enum metric id, uint64_t value)
{
	family(c, id);
	exposition_uint(&c->x, NULL, 0, value);
}

static struct exposition_label
worker_label(const struct collect *c, unsigned i)
{
	return (struct exposition_label){"worker", c->worker[i]};
}

/* --- the hub's counters --- */

static void
write_worker_counters(struct collect *c)
{
	const char *before = "";

	for (unsigned i = 0; i < CTR_N; i++) {
		const struct counter_info *info = &counter_info[i];
		if (strcmp(before, info->family) != 0) /* a family is one run of rows */
			exposition_family(
				&c->x, PREFIX, info->family, EXPOSITION_COUNTER, info->help);
		before = info->family;
		for (unsigned k = 0; k < c->n_workers; k++) {
			struct exposition_label label[2] = {
				worker_label(c, k), {info->label, info->value}};
			exposition_uint(&c->x, label, info->label[0] == '\0' ? 1 : 2,
				hub_counter(c->s->hub, k, (enum counter)i));
		}
	}
}

static void
write_stream_counters(struct collect *c)
{
	const struct hub_live *live = &c->s->hub->control.live;
	const char *before = "";

	for (unsigned i = 0; i < SCTR_N; i++) {
		const struct counter_info *info = &stream_counter_info[i];
		struct exposition_label label = {info->label, info->value};
		if (strcmp(before, info->family) != 0)
			exposition_family(&c->x, PREFIX, info->family,
				strstr(info->family, "_total") != NULL ? EXPOSITION_COUNTER
								       : EXPOSITION_GAUGE,
				info->help);
		before = info->family;
		exposition_uint(&c->x, &label, info->label[0] != '\0',
			hub_stream_counter(c->s->hub, (enum stream_counter)i));
	}
	single(c, METRIC_STREAM_LIMIT, atomic_load(&live->stream_connections_max));
	single(c, METRIC_STREAM_CLIENT_LIMIT,
		atomic_load(&live->stream_connections_per_client_max));
}

/* --- processes --- */

static void
write_processes(struct collect *c)
{
	char arena[16], hub[16];
	const struct exposition_label build[] = {
		{"version", MILLRACE_VERSION}, {"arena_layout", arena}, {"hub_layout", hub}};
	struct exposition_label label[N_PROCESSES];
	const char *why;

	for (unsigned i = 0; i < N_PROCESSES; i++)
		label[i] = (struct exposition_label){"process", process[i].name};
	snprintf(arena, sizeof arena, "%u", ARENA_VERSION);
	snprintf(hub, sizeof hub, "%u.%u", HUB_MAJOR, HUB_MINOR);
	family(c, METRIC_BUILD_INFO);
	exposition_uint(&c->x, build, sizeof build / sizeof build[0], 1);
	single(c, METRIC_READY, metrics_ready(c->s, &why));
	family(c, METRIC_PROCESS_UP);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		exposition_uint(&c->x, &label[i], 1, c->pid[i] != 0);
	family(c, METRIC_PROCESS_READY);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		exposition_uint(&c->x, &label[i], 1,
			ready_pid(c->s->config->run_dir, process[i].name) != 0);
	family(c, METRIC_PROCESS_RESIDENT);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		if (c->told[i])
			exposition_uint(&c->x, &label[i], 1, c->usage[i].resident_octets);
	family(c, METRIC_PROCESS_CPU);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		if (c->told[i])
			exposition_ns(&c->x, &label[i], 1, c->usage[i].cpu_ns);
	family(c, METRIC_PROCESS_START);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		if (c->told[i])
			exposition_uint(&c->x, &label[i], 1, (uint64_t)c->usage[i].started_s);
}

/* Of those that the control plane can watch: not itself. */
static void
write_absences(struct collect *c)
{
	family(c, METRIC_PROCESS_ENDS);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		if (process[i].role != HUB_CONTROLPLANE)
			exposition_uint(&c->x,
				&(struct exposition_label){"process", process[i].name}, 1,
				c->absence[i].n_ends);
	family(c, METRIC_PROCESS_AWAY);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		if (process[i].role != HUB_CONTROLPLANE)
			exposition_ns(&c->x, &(struct exposition_label){"process", process[i].name},
				1, c->absence[i].away_ns);
}

/* --- workers --- */

static void
write_workers(struct collect *c)
{
	const struct hub_worker *worker = c->s->hub->worker[c->seat];
	struct exposition_label label;

	family(c, METRIC_PHASE);
	for (uint32_t i = HUB_PHASE_STARTING; i < HUB_PHASES; i++) {
		label = (struct exposition_label){"phase", hub_phase_word(i)};
		exposition_uint(&c->x, &label, 1,
			c->n_running != 0 && atomic_load(&c->s->hub->instance[c->seat].phase) == i);
	}
	single(c, METRIC_WORKERS, c->n_running);
	family(c, METRIC_WORKER_BUSY_SECONDS);
	for (unsigned i = 0; i < c->n_running; i++) {
		double hz = (double)worker[i].tsc_hz;
		double cycles = (double)hub_counter(c->s->hub, i, CTR_BUSY_CYCLES);
		label = worker_label(c, i);
		exposition_double(&c->x, &label, 1, hz > 0 ? cycles / hz : 0);
	}
	family(c, METRIC_WORKER_BUSY_RATIO);
	for (unsigned i = 0; i < c->n_running; i++) {
		label = worker_label(c, i);
		exposition_double(&c->x, &label, 1, busy_share(c->s->busy, i));
	}
	family(c, METRIC_WORKER_TSC);
	for (unsigned i = 0; i < c->n_running; i++) {
		label = worker_label(c, i);
		exposition_uint(&c->x, &label, 1, worker[i].tsc_hz);
	}
	family(c, METRIC_QUERY_SECONDS);
	for (unsigned i = 0; i < c->n_workers; i++) {
		struct histogram h = {0};
		label = worker_label(c, i);
		counters_add_latency(c->s->hub, i, &h);
		exposition_histogram(&c->x, &label, 1, &h, query_bounds);
	}
}

/* --- ports --- */

static struct exposition_label
port_label(const struct collect *c, unsigned i)
{
	return (struct exposition_label){"port", c->port[i].name};
}

static void
write_port_counters(struct collect *c)
{
	for (unsigned k = 0; k < PCTR_N; k++) {
		exposition_family(&c->x, PREFIX, port_counter_info[k].family, EXPOSITION_COUNTER,
			port_counter_info[k].help);
		for (unsigned i = 0; i < c->n_ports; i++) {
			struct exposition_label label = port_label(c, i);
			exposition_uint(&c->x, &label, 1, c->port[i].counter[k]);
		}
	}
}

/* A device has a queue for each worker or fewer, a socket one for each: pairs that never saw a
 * packet are left out, so that 64 workers with 64 ports do not make 16,000 series of zeros. */
static void
write_port_traffic(struct collect *c)
{
	const struct hub *h = c->s->hub;

	for (unsigned k = 0; k < PTR_N; k++) {
		exposition_family(&c->x, PREFIX, port_traffic_info[k].family, EXPOSITION_COUNTER,
			port_traffic_info[k].help);
		for (unsigned i = 0; i < c->n_ports; i++)
			for (unsigned w = 0; w < c->n_running; w++) {
				struct exposition_label label[2] = {
					port_label(c, i), worker_label(c, w)};
				if (w > 0 &&
					port_table_traffic(h, c->seat, w, i, PTR_RX_PACKETS) == 0)
					continue;
				exposition_uint(&c->x, label, 2,
					port_table_traffic(
						h, c->seat, w, i, (enum port_traffic_id)k));
			}
	}
}

static void
write_ports(struct collect *c)
{
	struct exposition_label label[2];

	family(c, METRIC_PORT_UP);
	for (unsigned i = 0; i < c->n_ports; i++) {
		label[0] = port_label(c, i);
		label[1] = (struct exposition_label){"kind", c->port[i].kind};
		exposition_uint(&c->x, label, 2, c->port[i].up);
	}
	family(c, METRIC_PORT_SPEED);
	for (unsigned i = 0; i < c->n_ports; i++) {
		label[0] = port_label(c, i);
		exposition_uint(&c->x, label, 1, c->port[i].mbps * UINT64_C(125000));
	}
	family(c, METRIC_PORT_QUEUES);
	for (unsigned i = 0; i < c->n_ports; i++) {
		label[0] = port_label(c, i);
		exposition_uint(&c->x, label, 1, c->port[i].n_queues);
	}
	write_port_counters(c);
	write_port_traffic(c);
}

static void
write_grace(struct collect *c)
{
	family(c, METRIC_GRACE_LAG);
	for (unsigned i = 0; i < c->n_running; i++) {
		struct exposition_label label = worker_label(c, i);
		uint64_t seen = atomic_load_explicit(
			&c->s->hub->worker[c->seat][i].epoch_seen, memory_order_relaxed);
		exposition_ns(&c->x, &label, 1, zone_publisher_lag_ns(c->s->publisher, seen));
	}
	family(c, METRIC_GRACE_OLDEST);
	exposition_ns(&c->x, NULL, 0, c->publisher.oldest_ns);
	single(c, METRIC_GRACE_WAITING, c->publisher.n_waiting);
	single(c, METRIC_GRACE_PERIODS, c->publisher.periods_total);
	family(c, METRIC_GRACE_SECONDS);
	exposition_histogram(&c->x, NULL, 0, &c->publisher.grace, zone_bounds);
}

/* --- zones and memory --- */

static void
write_transfers(struct collect *c)
{
	const struct transfer_totals *t = &c->transfers;

	family(c, METRIC_TRANSFERS);
	for (unsigned i = 0; i < TRANSFER_RESULTS_N; i++)
		exposition_uint(&c->x,
			&(struct exposition_label){"result", transfer_result_word[i]}, 1,
			t->result[i]);
	single(c, METRIC_TRANSFERS_WAITING, t->waiting);
	single(c, METRIC_TRANSFERS_RUNNING, t->running);
	single(c, METRIC_TRANSFER_OCTETS, t->octets);
	single(c, METRIC_TRANSFER_RECORDS, t->records);
	single(c, METRIC_TRANSFER_DROPPED, t->dropped);
	family(c, METRIC_TRANSFER_SECONDS);
	exposition_histogram(&c->x, NULL, 0, &t->seconds, zone_bounds);
}

static void
write_changes(struct collect *c)
{
	const struct changes_figures *f = &c->changes;
	const struct {
		const char *result;
		uint64_t n;
	} versions[] = {{"patched", f->patched_total}, {"compiled", f->compiled_total},
		{"unpublished", f->unpublished_total}};

	single(c, METRIC_CHANGES, f->jobs_total);
	single(c, METRIC_CHANGES_FAILED, f->failed_total);
	single(c, METRIC_CHANGES_QUEUED, f->queued);
	single(c, METRIC_CHANGE_BATCHES, f->batches_total);
	single(c, METRIC_CHANGE_RETRIES, f->batch_retries_total);
	family(c, METRIC_CHANGE_VERSIONS);
	for (unsigned i = 0; i < sizeof versions / sizeof versions[0]; i++)
		exposition_uint(&c->x, &(struct exposition_label){"result", versions[i].result}, 1,
			versions[i].n);
	family(c, METRIC_CHANGE_COMMIT);
	exposition_histogram(&c->x, NULL, 0, &f->commit, change_bounds);
	family(c, METRIC_CHANGE_SECONDS);
	exposition_histogram(&c->x, NULL, 0, &f->total, change_bounds);
	single(c, METRIC_STORE_OPEN, f->has_store);
	single(c, METRIC_STORE_FILE, f->store.file_octets);
	single(c, METRIC_STORE_USED, f->store.used_octets);
	single(c, METRIC_STORE_COMMITS, f->store.commits_total);
	single(c, METRIC_STORE_FAILURES, f->store.commit_failures_total);
}

/* A family of a label with few values. */
static void
by_reason(struct collect *c, enum metric id, const char *const *reason, const uint64_t *n,
	unsigned len)
{
	family(c, id);
	for (unsigned i = 0; i < len; i++)
		exposition_uint(&c->x, &(struct exposition_label){"reason", reason[i]}, 1, n[i]);
}

static void
write_api(struct collect *c)
{
	static const char *const refused[] = {"address", "full", "tls"}, *const ended[] = {
										 "evicted",
										 "timeout"};
	const struct metrics_api *a = &c->api;

	single(c, METRIC_API_OPEN, a->open);
	single(c, METRIC_API_ACCEPTED, a->accepted);
	by_reason(c, METRIC_API_REFUSED, refused,
		(const uint64_t[]){a->refused_address, a->refused_full, a->refused_tls}, 3);
	by_reason(c, METRIC_API_ENDED, ended, (const uint64_t[]){a->evicted, a->timeouts}, 2);
	single(c, METRIC_API_CREDENTIALS, a->credentials_refused);
	single(c, METRIC_API_THROTTLED, a->credentials_throttled);
	single(c, METRIC_NOTIFY_SENT, a->notify_sent);
	single(c, METRIC_NOTIFY_ANSWERED, a->notify_answered);
	single(c, METRIC_NOTIFY_FAILED, a->notify_failed);
	single(c, METRIC_NOTIFY_WAITING, a->notify_waiting);
}

static void
write_zones(struct collect *c)
{
	static const char *const stage[] = {[ZONE_STAGE_WAIT] = "wait",
		[ZONE_STAGE_LOAD] = "load",
		[ZONE_STAGE_TOTAL] = "total"};
	const struct zone_manager_status *z = &c->zones;

	family(c, METRIC_ZONES);
	for (unsigned i = 0; i < ZONE_STATES; i++)
		exposition_uint(&c->x, &(struct exposition_label){"state", zone_state_word[i]}, 1,
			z->n_state[i]);
	single(c, METRIC_ZONES_SERVING, z->n_serving);
	single(c, METRIC_ZONES_QUEUED, z->n_queued);
	single(c, METRIC_ZONE_LOADS, z->loads_total);
	single(c, METRIC_ZONE_REFUSED, z->failures_total);
	single(c, METRIC_ZONE_PUBLISHED, z->published_total);
	family(c, METRIC_PUBLICATION);
	for (unsigned i = 0; i < ZONE_STAGES; i++)
		exposition_histogram(&c->x, &(struct exposition_label){"stage", stage[i]}, 1,
			&z->stage[i], zone_bounds);
	write_changes(c);
	write_api(c);
	write_transfers(c);
	single(c, METRIC_ARENA_SIZE, c->arena.size_octets);
	single(c, METRIC_ARENA_RESERVED, c->arena.backed_octets);
	single(c, METRIC_ARENA_USED, c->arena.live_octets);
	single(c, METRIC_ARENA_SEGMENTS, c->arena.backed_octets / ARENA_SEGMENT);
}

/* --- the page --- */

static void
write_pdns(void *arg, const struct pdns_statistic *p, uint64_t value)
{
	struct collect *c = arg;
	char name[PDNS_NAME_OCTETS];

	pdns_statistic_metric(p, name);
	exposition_family(&c->x, "pdns_auth_", name,
		p->gauge ? EXPOSITION_GAUGE : EXPOSITION_COUNTER, p->help);
	exposition_uint(&c->x, NULL, 0, value);
}

static void
collect(struct collect *c)
{
	const struct metrics_source *s = c->s;

	(void)hub_refresh(s->hub); /* a dataplane that has started since counts */
	c->n_workers = hub_workers(s->hub);
	c->seat = hub_current_seat(s->hub);
	c->n_running = counters_running(s->hub, c->seat);
	c->n_ports = port_table_read(s->hub, c->seat, c->port);
	zone_manager_status(s->zones, &c->zones);
	zone_publisher_status(s->publisher, &c->publisher);
	if (s->changes != NULL)
		changes_figures(s->changes, &c->changes);
	if (s->api != NULL)
		s->api(s->api_arg, &c->api);
	if (s->transfers != NULL)
		transfer_totals(s->transfers, &c->transfers);
	arena_usage(s->arena, &c->arena);
	for (unsigned i = 0; i < N_PROCESSES; i++) {
		/* our own lock cannot be asked about: a process does not conflict with itself */
		c->pid[i] = process[i].role == HUB_CONTROLPLANE
				    ? getpid()
				    : hub_role_pid(s->hub, process[i].role);
		c->absence[i] = absence_read(s->absence, process[i].role);
		c->told[i] = c->pid[i] != 0 && process_usage(c->pid[i], &c->usage[i]) == 0;
	}
	for (unsigned i = 0; i < c->n_workers; i++)
		snprintf(c->worker[i], sizeof c->worker[i], "%u", i % 1000);
}

void
metrics_write(struct json_writer *out, const struct metrics_source *s,
	enum exposition_format format, bool powerdns)
{
	struct collect c = {.x = {.out = out, .format = format}, .s = s};
	uint64_t started_ns = clock_ns();

	collect(&c);
	write_processes(&c);
	write_absences(&c);
	write_worker_counters(&c);
	write_stream_counters(&c);
	write_workers(&c);
	write_ports(&c);
	write_grace(&c);
	write_zones(&c);
	if (powerdns)
		pdns_statistics_each(s, write_pdns, &c);
	family(&c, METRIC_COLLECT);
	exposition_ns(&c.x, NULL, 0, clock_ns() - started_ns);
	exposition_end(&c.x);
}

bool
metrics_ready(const struct metrics_source *s, const char **why)
{
	struct zone_manager_status z;

	(void)hub_refresh(s->hub);
	zone_manager_status(s->zones, &z);
	if (hub_role_pid(s->hub, HUB_DATAPLANE) == 0)
		*why = "the dataplane does not run";
	else if (counters_running(s->hub, hub_current_seat(s->hub)) == 0)
		*why = "the dataplane does not answer yet";
	else if (!z.ready)
		*why = "zones are still being loaded for the first time";
	else
		return *why = "ready", true;
	return false;
}
