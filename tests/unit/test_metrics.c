/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histograms, the sampler, and the text that Prometheus reads: each claim by name. The page as a
 * whole is judged by promtool and Prometheus in tests/wire/test_metrics.py. */
#include "controlplane/metrics/exposition.h"
#include "controlplane/metrics/metric_list.h"
#include "controlplane/metrics/metrics.h"
#include "dataplane/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- histograms --- */

static void
bounds_ascend_and_have_1_2_5_of_each_decade(void **state)
{
	uint64_t decade = HISTOGRAM_LOWEST_NS;

	for (unsigned i = 1; i < HISTOGRAM_BOUNDS; i++)
		assert_true(histogram_bound_ns[i - 1] < histogram_bound_ns[i]);
	for (unsigned i = 0; i + 10 < HISTOGRAM_BOUNDS; i += 10, decade *= 10) {
		assert_true(histogram_bound_ns[i] == decade);
		assert_true(histogram_bound_ns[i + 3] == 2 * decade);
		assert_true(histogram_bound_ns[i + 7] == 5 * decade);
	}
	assert_true(histogram_bound_ns[HISTOGRAM_BOUNDS - 1] == decade);
}

static void
a_time_lies_in_the_bucket_whose_bound_it_does_not_exceed(void **state)
{
	assert_int_equal(histogram_bucket(0), 0);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BOUNDS);
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		assert_int_equal(histogram_bucket(histogram_bound_ns[i]), i);
		assert_int_equal(histogram_bucket(histogram_bound_ns[i] + 1), i + 1);
	}
}

static void
quantiles_lie_between_the_bounds_of_their_bucket(void **state)
{
	struct histogram h = {0}, both = {0};

	assert_true(histogram_quantile_ns(&h, 0.5) == 0);
	histogram_add(&h, 900, 90);
	histogram_add(&h, 90000, 9);
	histogram_add(&h, UINT64_C(90000000000000), 1); /* above all */
	assert_true(histogram_count(&h) == 100);
	assert_true(histogram_quantile_ns(&h, 0.5) > 800 && histogram_quantile_ns(&h, 0.5) <= 1000);
	assert_true(histogram_quantile_ns(&h, 0.9) == 1000);
	assert_true(histogram_quantile_ns(&h, 0.95) > 80000 &&
		    histogram_quantile_ns(&h, 0.95) <= 100000);
	assert_true(histogram_quantile_ns(&h, 1) == UINT64_C(1000000000000));
	histogram_merge(&both, &h);
	histogram_merge(&both, &h);
	assert_true(histogram_count(&both) == 200 && both.sum_ns == 2 * h.sum_ns);
}

/* --- the sampler --- */

static void
one_burst_in_sixty_four_is_sampled(void **state)
{
	struct histogram h = {0};
	struct sampler s;
	unsigned taken = 0, since = 0, shortest = UINT32_MAX, longest = 0;

	sampler_start(&s, 2000000000, 3);
	for (unsigned i = 0; i < 640000; i++) {
		since++;
		if (!sampler_due(&s)) {
			sampler_skip(&s);
			continue;
		}
		if (taken++ > 0) {
			shortest = since < shortest ? since : shortest;
			longest = since > longest ? since : longest;
		}
		since = 0;
		sampler_take(&s, &h, 3000, 2); /* 1.5 us */
	}
	assert_in_range(taken, 9500, 10500);
	/* no fixed rhythm */
	assert_in_range(shortest, 33, 36);
	assert_in_range(longest, 92, 96);
	assert_true(histogram_count(&h) == 2 * (uint64_t)taken);
	assert_int_equal(histogram_bucket(1500), histogram_bucket(1600));
	assert_true(h.bucket[histogram_bucket(1600)] == 2 * (uint64_t)taken);
	/* sums are exact but for the rounding of the rate */
	assert_in_range(h.sum_ns / histogram_count(&h), 1499, 1500);
}

/* --- the text --- */

static char *
finish(struct json_writer *w)
{
	char *text;

	assert_false(w->failed);
	text = malloc(w->len + 1); /* the writer's text has no end of its own */
	assert_non_null(text);
	memcpy(text, w->text, w->len);
	text[w->len] = '\0';
	json_free(w);
	return text;
}

static void
text_is_escaped(void **state)
{
	const struct exposition_label label[] = {{"a", "q\"b\\n\nend"}, {"b", "\xff\xc3\xa4\xc3"}};
	struct json_writer w = {0};
	struct exposition x = {.out = &w};
	char *text;

	exposition_family(&x, "m_", "x_total", EXPOSITION_COUNTER, "a \"b\" c\\d\ne");
	exposition_uint(&x, label, 2, UINT64_MAX);
	text = finish(&w);
	assert_string_equal(text,
		"# HELP m_x_total a \"b\" c\\\\d\\ne\n# TYPE m_x_total counter\n"
		"m_x_total{a=\"q\\\"b\\\\n\\nend\",b=\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\"} "
		"18446744073709551615\n");
	free(text);
}

static void
openmetrics_declares_counters_without_their_suffix(void **state)
{
	struct json_writer w = {0};
	struct exposition x = {.out = &w, .format = EXPOSITION_OPENMETRICS};
	char *text;

	exposition_family(&x, "m_", "x_total", EXPOSITION_COUNTER, "\"h\"");
	exposition_uint(&x, NULL, 0, 1);
	exposition_family(&x, "m_", "y", EXPOSITION_COUNTER, "h");
	exposition_double(&x, NULL, 0, 0.25);
	exposition_end(&x);
	text = finish(&w);
	assert_string_equal(text, "# HELP m_x \\\"h\\\"\n# TYPE m_x counter\nm_x_total 1\n"
				  "# HELP m_y h\n# TYPE m_y unknown\nm_y 0.25\n# EOF\n");
	free(text);
}

static void
histograms_are_cumulative_and_in_seconds(void **state)
{
	const struct exposition_label label = {"w", "0"};
	struct histogram h = {0};
	struct json_writer w = {0};
	struct exposition x = {.out = &w};
	char *text;

	histogram_add(&h, 150, 1); /* below the first bound that is shown */
	histogram_add(&h, 2000, 2);
	histogram_add(&h, 2001, 4);
	histogram_add(&h, UINT64_C(3000000000), 8);
	exposition_family(&x, "m_", "t_seconds", EXPOSITION_HISTOGRAM, "h");
	exposition_histogram(&x, &label, 1, &h, (struct exposition_bounds){1000, 10000});
	text = finish(&w);
	assert_string_equal(text, "# HELP m_t_seconds h\n# TYPE m_t_seconds histogram\n"
				  "m_t_seconds_bucket{w=\"0\",le=\"0.000001\"} 1\n"
				  "m_t_seconds_bucket{w=\"0\",le=\"0.000002\"} 3\n"
				  "m_t_seconds_bucket{w=\"0\",le=\"0.000005\"} 7\n"
				  "m_t_seconds_bucket{w=\"0\",le=\"0.00001\"} 7\n"
				  "m_t_seconds_bucket{w=\"0\",le=\"+Inf\"} 15\n"
				  "m_t_seconds_sum{w=\"0\"} 24.000012154\n"
				  "m_t_seconds_count{w=\"0\"} 15\n");
	free(text);
}

static void
openmetrics_is_for_who_names_it(void **state)
{
	static const struct {
		const char *accept;
		bool openmetrics;
	} row[] = {
		{NULL, false},
		{"", false},
		{"*/*", false},
		{"text/plain", false},
		{"application/openmetrics-text", true},
		{"application/openmetrics-textual", false},
		{"Application/OpenMetrics-Text; version=1.0.0", true},
		/* Prometheus 2.42 */
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version="
		 "0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
			true},
		{"text/plain, application/openmetrics-text;q=0.001", true},
		{"application/openmetrics-text;q=0, text/plain", false},
		{"application/openmetrics-text; q=0.000", false},
		{"application/openmetrics-text;version=1.0.0; Q=0", false},
		{",,,", false},
		{";q=0;;", false},
		{"application/openmetrics-text;", true},
	};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
		if ((exposition_negotiate(row[i].accept) == EXPOSITION_OPENMETRICS) !=
			row[i].openmetrics)
			fail_msg("Accept: %s", row[i].accept);
}

/* --- the tables --- */

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static void
names_follow_the_conventions(void **state)
{
	for (unsigned i = 0; i < METRIC_N; i++) {
		const struct metric_info *m = &metric_info[i];

		if (ends_with(m->name, "_total") != (m->type == EXPOSITION_COUNTER))
			fail_msg("%s: counters, and they alone, end in _total", m->name);
		if (m->type == EXPOSITION_HISTOGRAM && !ends_with(m->name, "_seconds"))
			fail_msg("%s: histograms are of times", m->name);
		if (strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(m->name))
			fail_msg("%s", m->name);
		assert_true(ends_with(m->help, "."));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(m->name, metric_info[k].name);
	}
}

static void
the_reference_page_is_current(void **state)
{
	FILE *page = fopen(SOURCE_ROOT "/docs/metrics.md", "re"), *f = tmpfile();
	char *have = NULL, *made = NULL;
	size_t have_len = 0, len = 0;
	int saved = dup(STDOUT_FILENO);

	assert_non_null(page);
	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	assert_int_equal(metrics_print_reference(), 0);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	assert_true(getdelim(&made, &len, '\0', f) > 0);
	assert_true(getdelim(&have, &have_len, '\0', page) > 0);
	fclose(f);
	fclose(page);
	if (strcmp(have, made) != 0)
		fail_msg("make it anew: build/controlplane/millrace-controlplane metrics-reference "
			 ">docs/metrics.md");
	free(have);
	free(made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_ascend_and_have_1_2_5_of_each_decade),
		cmocka_unit_test(a_time_lies_in_the_bucket_whose_bound_it_does_not_exceed),
		cmocka_unit_test(quantiles_lie_between_the_bounds_of_their_bucket),
		cmocka_unit_test(one_burst_in_sixty_four_is_sampled),
		cmocka_unit_test(text_is_escaped),
		cmocka_unit_test(openmetrics_declares_counters_without_their_suffix),
		cmocka_unit_test(histograms_are_cumulative_and_in_seconds),
		cmocka_unit_test(openmetrics_is_for_who_names_it),
		cmocka_unit_test(names_follow_the_conventions),
		cmocka_unit_test(the_reference_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
