/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_soak: random packets by the million through what a worker does with a packet: find the
 * query in the frame, answer it, make the response's frame. No packet may crash it, write outside
 * its buffer, get lost in the counts, or leave memory behind. One thread, no DPDK, deterministic.
 */
#include "tests/bench/soak.h"

#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_publish.h"
#include "dataplane/answer/answer.h"
#include "dataplane/ports/frame.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM 2048u            /* octets of a packet's buffer, */
#define CANARY 64u            /* and of what nobody may touch behind it */
#define WARM_UP 200000u       /* packets before memory is looked at for the first time */
#define GROWTH_MAX (1u << 20) /* octets */
#define UDP_PAYLOAD_MAX 1232u
#define NOW_S 1700000000u
#define CHECK_FRAME_EVERY 16u

struct soak {
	uint64_t packets, seed;
	struct arena arena;
	struct zone_publisher *publisher;
	struct answer_context *context;
	struct counters counters;
	struct frame_filter filter;
	uint64_t kind[SOAK_KINDS], verdict[FRAME_VERDICTS], answered, silent, wrong;
	uint64_t digest; /* of all responses: equal for two builds that answer alike */
	struct {
		uint8_t room[ROOM], canary[CANARY];
	} buffer[ANSWER_BURST];
};

static void
complain(struct soak *s, const char *what, uint64_t packet)
{
	if (s->wrong++ < 20)
		fprintf(stderr, "bench_soak: packet %" PRIu64 ": %s\n", packet, what);
}

/* Swap addresses and ports back: the checksums stay right, and our own parser must accept it. */
static bool
frame_is_good(struct soak *s, uint8_t *frame, const struct frame_info *i, uint32_t dns_len)
{
	uint32_t n = i->ip6 ? 16 : 4, at = i->l3_at + (i->ip6 ? 8u : 12u),
		 len = frame_header_octets(i) + dns_len;
	uint8_t *udp = frame + i->l3_at + (i->ip6 ? 40 : 20), swap[16];
	struct frame_info again;

	memcpy(swap, frame + at, n);
	memcpy(frame + at, frame + at + n, n);
	memcpy(frame + at + n, swap, n);
	memcpy(swap, udp, 2);
	memcpy(udp, udp + 2, 2);
	memcpy(udp + 2, swap, 2);
	return frame_parse(&s->filter, frame, len, 0, &again) == FRAME_QUERY &&
	       again.dns_len == dns_len;
}

static void
check_response(struct soak *s, struct answer_query *q, uint16_t id, uint8_t *frame,
	struct frame_info *i, uint64_t packet)
{
	if (q->out_len == 0) {
		s->silent++;
		return;
	}
	s->answered++;
	if (q->out_len < 12 || q->out_len > UDP_PAYLOAD_MAX)
		complain(s, "a response of an impossible length", packet);
	else if (memcmp(q->dns, &id, 2) != 0 || (q->dns[2] & 0x80) == 0)
		complain(s, "a response without its query's ID or without QR", packet);
	for (uint32_t k = 0; k < q->out_len; k++)
		s->digest = (s->digest ^ q->dns[k]) * 0x100000001b3u;
	uint32_t at = frame_respond(frame, i, q->out_len, 0);
	if (packet % CHECK_FRAME_EVERY == 0 && !frame_is_good(s, frame + at, i, q->out_len))
		complain(s, "a response in a malformed frame", packet);
}

/* One burst of fresh packets. */
static void
run_burst(struct soak *s, uint64_t *state, uint64_t first, unsigned n)
{
	static const uint8_t canary[CANARY] = {0xca, 0x9a, 0x21};
	struct answer_query q[ANSWER_BURST];
	struct frame_info info[ANSWER_BURST];
	uint8_t *frame[ANSWER_BURST];
	uint16_t id[ANSWER_BURST];
	unsigned n_queries = 0;

	for (unsigned k = 0; k < n; k++) {
		uint8_t *f = s->buffer[k].room;
		enum soak_kind kind;
		uint32_t len = soak_make_frame(state, f, &kind);
		memcpy(s->buffer[k].canary, canary, CANARY);
		enum frame_verdict v = frame_parse(&s->filter, f, len, 0, &info[n_queries]);
		s->kind[kind]++;
		s->verdict[v]++;
		if (v != FRAME_QUERY)
			continue;
		struct frame_info *i = &info[n_queries];
		if (i->dns_at + (uint32_t)i->dns_len > len) {
			complain(s, "a query that reaches beyond its frame", first + k);
			continue;
		}
		q[n_queries] = (struct answer_query){
			.dns = f + i->dns_at,
			.len = i->dns_len,
			.room = ROOM - i->dns_at,
			.transport = i->ip6 ? ANSWER_UDP6 : ANSWER_UDP4,
		};
		frame_client(f, i, q[n_queries].client);
		memcpy(&id[n_queries], q[n_queries].dns, 2);
		frame[n_queries++] = f;
	}
	answer_burst(s->context, q, n_queries, NOW_S);
	for (unsigned k = 0; k < n_queries; k++)
		check_response(s, &q[k], id[k], frame[k], &info[k], first + k);
	for (unsigned k = 0; k < n; k++)
		if (memcmp(s->buffer[k].canary, canary, CANARY) != 0)
			complain(s, "something was written behind the buffer", first + k);
}

static uint64_t
sum(const struct soak *s, enum counter from, enum counter to)
{
	uint64_t n = 0;

	for (unsigned i = from; i <= to; i++)
		n += counter_get(&s->counters, (enum counter)i);
	return n;
}

/* Every packet ended once: dropped under a reason, or answered; and the engine's counters say the
 * same. */
static void
check_counts(struct soak *s)
{
	uint64_t all = 0, queries = s->verdict[FRAME_QUERY];

	for (unsigned v = 0; v < FRAME_VERDICTS; v++)
		all += s->verdict[v];
	if (all != s->packets || s->answered + s->silent != queries)
		complain(s, "packets were lost from the counts", s->packets);
	/* what is short, or a response, is no query to the engine */
	if (sum(s, CTR_Q_UDP4, CTR_Q_TCP6) != queries - s->silent)
		complain(s, "the engine counted another number of queries", s->packets);
	if (sum(s, CTR_R_NOERROR, CTR_R_OTHER) != s->answered)
		complain(s, "the engine counted another number of responses", s->packets);
	if (counter_get(&s->counters, CTR_D_SHORT) + counter_get(&s->counters, CTR_D_RESPONSE) !=
		s->silent)
		complain(s, "the engine's drops are not what it left unanswered", s->packets);
	if (counter_get(&s->counters, CTR_IMAGE_DAMAGED) != 0)
		complain(s, "an image seemed damaged", s->packets);
	if (s->packets >= 100000) /* a soak that reaches nothing proves nothing */
		for (unsigned r = CTR_R_NOERROR; r <= CTR_R_BADVERS; r++)
			if (r != CTR_R_SERVFAIL && counter_get(&s->counters, (enum counter)r) == 0)
				complain(s, "an RCODE that should occur did not", s->packets);
}

static uint64_t
resident_octets(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int
publish_zone(struct soak *s, const struct soak_zone *z)
{
	struct zone_load_options options = {
		.seed = arena_header(&s->arena)->seed, .default_ttl = 300};
	struct zone_report report = {0};
	struct zone_model model = {0};
	uint8_t apex[256] = {0};
	uint64_t image;
	unsigned n = 0;

	for (const char *t = z->apex; *t != 0;) {
		size_t len = strcspn(t, ".");
		apex[n++] = (uint8_t)len;
		memcpy(apex + n, t, len);
		n += (unsigned)len;
		t += len + (t[len] == '.');
	}
	int ret =
		zone_load_text(&model, z->text, strlen(z->text), z->apex, apex, &options, &report);
	if (ret == 0)
		ret = zone_compile(&s->arena, &model, &image);
	if (ret == 0)
		ret = zone_publish(s->publisher, image);
	for (size_t i = 0; i < report.n && ret != 0; i++)
		fprintf(stderr, "bench_soak: %s\n", report.finding[i].text);
	zone_report_destroy(&report);
	zone_model_destroy(&model);
	return ret;
}

static int
set_up(struct soak *s, const char *path)
{
	struct settings settings = {
		.magic = SETTINGS_MAGIC,
		.udp_payload_max = UDP_PAYLOAD_MAX,
		.tcp_keepalive_ds = 100,
		.cookies = 1,
		.cookie_secret = {1, 2, 3},
		.nsid = {4, "soak"},
		.version = {8, "Millrace"},
	};
	uint32_t n_damaged;
	bool fresh;
	int ret = arena_open_writer(&s->arena, path, ARENA_SIZE_MIN, &fresh);

	unlink(path);
	if (ret != 0) {
		fprintf(stderr, "bench_soak: %s\n", arena_error());
		return ret;
	}
	ret = zone_publisher_create(&s->publisher, &s->arena, NULL, &n_damaged);
	for (unsigned i = 0; ret == 0 && soak_zone[i].apex != NULL; i++)
		ret = publish_zone(s, &soak_zone[i]);
	if (ret == 0)
		ret = settings_publish(s->publisher, &settings);
	if (ret != 0)
		return ret;
	s->context = answer_create(&s->arena, &s->counters);
	return s->context != NULL ? 0 : -ENOMEM;
}

static void
run(struct soak *s)
{
	uint64_t state = s->seed, resident = 0, end;
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t at = 0; at < s->packets; at += ANSWER_BURST) {
		run_burst(s, &state, at,
			s->packets - at < ANSWER_BURST ? (unsigned)(s->packets - at)
						       : ANSWER_BURST);
		if (at / ANSWER_BURST == WARM_UP / ANSWER_BURST)
			resident = resident_octets();
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = resident_octets();
	if (resident != 0 && end > resident + GROWTH_MAX)
		complain(s, "memory grew", s->packets);
	check_counts(s);
	printf("%" PRIu64 " packets in %.1f s: %" PRIu64 " answered, %" PRIu64
	       " queries left unanswered, %" PRIu64
	       " frames refused; resident %.1f MiB, %+.2f MiB since packet %u\n",
		s->packets,
		(double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9,
		s->answered, s->silent, s->packets - s->verdict[FRAME_QUERY],
		(double)end / (1 << 20),
		resident != 0 ? ((double)end - (double)resident) / (1 << 20) : 0.0, WARM_UP);
	for (unsigned r = CTR_R_NOERROR; r <= CTR_R_OTHER; r++)
		printf("%s %" PRIu64 "%s", counter_info[r].value,
			counter_get(&s->counters, (enum counter)r), r == CTR_R_OTHER ? "\n" : ", ");
	printf("digest of all responses: %016" PRIx64 "\n", s->digest);
}

static void
parse_options(struct soak *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"packets", required_argument, NULL, 'p'},
		{"seed", required_argument, NULL, 's'},
		{0},
	};
	int c;

	s->packets = 50000000;
	s->seed = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			s->packets = strtoull(optarg, NULL, 10);
		else if (c == 's')
			s->seed = strtoull(optarg, NULL, 10);
		else
			s->packets = 0;
	}
	if (s->packets != 0 && s->seed != 0)
		return;
	fputs("usage: bench_soak [--packets N] [--seed N]    (50,000,000 packets, seed 1)\n",
		stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct soak *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
	char path[64];
	int status = 1;

	if (s == NULL)
		return status;
	memset(s, 0, sizeof *s);
	parse_options(s, argc, argv);
	snprintf(path, sizeof path, "/dev/shm/millrace-soak.%ld", (long)getpid());
	int ret = set_up(s, path);
	if (ret == 0) {
		run(s);
		status = s->wrong == 0 ? 0 : 1;
		if (s->wrong != 0)
			fprintf(stderr, "bench_soak: %" PRIu64 " findings\n", s->wrong);
	} else {
		fprintf(stderr, "bench_soak: set-up failed: %s\n", strerror(-ret));
	}
	if (s->context != NULL)
		answer_destroy(s->context);
	if (s->publisher != NULL)
		zone_publisher_destroy(s->publisher);
	if (s->arena.base != NULL)
		arena_close(&s->arena);
	free(s);
	return status;
}
