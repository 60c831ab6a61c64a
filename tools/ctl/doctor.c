/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/doctor: `millracectl doctor`. Needs no server. */
#include "tools/ctl/ctl.h"
#include "tools/doctor/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_DEFAULT "/etc/millrace/millrace.yaml"

static const struct {
	const char *name, *sign, *colour;
} level_look[] = {
	[DOCTOR_OK] = {"ok", "ok", CTL_GREEN},
	[DOCTOR_INFO] = {"info", "-", ""},
	[DOCTOR_SLOW] = {"slow", "slow", CTL_YELLOW},
	[DOCTOR_BAD] = {"bad", "BAD", CTL_RED},
};

static void
print_findings(const struct ctl *c, const struct doctor *d, const char *config_path)
{
	printf("for %s%s\n\n",
		config_path != NULL ? "the configuration " : "no configuration in particular",
		config_path != NULL ? config_path : " (--config FILE names one)");
	for (size_t i = 0; i < d->n_findings; i++) {
		const struct doctor_finding *f = &d->finding[i];
		printf("%s%-4s%s %-13s %s%s%s\n", ctl_colour(c, level_look[f->level].colour),
			level_look[f->level].sign, ctl_colour(c, CTL_PLAIN), f->check, f->text,
			f->mend[0] != '\0' ? "; mend: " : "", f->mend);
	}
}

static json_t *
finding_json(const struct doctor_finding *f)
{
	/* names of files and devices are in them */
	char *text = ctl_utf8(f->text), *mend = ctl_utf8(f->mend);
	json_t *j = json_pack("{s:s,s:s,s:s,s:s}", "check", f->check, "level",
		level_look[f->level].name, "text", text, "mend", mend);

	free(text);
	free(mend);
	return j;
}

static void
print_findings_json(const struct doctor *d, const char *config_path)
{
	char *path = config_path != NULL ? ctl_utf8(config_path) : NULL;
	json_t *list = json_array(), *all;

	for (size_t i = 0; i < d->n_findings; i++) {
		json_t *j = finding_json(&d->finding[i]);
		if (j == NULL || json_array_append_new(list, j) != 0)
			abort();
	}
	all = json_pack("{s:s?,s:o}", "config", path, "findings", list);
	if (all == NULL)
		abort();
	ctl_print_json(all);
	json_decref(all);
	free(path);
}

int
ctl_doctor(const struct ctl *c)
{
	struct doctor *d = calloc(1, sizeof *d);
	struct config *config = NULL;
	const char *path = ctl_value(c, "config"), *root = ctl_value(c, "root");
	enum doctor_level worst;
	char *error = NULL;

	if (d == NULL)
		abort();
	d->root.prefix = root != NULL ? root : "";
	if (path == NULL && root == NULL && access(CONFIG_DEFAULT, R_OK) == 0)
		path = CONFIG_DEFAULT;
	if (path != NULL) {
		config = config_load(path, &error);
		if (config == NULL) {
			fprintf(stderr, "%s\n", error != NULL ? error : "out of memory");
			free(error);
			free(d);
			return CTL_FAILURE;
		}
	}
	d->config = config;
	worst = doctor_run(d);
	if (c->json)
		print_findings_json(d, path);
	else
		print_findings(c, d, path);
	config_free(config);
	free(d);
	return worst == DOCTOR_BAD ? CTL_FAILURE : CTL_OK;
}
