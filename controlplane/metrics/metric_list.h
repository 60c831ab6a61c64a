/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metric_list: the one list of the metrics that are no counters of the hub (those are COUNTERS,
 * PORT_COUNTERS and STREAM_COUNTERS in shm/). Exposition and docs/metrics.md come from these rows;
 * each name is shown with "millrace_" in front. Rows are shown in this order. */
#pragma once
#include "controlplane/metrics/exposition.h"

/* clang-format off: one row a metric */
/* X(id, name, enum exposition_type, labels, help) */
#define METRICS(X)                                                                              \
	X(BUILD_INFO, "build_info", GAUGE, "version,arena_layout,hub_layout",                   \
		"Always 1; its labels tell what is running.")                                   \
	X(READY, "ready", GAUGE, "",                                                            \
		"1 when the dataplane answers and every zone has been loaded or refused since " \
		"the start, else 0.")                                                           \
	X(PROCESS_UP, "process_up", GAUGE, "process",                                           \
		"1 while this process of the suite runs, else 0.")                              \
	X(PROCESS_READY, "process_ready", GAUGE, "process",                                     \
		"1 while this process says that it serves, else 0.")                            \
	X(PROCESS_RESIDENT, "process_resident_memory_bytes", GAUGE, "process",                  \
		"Resident memory, shared memory included.")                                     \
	X(PROCESS_CPU, "process_cpu_seconds_total", COUNTER, "process",                         \
		"Processor time. Workers that poll always take all of theirs: see "             \
		"millrace_worker_busy_seconds_total.")                                          \
	X(PROCESS_START, "process_start_time_seconds", GAUGE, "process",                        \
		"When it started, in Unix time.")                                               \
	X(PHASE, "dataplane_phase", GAUGE, "phase",                                             \
		"1 for what the dataplane is at, 0 for the rest. 'standing-in': kernel "        \
		"sockets answer in the place of its AF_XDP ports, which are closed; "           \
		"'draining': the ports answer, and the sockets are open still.")                \
	X(PROCESS_ENDS, "process_ends_total", COUNTER, "process",                               \
		"Times that this process ended, since the control plane started.")              \
	X(PROCESS_AWAY, "process_away_seconds_total", COUNTER, "process",                       \
		"Time in which this process was not there, since the control plane started. "   \
		"Without the stream process the kernel refuses TCP connections, without the "   \
		"dataplane nothing is answered.")                                               \
	X(WORKERS, "workers", GAUGE, "", "Workers that answer.")                                \
	X(WORKER_BUSY_SECONDS, "worker_busy_seconds_total", COUNTER, "worker",                  \
		"Time spent on bursts with at least one packet. Its rate is the share of a "    \
		"core that is in use; 1 means that there is no more.")                          \
	X(WORKER_BUSY_RATIO, "worker_busy_ratio", GAUGE, "worker",                              \
		"The same as a share, over the last ten seconds: 0 to 1.")                      \
	X(WORKER_TSC, "worker_tsc_hertz", GAUGE, "worker", "Rate of the time stamp counter.")   \
	X(QUERY_SECONDS, "query_duration_seconds", HISTOGRAM, "worker",                         \
		"Time of a query inside a worker, from taking its burst to having sent the "    \
		"responses. Sampled: one burst in 64, so counts are no numbers of queries.")    \
	X(PORT_UP, "port_up", GAUGE, "port,kind",                                               \
		"1 when the port's link is up; kernel sockets and the stream process's rings "  \
		"always are.")                                                                  \
	X(PORT_SPEED, "port_speed_bytes", GAUGE, "port",                                        \
		"Bytes a second that the port's links can carry, each way; 0: not known.")      \
	X(PORT_QUEUES, "port_queues", GAUGE, "port", "Queues, each served by one worker.")      \
	X(GRACE_LAG, "worker_grace_lag_seconds", GAUGE, "worker",                               \
		"Age of the oldest memory that waits for this worker to say that it does not "  \
		"read it.")                                                                     \
	X(GRACE_OLDEST, "grace_oldest_seconds", GAUGE, "",                                      \
		"Age of the oldest grace period that is not over; 0: none runs.")               \
	X(GRACE_WAITING, "grace_waiting_blocks", GAUGE, "",                                     \
		"Images and other blocks that were replaced and wait for their grace period.")  \
	X(GRACE_PERIODS, "grace_periods_total", COUNTER, "",                                    \
		"Grace periods begun: one a publication.")                                      \
	X(GRACE_SECONDS, "grace_period_seconds", HISTOGRAM, "",                                 \
		"From replacing an image to having its memory back.")                           \
	X(ZONES, "zones", GAUGE, "state", "Zones that are configured, by state.")               \
	X(ZONES_SERVING, "zones_serving", GAUGE, "", "Zones whose data are being served.")      \
	X(ZONES_QUEUED, "zones_queued", GAUGE, "", "Zones that wait to be loaded.")             \
	X(ZONE_LOADS, "zone_loads_total", COUNTER, "", "Zone files that were read.")            \
	X(ZONE_REFUSED, "zone_loads_refused_total", COUNTER, "",                                \
		"Zone files that were refused, or could not be published.")                     \
	X(ZONE_PUBLISHED, "zone_publications_total", COUNTER, "",                               \
		"Versions of zones that were published.")                                       \
	X(PUBLICATION, "zone_publication_seconds", HISTOGRAM, "stage",                          \
		"How long a published version took: 'wait' for a loader, 'load' (read, check, " \
		"compile, publish), and 'total', from being asked for to being answered from.") \
	X(CHANGES, "changes_total", COUNTER, "",                                                \
		"Changes of zones, metadata, keys, ... that were asked for and are over.")      \
	X(CHANGES_FAILED, "changes_failed_total", COUNTER, "",                                  \
		"Those of them that were refused or failed.")                                   \
	X(CHANGES_QUEUED, "changes_queued", GAUGE, "", "Changes that wait for the writer.")     \
	X(CHANGE_BATCHES, "change_batches_total", COUNTER, "",                                  \
		"Commits: each of all the changes that waited.")                                \
	X(CHANGE_RETRIES, "change_batch_retries_total", COUNTER, "",                            \
		"Batches that were begun anew, since a change failed in the midst of one.")     \
	X(CHANGE_VERSIONS, "change_versions_total", COUNTER, "result",                          \
		"Versions of zones of the store after changes: 'patched', 'compiled' as a "     \
		"whole, or 'unpublished': stored, and tried again later.")                      \
	X(CHANGE_COMMIT, "change_commit_seconds", HISTOGRAM, "",                                \
		"What it took to have a batch on the disk.")                                    \
	X(CHANGE_SECONDS, "change_seconds", HISTOGRAM, "",                                      \
		"Of a change, from being asked for to being stored and served, or refused.")    \
	X(STORE_OPEN, "store_open", GAUGE, "", "1 when the store is open, else 0.")             \
	X(STORE_FILE, "store_file_bytes", GAUGE, "", "Size of the store's file.")               \
	X(STORE_USED, "store_used_bytes", GAUGE, "", "Bytes of it that are in use.")            \
	X(STORE_COMMITS, "store_commits_total", COUNTER, "",                                    \
		"Transactions that were written to the store.")                                 \
	X(STORE_FAILURES, "store_commit_failures_total", COUNTER, "",                           \
		"Transactions that the disk did not take.")                                     \
	X(API_OPEN, "api_connections", GAUGE, "", "Connections to api.listen that are open.")   \
	X(API_ACCEPTED, "api_connections_accepted_total", COUNTER, "",                          \
		"Connections to api.listen that were let in.")                                  \
	X(API_REFUSED, "api_connections_refused_total", COUNTER, "reason",                      \
		"Those that were not: 'address' is not in api.allow-from, 'full' for "          \
		"api.connections-max or "                                                       \
		"api.connections-per-client-max, 'tls' for a handshake that failed.")           \
	X(API_ENDED, "api_connections_ended_total", COUNTER, "reason",                          \
		"Those that were closed on a client: 'evicted' for another one, 'timeout' for " \
		"api.timeout.")                                                                 \
	X(API_CREDENTIALS, "api_credentials_refused_total", COUNTER, "",                        \
		"Requests over TCP with a wrong key or token, or without one.")                 \
	X(API_THROTTLED, "api_credentials_throttled_total", COUNTER, "",                        \
		"Requests that were told to wait, for too many wrong ones came from their "     \
		"address.")                                                                     \
	X(NOTIFY_SENT, "notify_sent_total", COUNTER, "",                                        \
		"NOTIFY messages that were sent, tries again included.")                        \
	X(NOTIFY_ANSWERED, "notify_answered_total", COUNTER, "",                                \
		"Servers that answered a NOTIFY.")                                              \
	X(NOTIFY_FAILED, "notify_failed_total", COUNTER, "",                                    \
		"Servers that could not be told, or did not answer.")                           \
	X(NOTIFY_WAITING, "notify_waiting", GAUGE, "", "Servers whose answer is waited for.")   \
	X(TRANSFERS, "transfers_total", COUNTER, "result",                                      \
		"Transfers of zones to here that are over: 'replaced' and 'unchanged' are "     \
		"good; docs/transfer.md has the others.")                                       \
	X(TRANSFERS_WAITING, "transfers_waiting", GAUGE, "", "Zones waiting to be retrieved.")  \
	X(TRANSFERS_RUNNING, "transfers_running", GAUGE, "", "Zones that are being retrieved.") \
	X(TRANSFER_OCTETS, "transfer_received_bytes_total", COUNTER, "",                        \
		"Bytes received from primaries.")                                               \
	X(TRANSFER_RECORDS, "transfer_records_total", COUNTER, "", "Those of good transfers.")  \
	X(TRANSFER_DROPPED, "transfer_records_dropped_total", COUNTER, "",                      \
		"Records of good transfers that lay outside the zone, and were dropped.")       \
	X(TRANSFER_SECONDS, "transfer_seconds", HISTOGRAM, "",                                  \
		"Of a good transfer, from its begin to being served.")                          \
	X(ARENA_SIZE, "arena_size_bytes", GAUGE, "", "Address space of the arena: arena.size.") \
	X(ARENA_RESERVED, "arena_reserved_bytes", GAUGE, "", "Memory behind the arena.")        \
	X(ARENA_USED, "arena_used_bytes", GAUGE, "", "Bytes of the arena that are in use.")     \
	X(ARENA_SEGMENTS, "arena_segments", GAUGE, "", "Segments of 2 MiB that have memory.")   \
	X(STREAM_LIMIT, "stream_connections_limit", GAUGE, "",                                  \
		"Stream connections that may be open at a time: stream.connections-max.")       \
	X(STREAM_CLIENT_LIMIT, "stream_connections_per_client_limit", GAUGE, "",                \
		"The same for one client: stream.connections-per-client-max.")                  \
	X(COLLECT, "metrics_collect_seconds", GAUGE, "", "What it took to collect this page.")
/* clang-format on */

enum metric {
#define X(id, name, type, labels, help) METRIC_##id,
	METRICS(X)
#undef X
		METRIC_N,
};

struct metric_info {
	const char *name, *labels, *help;
	enum exposition_type type;
};

/** The table's rows, in the order of enum metric. */
extern const struct metric_info metric_info[METRIC_N];
