/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exposition: see the header. Numbers are written without a locale's help. */
#include "controlplane/metrics/exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOTAL "_total"
#define OPENMETRICS_TYPE "application/openmetrics-text"
#define ACCEPT_OCTETS_MAX 4096u /* of the header that is looked at */
#define NS_A_SECOND UINT64_C(1000000000)

const char *
exposition_content_type(enum exposition_format f)
{
	return f == EXPOSITION_OPENMETRICS ? OPENMETRICS_TYPE "; version=1.0.0; charset=utf-8"
					   : "text/plain; version=0.0.4; charset=utf-8";
}

/* "q=0", "q=0.000": not acceptable. `range` is one media range with its parameters. */
static bool
refused(const char *range, size_t len)
{
	for (size_t i = 0; i + 3 < len; i++) {
		if (range[i] != ';')
			continue;
		i++;
		while (i < len && (range[i] == ' ' || range[i] == '\t'))
			i++;
		if (i + 2 < len && (range[i] | 0x20) == 'q' && range[i + 1] == '=')
			return range[i + 2] == '0' && strspn(range + i + 2, "0.") >= len - i - 2;
		i--;
	}
	return false;
}

enum exposition_format
exposition_negotiate(const char *accept)
{
	const char *end;

	if (accept == NULL)
		return EXPOSITION_TEXT;
	end = accept + strnlen(accept, ACCEPT_OCTETS_MAX);
	while (accept < end) {
		size_t len = strcspn(accept, ","), type_len = sizeof OPENMETRICS_TYPE - 1;
		while (len > 0 && (*accept == ' ' || *accept == '\t')) {
			accept++;
			len--;
		}
		if (len >= type_len && strncasecmp(accept, OPENMETRICS_TYPE, type_len) == 0 &&
			(len == type_len || strchr("; \t", accept[type_len]) != NULL) &&
			!refused(accept, len))
			return EXPOSITION_OPENMETRICS;
		accept += len;
		if (*accept == ',')
			accept++;
	}
	return EXPOSITION_TEXT;
}

static bool
is_total(const char *name)
{
	size_t len = strlen(name);

	return len > sizeof TOTAL && strcmp(name + len - (sizeof TOTAL - 1), TOTAL) == 0;
}

/* Our own words. json_raw() would be ten times slower, and there are thousands of series. */
static void
put(struct exposition *x, const char *text)
{
	json_text(x->out, text, strlen(text));
}

static void
put_uint(struct exposition *x, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	json_text(x->out, digits + at, sizeof digits - at);
}

/* Text with backslash and newline escaped, and quotes where they would end it. */
static void
put_escaped(struct exposition *x, const char *text, bool quotes)
{
	const char *special = quotes ? "\\\n\"" : "\\\n";

	for (;;) {
		size_t plain = strcspn(text, special);
		json_text(x->out, text, plain);
		text += plain;
		if (*text == '\0')
			return;
		json_text(x->out, (const char[]){'\\', *text == '\n' ? 'n' : *text}, 2);
		text++;
	}
}

void
exposition_family(struct exposition *x, const char *prefix, const char *name,
	enum exposition_type type, const char *help)
{
	static const char *const word[] = {"counter", "gauge", "histogram"};
	const char *kind = word[type];
	int declared;

	declared = snprintf(x->family, sizeof x->family, "%s%s", prefix, name);
	assert(declared > 0 && (size_t)declared < sizeof x->family);
	if (x->format == EXPOSITION_OPENMETRICS && type == EXPOSITION_COUNTER) {
		/* there a counter is declared without its suffix, and is none when it has not got
		 * it */
		if (is_total(x->family))
			declared -= (int)sizeof TOTAL - 1;
		else
			kind = "unknown";
	}
	json_raw(x->out, "# HELP %.*s ", declared, x->family);
	/* OpenMetrics escapes quotes here as well */
	put_escaped(x, help, x->format == EXPOSITION_OPENMETRICS);
	json_raw(x->out, "\n# TYPE %.*s %s\n", declared, x->family, kind);
}

/* Name and labels of one sample, up to the space before its value. */
static void
put_series(struct exposition *x, const char *suffix, const struct exposition_label *label,
	unsigned n, const char *bound)
{
	assert(n <= EXPOSITION_LABELS_MAX);
	put(x, x->family);
	put(x, suffix);
	for (unsigned i = 0; i < n; i++) {
		put(x, i == 0 ? "{" : ",");
		put(x, label[i].name);
		put(x, "=\"");
		put_escaped(x, label[i].value, true);
		put(x, "\"");
	}
	if (bound != NULL) {
		put(x, n == 0 ? "{le=\"" : ",le=\"");
		put(x, bound);
		put(x, "\"");
	}
	put(x, n == 0 && bound == NULL ? " " : "} ");
}

static void
put_uint_line(struct exposition *x, uint64_t value)
{
	put_uint(x, value);
	put(x, "\n");
}

void
exposition_uint(
	struct exposition *x, const struct exposition_label *label, unsigned n, uint64_t value)
{
	put_series(x, "", label, n, NULL);
	put_uint_line(x, value);
}

void
exposition_double(
	struct exposition *x, const struct exposition_label *label, unsigned n, double value)
{
	put_series(x, "", label, n, NULL);
	json_raw(x->out, "%.9g\n", isfinite(value) ? value : 0);
}

/* Seconds with nine digits, without zeros at the end but with one digit at least: "0.000001",
 * "1.0". */
static void
format_ns(char out[40], uint64_t ns)
{
	size_t len = (size_t)snprintf(
		out, 40, "%" PRIu64 ".%09" PRIu64, ns / NS_A_SECOND, ns % NS_A_SECOND);

	while (out[len - 1] == '0' && out[len - 2] != '.')
		out[--len] = '\0';
}

void
exposition_ns(struct exposition *x, const struct exposition_label *label, unsigned n, uint64_t ns)
{
	char text[40];

	format_ns(text, ns);
	put_series(x, "", label, n, NULL);
	put(x, text);
	put(x, "\n");
}

void
exposition_histogram(struct exposition *x, const struct exposition_label *label, unsigned n,
	const struct histogram *h, struct exposition_bounds bounds)
{
	uint64_t count = 0;
	char text[40];

	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		uint64_t bound = histogram_bound_ns[i];
		unsigned step = i % HISTOGRAM_A_DECADE;
		count += __atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED);
		/* of R10 the 1, the 2 and the 5 */
		if (bound < bounds.first_ns || bound > bounds.last_ns ||
			(step != 0 && step != 3 && step != 7))
			continue;
		format_ns(text, bound);
		put_series(x, "_bucket", label, n, text);
		put_uint_line(x, count);
	}
	count += __atomic_load_n(&h->bucket[HISTOGRAM_BOUNDS], __ATOMIC_RELAXED);
	put_series(x, "_bucket", label, n, "+Inf");
	put_uint_line(x, count);
	format_ns(text, __atomic_load_n(&h->sum_ns, __ATOMIC_RELAXED));
	put_series(x, "_sum", label, n, NULL);
	put(x, text);
	put(x, "\n");
	put_series(x, "_count", label, n, NULL);
	put_uint_line(x, count);
}

void
exposition_end(struct exposition *x)
{
	if (x->format == EXPOSITION_OPENMETRICS)
		json_raw(x->out, "# EOF\n");
}
