/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_queries: the queries of millrace-bench, from a file in dnsperf's format or the command
 * line, built once into messages that only need an ID. Runs before the load. */
#include "tools/bench.h"

#include <libknot/libknot.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_OCTETS 4096u
#define OCTETS_MAX (32ull << 30) /* bench_query.at counts units of 8 */

static int
reserve(struct bench_queries *q, size_t octets)
{
	if (q->n >= BENCH_QUERIES_MAX || q->len + octets > OCTETS_MAX)
		return -E2BIG;
	if (q->n == q->room_queries) {
		uint32_t n = q->room_queries != 0 ? q->room_queries * 2 : 1024;
		void *p = realloc(q->query, n * sizeof *q->query);
		if (p == NULL)
			return -ENOMEM;
		q->query = p;
		q->room_queries = n;
	}
	if (q->len + octets > q->room) {
		size_t n = q->room != 0 ? q->room * 2 : 1 << 16;
		void *p = realloc(q->octets, n);
		if (p == NULL)
			return -ENOMEM;
		q->octets = p;
		q->room = n;
	}
	return 0;
}

/* Octets of the one question of a message, or 0 when it is not there. */
static size_t
question_octets(const uint8_t *dns, size_t len)
{
	size_t at = 12;

	if (len < 12 + 5 || dns[4] != 0 || dns[5] != 1)
		return 0;
	while (at < len && dns[at] != 0) { /* bounded by len: each step is at least 2 */
		if (dns[at] > 63)
			return 0;
		at += dns[at] + 1u;
	}
	at += 5;
	return at <= len ? at - 12 : 0;
}

int
bench_queries_add(struct bench_queries *q, const uint8_t *dns, size_t len)
{
	size_t question = question_octets(dns, len);
	size_t octets = (q->head + len + 7) / 8 * 8;
	int ret;

	if (len > BENCH_QUERY_OCTETS_MAX)
		return -EMSGSIZE;
	if (question == 0)
		return -EINVAL;
	ret = reserve(q, octets);
	if (ret != 0)
		return ret;
	uint8_t *p = q->octets + q->len;
	memset(p, 0, octets);
	memcpy(p + q->head, dns, len);
	p[q->head] = p[q->head + 1] = 0;
	q->query[q->n++] = (struct bench_query){
		.at = (uint32_t)(q->len / 8),
		.len = (uint16_t)len,
		.question = (uint16_t)question,
	};
	q->len += octets;
	return 0;
}

/* RFC draft-vixie-dnsext-dns0x20: letters in random case. Length octets are no letters. */
static void
mix_case(uint8_t *name, size_t len, uint64_t *state)
{
	for (size_t i = 0; i < len; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		if (isalpha(name[i]) && (*state >> 33 & 1))
			name[i] ^= 0x20;
	}
}

/* "NAME TYPE" -> a message. */
static int
add_text(struct bench_queries *q, const struct bench_options *o, char *text, uint64_t *state)
{
	uint8_t dns[12 + 255 + 4 + 11] = {0};
	char *save = NULL;
	const char *name = strtok_r(text, " \t\r\n", &save);
	const char *type = strtok_r(NULL, " \t\r\n", &save);
	uint16_t number;
	size_t len;

	if (name == NULL)
		return 0;
	if (type == NULL || knot_rrtype_from_string(type, &number) != 0 ||
		knot_dname_from_str(dns + 12, name, KNOT_DNAME_MAXLEN) == NULL)
		return -EINVAL;
	len = knot_dname_size(dns + 12);
	if (o->mixed_case)
		mix_case(dns + 12, len, state);
	dns[2] = o->recursion ? 1 : 0;
	dns[5] = 1;
	len += 12;
	dns[len++] = (uint8_t)(number >> 8);
	dns[len++] = (uint8_t)number;
	dns[len++] = 0;
	dns[len++] = 1;
	if (o->edns || o->dnssec_ok) {
		dns[11] = 1;
		dns[len + 2] = 41;
		dns[len + 3] = (uint8_t)(o->edns_octets >> 8);
		dns[len + 4] = (uint8_t)o->edns_octets;
		dns[len + 7] = o->dnssec_ok ? 0x80 : 0;
		len += 11;
	}
	return bench_queries_add(q, dns, len);
}

static int
add_file(struct bench_queries *q, const struct bench_options *o, uint64_t *state)
{
	FILE *f = strcmp(o->file, "-") == 0 ? stdin : fopen(o->file, "r");
	char line[LINE_MAX_OCTETS];
	unsigned long number = 0;
	int ret = 0;

	if (f == NULL) {
		ret = -errno;
		fprintf(stderr, "millrace-bench: %s: %s\n", o->file, strerror(-ret));
		return ret;
	}
	while (fgets(line, sizeof line, f) != NULL) {
		number++;
		if (line[0] == ';' || line[0] == '#')
			continue;
		ret = add_text(q, o, line, state);
		if (ret != 0) {
			fprintf(stderr, "millrace-bench: %s:%lu: %s\n", o->file, number,
				ret == -EINVAL ? "not a line of the form NAME TYPE"
					       : strerror(-ret));
			break;
		}
	}
	if (f != stdin)
		fclose(f);
	return ret;
}

int
bench_queries_load(struct bench_queries *q, const struct bench_options *o, unsigned head)
{
	uint64_t state = 0x20;
	int ret = 0;

	q->head = head;
	for (unsigned i = 0; i < o->n_query && ret == 0; i++) {
		char text[LINE_MAX_OCTETS];
		snprintf(text, sizeof text, "%s", o->query[i]);
		ret = add_text(q, o, text, &state);
		if (ret != 0)
			fprintf(stderr,
				"millrace-bench: --query '%s': not of the form \"NAME TYPE\"\n",
				o->query[i]);
	}
	if (ret == 0 && o->file != NULL)
		ret = add_file(q, o, &state);
	if (ret == 0 && o->pcap != NULL)
		ret = bench_pcap_load(q, o->pcap);
	if (ret == 0 && q->n == 0) {
		fprintf(stderr, "millrace-bench: no queries: name a file, --pcap FILE or --query "
				"\"NAME TYPE\"\n");
		ret = -EINVAL;
	}
	return ret;
}

void
bench_queries_free(struct bench_queries *q)
{
	free(q->query);
	free(q->octets);
	*q = (struct bench_queries){0};
}
