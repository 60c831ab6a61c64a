/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exposition: writes Prometheus's text format 0.0.4, or OpenMetrics 1.0.0, family by family.
 * Escapes what is in labels and help texts. One thread a writer; out of memory shows in
 * out->failed. */
#pragma once
#include "controlplane/api/json_writer.h"
#include "shm/histogram.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

#define EXPOSITION_FAMILY_OCTETS 128u
#define EXPOSITION_LABELS_MAX 4u

struct exposition {
	struct json_writer *out;
	enum exposition_format format;
	char family[EXPOSITION_FAMILY_OCTETS]; /* the one that was begun last */
};

struct exposition_label {
	const char *name;
	const char *value; /* any octets; those that are no UTF-8 come out as U+FFFD */
};

/** What to give as Content-Type. */
const char *exposition_content_type(enum exposition_format f);

/**
 * The format that a client prefers.
 * @param accept  its Accept header, or NULL
 * @return EXPOSITION_OPENMETRICS when it names that type (RFC 9110 12.5.1; q=0 means no)
 */
enum exposition_format exposition_negotiate(const char *accept);

/**
 * Begin a family: its HELP and TYPE, once. Counters are named with their "_total".
 * @param prefix  put in front of the name: "millrace_"
 */
void exposition_family(struct exposition *x, const char *prefix, const char *name,
	enum exposition_type type, const char *help);

/** One sample of the family. */
void exposition_uint(
	struct exposition *x, const struct exposition_label *label, unsigned n, uint64_t value);
/** The same, of a number that is no integer. */
void exposition_double(
	struct exposition *x, const struct exposition_label *label, unsigned n, double value);
/** The same, of nanoseconds shown as seconds: exact. */
void exposition_ns(
	struct exposition *x, const struct exposition_label *label, unsigned n, uint64_t ns);

/** The bounds that a histogram is shown with: 1, 2 and 5 of each decade. */
struct exposition_bounds {
	uint64_t first_ns, last_ns;
};

/** All samples of one histogram. @param bounds  both are bounds of struct histogram */
void exposition_histogram(struct exposition *x, const struct exposition_label *label, unsigned n,
	const struct histogram *h, struct exposition_bounds bounds);

/** After the last family. */
void exposition_end(struct exposition *x);
