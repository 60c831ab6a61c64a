/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve_backends: which instances' zones the manager serves, and what each tells it. */
#include "controlplane/serve_backends.h"
#include "config/log.h"

#include <string.h>

/* A thread of an instance. */
static void
on_changed(void *arg, unsigned index, const uint8_t *apex)
{
	zone_manager_backend_changed(arg, index, apex);
}

static int
submit(void *arg, unsigned index, struct backend_job *j)
{
	return backends_submit(arg, index, j);
}

int
serve_backends(struct backends **out, struct zone_manager *zones, const struct config *config,
	const char *config_path)
{
	struct backends_options options = {
		.config = config, .config_path = config_path, .changed = on_changed, .arg = zones};
	struct zone_backends served = {.submit = submit};
	char error[BACKEND_ERROR_OCTETS];
	struct backends_state s;
	int ret = backends_start(out, &options, error);

	if (ret != 0) {
		log_error("%s", error);
		return ret;
	}
	served.arg = *out;
	for (unsigned i = 0; i < backends_count(*out); i++) {
		/* zone files are the manager's own business */
		if (backends_state(*out, i, &s) != 0 || (s.api->capabilities & BACKEND_LIST) == 0 ||
			strcmp(s.name, BACKENDS_ZONE_FILES) == 0)
			continue;
		if (i < ZONE_BACKENDS_MAX)
			served.name[i] = s.name;
		else
			log_error("backend %s: its zones are not served: there are more than %u "
				  "backends",
				s.name, ZONE_BACKENDS_MAX);
	}
	zone_manager_set_backends(zones, &served);
	return 0;
}
