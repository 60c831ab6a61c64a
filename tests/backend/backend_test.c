/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend_test: a backend that does what its options tell it, to test the host with: it hangs,
 * fails, tells of changes. It has one zone without records. */
#include "backends/backend.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct backend_setting settings[] = {
	{"path", BACKEND_PATH, .required = true, .help = "a file; it opens while this exists"},
	{"list-sleep-ms", BACKEND_UINT, .fallback = "0", .help = "how long list() takes"},
	{"stream-sleep-ms", BACKEND_UINT, .fallback = "0", .help = "how long stream() takes"},
	{"open-sleep-ms", BACKEND_UINT, .fallback = "0", .help = "how long open() takes"},
	{"healthy", BACKEND_BOOL, .fallback = "true", .help = "what health() says"},
	{"password", BACKEND_SECRET, .help = "for nothing"},
	{"zone", BACKEND_TEXT, .help = "a zone", .repeats = true},
	{0},
};

struct test_instance {
	const struct backend_host *host;
	unsigned list_sleep_ms, stream_sleep_ms, n_zones;
	bool healthy, polled;
	char path[256];
};

static void
test_close(void *instance)
{
	free(instance);
}

static int
test_open(void **instance, const struct backend_host *host, const struct backend_option *option,
	size_t n, char *error)
{
	struct test_instance *t = calloc(1, sizeof *t);
	unsigned open_sleep_ms = 0;

	if (!t)
		return -ENOMEM;
	t->host = host;
	for (size_t i = 0; i < n; i++) {
		const char *name = option[i].name, *value = option[i].value;

		if (strcmp(name, "path") == 0)
			snprintf(t->path, sizeof t->path, "%s", value);
		else if (strcmp(name, "list-sleep-ms") == 0)
			t->list_sleep_ms = (unsigned)atoi(value);
		else if (strcmp(name, "stream-sleep-ms") == 0)
			t->stream_sleep_ms = (unsigned)atoi(value);
		else if (strcmp(name, "open-sleep-ms") == 0)
			open_sleep_ms = (unsigned)atoi(value);
		else if (strcmp(name, "healthy") == 0)
			t->healthy = strcmp(value, "true") == 0;
		else if (strcmp(name, "zone") == 0)
			t->n_zones++;
	}
	usleep(open_sleep_ms * 1000);
	if (access(t->path, F_OK) != 0) {
		snprintf(error, BACKEND_ERROR_OCTETS, "%s is not there; make it", t->path);
		free(t);
		return -ECONNREFUSED;
	}
	*instance = t;
	return 0;
}

static const struct backend_zone the_zone = {
	.apex = (const uint8_t *)"\4test",
	.primaries = "",
	.account = "",
	.catalog = "",
	.options = "",
	.path = "",
};

static int
test_list(void *instance, int (*each)(void *arg, const struct backend_zone *zone), void *arg,
	char *error)
{
	const struct test_instance *t = instance;
	int rc = 0;

	usleep(t->list_sleep_ms * 1000);
	for (unsigned i = 0; rc == 0 && i < t->n_zones; i++)
		rc = each(arg, &the_zone);
	return rc;
}

static int
test_stream(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	const struct test_instance *t = instance;

	usleep(t->stream_sleep_ms * 1000);
	return 0;
}

static int
test_zone(void *instance, const uint8_t *apex,
	void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error)
{
	snprintf(error, BACKEND_ERROR_OCTETS, "there are no zones");
	return -ENOENT;
}

static int
test_poll(void *instance, void (*changed)(void *arg, const uint8_t *apex), void *arg, char *error)
{
	struct test_instance *t = instance;

	if (!t->polled)
		changed(arg, the_zone.apex);
	t->polled = true;
	return 0;
}

static int
test_health(void *instance, char *error)
{
	const struct test_instance *t = instance;

	if (t->healthy && access(t->path, F_OK) == 0)
		return 0;
	snprintf(error, BACKEND_ERROR_OCTETS, "%s is not well", t->path);
	return -ECONNRESET;
}

const struct backend_api *
millrace_backend(void)
{
	static const struct backend_api api = {
		.abi_version = TEST_ABI_VERSION,
		.name = "test",
		.description = "a test",
		.capabilities = BACKEND_LIST | BACKEND_WATCH | TEST_CAPABILITIES,
		.settings = settings,
		.open = test_open,
		.close = test_close,
		.list = test_list,
		.stream = test_stream,
		.zone = test_zone,
		.poll = test_poll,
		.health = test_health,
	};
	return &api;
}
