/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zone files: includes, and files that cannot be read. */
#include "tests/unit/zone_text_fixture.h"

static char folder[] = "/tmp/test_zone_load.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static int
load_path(struct zone_model *z, const char *name, struct zone_report *report, unsigned depth)
{
	struct zone_load_options o = options;
	char path[256];

	o.include_depth_max = depth;
	*z = (struct zone_model){0};
	*report = (struct zone_report){0};
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return zone_load_file(z, path, apex, &o, report);
}

static void
includes_keep_origin_and_owner_and_pass_on_ttl(void **state)
{
	struct zone_model z;
	struct zone_report report;
	char text[1024];

	write_file("main", HEAD "before TXT x\n"
				"$INCLUDE \"sub/one\" one\n"
				" TXT y\n"
				"$INCLUDE sub/one ; same origin\n"
				"after TXT z\n");
	write_file("sub/one",
		"host TXT 1\n$ORIGIN deep.example.\n$INCLUDE two\n$GENERATE 1-2 g$ TXT $\n");
	write_file("sub/two", "host TXT 2\n$TTL 77\n");
	assert_int_equal(load_path(&z, "main", &report, 0), 0);
	assert_string_equal(records_text(&z, "before.example.", text, sizeof text),
		"77 TXT \"x\" | 77 TXT \"y\"");
	assert_string_equal(
		records_text(&z, "host.one.example.", text, sizeof text), "300 TXT \"1\"");
	assert_string_equal(records_text(&z, "host.example.", text, sizeof text), "77 TXT \"1\"");
	assert_string_equal(
		records_text(&z, "host.deep.example.", text, sizeof text), "77 TXT \"2\"");
	assert_string_equal(
		records_text(&z, "g2.deep.example.", text, sizeof text), "77 TXT \"2\"");
	assert_string_equal(records_text(&z, "after.example.", text, sizeof text), "77 TXT \"z\"");
	const struct zone_name *n = find(&z, "host.one.example.");
	assert_non_null(n);
	assert_int_equal(z.record[n->first].line, 1);
	assert_non_null(strstr(z.file[z.record[n->first].file], "/sub/one"));
	zone_model_destroy(&z);
	zone_report_destroy(&report);
}

static void
errors_in_includes_name_the_chain(void **state)
{
	struct zone_model z;
	struct zone_report report;
	char wanted[600];

	write_file("main", HEAD "$INCLUDE sub/one\n");
	write_file("sub/one", "a A 192.0.2.1\n\n$INCLUDE two\n");
	write_file("sub/two", "\n\n\nb A 192.0.2.999\nns1 A 192.0.2.1\n");
	assert_int_equal(load_path(&z, "main", &report, 0), -EINVAL);
	assert_int_equal(report.n_errors, 1);
	snprintf(wanted, sizeof wanted,
		"%s/sub/two:4: invalid IPv4 address; included from %s/sub/one:3, %s/main:5", folder,
		folder, folder);
	assert_string_equal(report.finding[0].text, wanted);
	zone_report_destroy(&report);

	/* a file that includes itself ends at the depth limit */
	write_file("main", HEAD "$INCLUDE main\n");
	assert_int_equal(load_path(&z, "main", &report, 3), -EINVAL);
	assert_true(report.n_errors >= 1);
	snprintf(wanted, sizeof wanted,
		"%s/main:5: $INCLUDE is nested too deep; does a file include itself?; included "
		"from "
		"%s/main:5, %s/main:5",
		folder, folder, folder);
	assert_string_equal(report.finding[0].text, wanted);
	zone_report_destroy(&report);

	assert_int_equal(load(&z, HEAD "$INCLUDE /etc/passwd\n", &report), -EINVAL);
	assert_string_equal(report.finding[0].text,
		"zone:5: $INCLUDE is not possible here; paste the file instead");
	zone_report_destroy(&report);
}

static void
unreadable_files_are_named(void **state)
{
	struct zone_model z;
	struct zone_report report;

	assert_int_equal(load_path(&z, "nothere", &report, 0), -ENOENT);
	assert_non_null(strstr(report.finding[0].text, "/nothere: cannot be read: No such file"));
	zone_report_destroy(&report);
	assert_int_equal(load_path(&z, "sub", &report, 0), -EISDIR);
	assert_non_null(strstr(report.finding[0].text, "it is a directory"));
	zone_report_destroy(&report);

	static const char nul[] = HEAD "a TXT x\0y\n";
	report = (struct zone_report){0};
	assert_int_equal(
		zone_load_text(&z, nul, sizeof nul - 1, "zone", apex, &options, &report), -EILSEQ);
	assert_non_null(strstr(report.finding[0].text, "NUL octets"));
	zone_report_destroy(&report);
}

static int
make_folder(void **state)
{
	char path[128];

	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/sub", folder);
	return mkdir(path, 0700);
}

static int
remove_folder(void **state)
{
	static const char *const names[] = {"main", "sub/one", "sub/two", "sub"};
	char path[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(includes_keep_origin_and_owner_and_pass_on_ttl),
		cmocka_unit_test(errors_in_includes_name_the_chain),
		cmocka_unit_test(unreadable_files_are_named),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
