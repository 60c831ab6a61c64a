/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backends: from the configuration to running instances, and the way to them. */
#include "controlplane/backends/backends.h"

#include "config/log.h"
#include "controlplane/backends/backend_load.h"
#include "controlplane/backends/instance.h"
#include "controlplane/backends/zone_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_NAME "lmdb"

struct backends {
	struct config *config; /* held: names and options lie in it */
	struct zone_files *zone_files;
	char *store_path;
	char default_ttl[16]; /* of zone files */
	unsigned n;
	struct instance instance[];
};

/* "FILE:LINE: key 'backends[1].options[0]': " in front of what is wrong. */
static int
fail_key(int rc, const char *config_path, unsigned entry, int option,
	const char why[BACKEND_ERROR_OCTETS], char error[BACKEND_ERROR_OCTETS])
{
	char key[64], text[2 * BACKEND_ERROR_OCTETS];
	size_t line;

	snprintf(key, sizeof key, option < 0 ? "backends[%u]" : "backends[%u].options[%d]", entry,
		option);
	line = config_path ? config_find_line(config_path, key) : 0;
	if (line > 0)
		snprintf(
			text, sizeof text, "%.200s:%zu: key '%s': %s", config_path, line, key, why);
	else
		snprintf(text, sizeof text, "key '%s': %s", key, why);
	snprintf(error, BACKEND_ERROR_OCTETS, "%.*s", (int)BACKEND_ERROR_OCTETS - 1, text);
	return rc;
}

static int
prepare(struct instance *i, const struct config *config, const char *config_path, unsigned entry,
	char error[BACKEND_ERROR_OCTETS])
{
	const struct config_backend *c = &config->backends[entry];
	char why[BACKEND_ERROR_OCTETS] = "";
	int rc, at = -1;

	i->name = c->name;
	rc = backend_load(&i->api, config, c->type, why);
	if (rc == 0)
		rc = backend_options_make(&i->options, i->api, c, config->chroot, &at, why);
	return rc == 0 ? 0 : fail_key(rc, config_path, entry, at, why, error);
}

#define BUILT_IN_OPTIONS_MAX 2u
#define STUCK_MS 1000

/* An instance that the configuration has no entry for. What it takes to serve is there without it.
 */
static void
add_built_in(struct backends *b, const struct config *config, const char *name, const char *type,
	const struct backend_option *option, unsigned n)
{
	struct instance *i = &b->instance[b->n];
	char error[BACKEND_ERROR_OCTETS];
	struct config_backend_option given[BUILT_IN_OPTIONS_MAX];
	const struct config_backend c = {
		.name = name, .type = type, .options = given, .options_count = n};
	int rc, at;

	for (unsigned k = 0; k < n; k++)
		given[k] = (struct config_backend_option){
			.name = option[k].name, .value = option[k].value};
	i->name = name;
	rc = backend_load(&i->api, config, type, error);
	if (rc == 0)
		rc = backend_options_make(&i->options, i->api, &c, NULL, &at, error);
	if (rc == 0)
		b->n++;
	else
		log_error("backend %s: %s", name, error);
}

static int
prepare_all(struct backends *b, const struct backends_options *o, char error[BACKEND_ERROR_OCTETS])
{
	const struct backend_option of_store[] = {{"path", b->store_path}};
	const struct backend_option of_files[] = {
		{"host-zones", "true"}, {"default-ttl", b->default_ttl}};
	int rc = 0;

	if (b->store_path)
		add_built_in(b, o->config, STORE_NAME, "lmdb", of_store, 1);
	for (unsigned k = 0; rc == 0 && k < o->config->backends_count; k++)
		rc = prepare(&b->instance[b->n++], o->config, o->config_path, k, error);
	/* always: a configuration that is loaded later may be the first with zone files */
	b->instance[b->n].zone_files = b->zone_files;
	snprintf(b->default_ttl, sizeof b->default_ttl, "%u", o->config->zones.default_ttl);
	if (rc == 0)
		add_built_in(b, o->config, BACKENDS_ZONE_FILES, "zonefile", of_files, 2);
	return rc;
}

static void
free_all(struct backends *b)
{
	for (unsigned k = 0; k < b->n; k++)
		backend_options_free(&b->instance[k].options);
	zone_files_destroy(b->zone_files);
	config_free(b->config);
	free(b->store_path);
	free(b);
}

static struct backends *
new_backends(const struct backends_options *o)
{
	size_t n = o->config->backends_count + 2;
	struct backends *b = calloc(1, sizeof *b + n * sizeof b->instance[0]);

	if (!b)
		return NULL;
	b->config = config_hold(o->config);
	b->zone_files = zone_files_create(o->config);
	b->store_path = o->store_path ? strdup(o->store_path) : NULL;
	if (b->zone_files && (b->store_path || !o->store_path))
		return b;
	free_all(b);
	return NULL;
}

int
backends_preload(
	const struct config *config, const char *config_path, char error[BACKEND_ERROR_OCTETS])
{
	static const char *const built_in[] = {"zonefile", "lmdb"};
	const struct backend_api *api;
	int rc = 0;

	/* what is missing here says so when it is needed */
	for (unsigned k = 0; k < sizeof built_in / sizeof *built_in; k++)
		(void)!backend_load(&api, config, built_in[k], error);
	for (unsigned k = 0; rc == 0 && k < config->backends_count; k++) {
		struct instance i = {0};

		rc = prepare(&i, config, config_path, k, error);
		backend_options_free(&i.options);
	}
	return rc;
}

int
backends_start(
	struct backends **out, const struct backends_options *o, char error[BACKEND_ERROR_OCTETS])
{
	struct backends *b = new_backends(o);
	unsigned n_started = 0;
	int rc;

	if (!b) {
		snprintf(error, BACKEND_ERROR_OCTETS, "not enough memory");
		return -ENOMEM;
	}
	rc = prepare_all(b, o, error);
	while (rc == 0 && n_started < b->n) {
		struct instance *i = &b->instance[n_started];

		i->owner = b;
		i->index = n_started;
		i->changed = o->changed;
		i->arg = o->arg;
		rc = instance_start(i);
		if (rc == 0)
			n_started++;
		else
			snprintf(error, BACKEND_ERROR_OCTETS, "cannot make a thread: %s",
				strerror(-rc));
	}
	if (rc == 0) {
		*out = b;
		return 0;
	}
	/* those that have started may be busy opening: a hung one is leaked */
	for (unsigned k = 0; k < n_started; k++)
		instance_tell_stop(&b->instance[k]);
	for (unsigned k = 0; k < n_started; k++)
		if (!instance_wait(&b->instance[k], instance_clock_ms() + 1000))
			return rc;
	free_all(b);
	return rc;
}

void
backends_reconfigure(struct backends *b, const struct config *config)
{
	zone_files_set(b->zone_files, config);
}

bool
backends_stop(struct backends *b, unsigned patience_ms)
{
	int64_t until = instance_clock_ms() + patience_ms;
	bool all = true;

	if (!b)
		return true;
	for (unsigned k = 0; k < b->n; k++)
		instance_tell_stop(&b->instance[k]);
	for (unsigned k = 0; k < b->n; k++)
		all &= instance_wait(&b->instance[k], until);
	if (!all)
		return false;
	for (unsigned k = 0; k < b->n; k++)
		instance_destroy(&b->instance[k]);
	free_all(b);
	return true;
}

/* Has the call that runs gone on for long? The instance's lock is held. */
static bool
is_stuck(const struct instance *i)
{
	return i->running_since_ms != 0 && instance_clock_ms() - i->running_since_ms > STUCK_MS;
}

/* @param max  jobs that may wait for it when it is stuck */
static int
submit(struct backends *b, unsigned index, struct backend_job *j, unsigned max)
{
	struct instance *i;
	int rc = 0;

	if (index >= b->n)
		return -ENOENT;
	i = &b->instance[index];
	pthread_mutex_lock(&i->lock);
	if (i->stopping)
		rc = -ECANCELED;
	else if (i->state.queued >= BACKENDS_QUEUE_MAX || (i->state.queued >= max && is_stuck(i)))
		rc = -EBUSY;
	if (rc == 0) {
		STAILQ_INSERT_TAIL(&i->jobs, j, link);
		i->state.queued++;
		pthread_cond_signal(&i->work);
	}
	pthread_mutex_unlock(&i->lock);
	return rc;
}

int
backends_submit(struct backends *b, unsigned index, struct backend_job *j)
{
	return submit(b, index, j, BACKENDS_QUEUE_MAX);
}

int
backends_submit_asked(struct backends *b, unsigned index, struct backend_job *j)
{
	return submit(b, index, j, BACKENDS_ASKED_MAX);
}

unsigned
backends_count(const struct backends *b)
{
	return b->n;
}

int
backends_state(struct backends *b, unsigned index, struct backends_state *out)
{
	struct instance *i;

	if (index >= b->n)
		return -ENOENT;
	i = &b->instance[index];
	pthread_mutex_lock(&i->lock);
	*out = i->state;
	out->running_ms = 0;
	if (i->running_since_ms)
		out->running_ms = instance_clock_ms() - i->running_since_ms + 1;
	pthread_mutex_unlock(&i->lock);
	return 0;
}

int
backends_find(const struct backends *b, const char *name)
{
	for (unsigned k = 0; k < b->n; k++)
		if (strcmp(b->instance[k].name, name) == 0)
			return (int)k;
	return -ENOENT;
}
