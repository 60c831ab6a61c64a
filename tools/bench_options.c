/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_options: the command line of millrace-bench, declared once: the table below makes the help
 * text, the long options and the parsing. */
#include "tools/bench.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { FLAG, TEXT, NUMBER, REAL, COUNT, SECONDS, TEXTS };

struct option_row {
	const char *name, *argument, *help;
	enum kind kind;
	size_t at; /* in struct bench_options */
	double min, max;
	size_t n_at;    /* TEXTS: the count; */
	unsigned n_max; /* and the room */
};

#define AT(field) offsetof(struct bench_options, field)

/* clang-format off */
#define ROW_FLAG(n, h, f) {.name = n, .help = h, .kind = FLAG, .at = AT(f)}
#define ROW_TEXT(n, a, h, f) {.name = n, .argument = a, .help = h, .kind = TEXT, .at = AT(f)}
#define ROW_NUMBER(k, n, a, h, f, lo, hi) {.name = n, .argument = a, .help = h, .kind = k, .at = AT(f), .min = lo, .max = hi}
#define ROW_TEXTS(n, a, h, f, c, m) {.name = n, .argument = a, .help = h, .kind = TEXTS, .at = AT(f), .n_at = AT(c), .n_max = m}

static const struct option_row row[] = {
	ROW_TEXT("server", "ADDR:PORT", "server to ask over kernel sockets (127.0.0.1:53)", server),
	ROW_FLAG("tcp", "TCP instead of UDP, pipelined on persistent connections", tcp),
	ROW_TEXT("port", "DEVARGS", "DPDK port to ask over, e.g. net_memif0,role=client,socket=/run/x", port),
	ROW_TEXT("src", "ADDR", "port: source address, IPv4 or IPv6 (10.53.0.2)", src),
	ROW_TEXT("dst", "ADDR", "port: destination address (10.53.0.1)", dst),
	ROW_TEXT("src-mac", "MAC", "port: source MAC address (the port's)", src_mac),
	ROW_TEXT("dst-mac", "MAC", "port: destination MAC address (needed unless memif)", dst_mac),
	ROW_NUMBER(NUMBER, "src-port", "N", "port: lowest source port (10000)", src_port, 1, 61000),
	ROW_NUMBER(NUMBER, "dst-port", "N", "port: destination port (53)", dst_port, 1, 65535),
	ROW_NUMBER(NUMBER, "flows", "N", "source ports, sockets or connections; a power of two (port 64, sockets 8)",
		flows, 1, BENCH_FLOWS_MAX),
	ROW_TEXTS("eal", "ARG", "port: one more EAL argument; may be repeated", eal, n_eal, BENCH_EAL_MAX),
	ROW_FLAG("no-huge", "port: no huge pages, even if some are free", no_huge),
	ROW_NUMBER(NUMBER, "ring-size", "N", "port: descriptors a queue (1024)", ring_size, 32, 32768),
	ROW_NUMBER(NUMBER, "wait", "SECONDS", "port: wait so long for the link (5)", wait_s, 0, 3600),
	ROW_NUMBER(NUMBER, "core", "N", "CPU to run on (any; ports: the one it starts on)", core, 0, 1023),
	ROW_FLAG("reflect", "the peer only sends packets back (testpmd --forward-mode=5tswap)", reflect),
	ROW_FLAG("checksums", "port: verify the checksums of answers", checksums),
	ROW_NUMBER(REAL, "rate", "QPS", "open loop: send at this rate, whatever comes back", rate_qps, 0.001, 1e9),
	ROW_NUMBER(NUMBER, "window", "N", "closed loop: keep so many queries outstanding (port 512, sockets 128)", window, 1, 1 << 22),
	ROW_NUMBER(COUNT, "count", "N", "send no more than this", count, 1, 1e15),
	ROW_NUMBER(SECONDS, "duration", "SECONDS", "send no longer than this (10)", duration_ns, 0.001, 86400),
	ROW_NUMBER(SECONDS, "timeout", "SECONDS", "a query without answer for so long is lost (1)", timeout_ns, 0.001, 60),
	ROW_TEXT("pcap", "FILE", "take the DNS queries of a capture file", pcap),
	ROW_TEXTS("query", "\"NAME TYPE\"", "one query; may be repeated", query, n_query, BENCH_QUERY_OPTIONS_MAX),
	ROW_FLAG("edns", "add an OPT record (RFC 6891)", edns),
	ROW_NUMBER(NUMBER, "edns-size", "N", "UDP payload size in it (1232)", edns_octets, 512, 65535),
	ROW_FLAG("do", "ask for DNSSEC records; implies --edns", dnssec_ok),
	ROW_FLAG("mixed-case", "letters of names in random case (0x20)", mixed_case),
	ROW_FLAG("rd", "set the recursion desired bit", recursion),
	ROW_FLAG("json", "results as one line of JSON", json),
};
/* clang-format on */

#define N_ROWS (sizeof row / sizeof row[0])

static void
print_help(void)
{
	printf("Usage: millrace-bench [OPTION]... [QUERIES]\n"
	       "Ask a DNS server many questions; report rate, losses and latency.\n\n"
	       "QUERIES is a file of lines \"NAME TYPE\" (dnsperf's format; - is standard input). "
	       "Over UDP or TCP\n"
	       "sockets by default, or over a DPDK port. As fast as it is answered (closed loop) "
	       "unless --rate\n"
	       "is given. Latency counts from when a query was due. Give options as --option "
	       "VALUE.\n\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[40];
		snprintf(left, sizeof left, "--%s %s", row[i].name,
			row[i].argument != NULL ? row[i].argument : "");
		printf("  %-22s %s\n", left, row[i].help);
	}
	printf("  %-22s %s\n  %-22s %s\n\n"
	       "Exit status: 0 when answers came and none was wrong, 1 when not, 2 on a mistake in "
	       "the command.\n",
		"--help", "show this help", "--version", "show the version");
}

static void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("millrace-bench: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\nTry millrace-bench --help\n", stderr);
	va_end(args);
	exit(2);
}

static void
set_option(struct bench_options *o, const struct option_row *r, const char *text)
{
	uint8_t *p = (uint8_t *)o + r->at;
	char *end;
	double v = 0;

	if (r->kind != FLAG && r->kind != TEXT && r->kind != TEXTS) {
		v = strtod(text, &end);
		if (*text == 0 || *end != 0 || !(v >= r->min && v <= r->max) ||
			(r->kind == NUMBER && v != floor(v)))
			refuse("--%s %s: a number from %.10g to %.10g is needed", r->name, text,
				r->min, r->max);
	}
	switch (r->kind) {
	case FLAG:
		*(bool *)p = true;
		break;
	case TEXT:
		*(const char **)p = text;
		break;
	case NUMBER:
		*(uint32_t *)p = (uint32_t)v;
		break;
	case REAL:
		*(double *)p = v;
		break;
	case COUNT:
		*(uint64_t *)p = (uint64_t)v;
		break;
	case SECONDS:
		*(uint64_t *)p = (uint64_t)(v * 1e9);
		break;
	case TEXTS: {
		unsigned *n = (unsigned *)((uint8_t *)o + r->n_at);
		if (*n == r->n_max)
			refuse("--%s: no more than %u of them", r->name, r->n_max);
		((const char **)p)[(*n)++] = text;
		break;
	}
	}
}

static void
set_defaults(struct bench_options *o)
{
	*o = (struct bench_options){
		.server = "127.0.0.1:53",
		.src = "10.53.0.2",
		.dst = "10.53.0.1",
		.src_port = 10000,
		.dst_port = 53,
		.ring_size = 1024,
		.wait_s = 5,
		.core = -1,
		.duration_ns = 10000000000u,
		.timeout_ns = 1000000000u,
		.edns_octets = 1232,
	};
}

static void
check_together(struct bench_options *o)
{
	if (o->port != NULL && o->tcp)
		refuse("--tcp and --port exclude each other");
	if (o->flows == 0)
		o->flows = o->port != NULL ? 64 : 8;
	if (o->window == 0)
		o->window = o->port != NULL ? 512 : 128;
	if ((o->flows & (o->flows - 1)) != 0)
		refuse("--flows %u: not a power of two", o->flows);
	if (o->src_port + o->flows > 65536)
		refuse("--src-port %u with --flows %u: beyond port 65535", o->src_port, o->flows);
	if (o->window > o->flows * 32768u)
		refuse("--window %u: at most 32768 for each of the %u flows", o->window, o->flows);
}

void
bench_options_parse(struct bench_options *o, int argc, char **argv)
{
	struct option options[N_ROWS + 3];
	int c;

	for (size_t i = 0; i < N_ROWS; i++)
		options[i] = (struct option){row[i].name,
			row[i].kind == FLAG ? no_argument : required_argument, NULL,
			(int)(1000 + i)};
	options[N_ROWS] = (struct option){"help", no_argument, NULL, 'h'};
	options[N_ROWS + 1] = (struct option){"version", no_argument, NULL, 'V'};
	options[N_ROWS + 2] = (struct option){0};
	set_defaults(o);
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			exit(0);
		}
		if (c == 'V') {
			printf("millrace-bench %s\n", MILLRACE_VERSION);
			exit(0);
		}
		if (c < 1000)
			refuse("this option is not known, or lacks its value");
		set_option(o, &row[c - 1000], optarg);
	}
	if (argc - optind > 1)
		refuse("%s: only one file of queries can be given", argv[optind + 1]);
	if (optind < argc)
		o->file = argv[optind];
	check_together(o);
}
