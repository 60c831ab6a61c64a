/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backend with one zone, which has one address: the example of docs/backends.md. */
#include "backends/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct example {
	uint8_t address[4];
};

static const uint8_t apex[] = "\7example\4test"; /* wire format; C adds the root's 0 */

static const struct backend_setting settings[] = {
	{"address", BACKEND_TEXT, .required = true, .help = "IPv4 address of example.test"},
	{0},
};

static int
example_open(void **instance, const struct backend_host *host, const struct backend_option *option,
	size_t n, char *error)
{
	struct example *e = calloc(1, sizeof *e);

	if (!e) {
		snprintf(error, BACKEND_ERROR_OCTETS, "not enough memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		if (inet_pton(AF_INET, option[i].value, e->address) == 1)
			continue;
		snprintf(error, BACKEND_ERROR_OCTETS,
			"option 'address': '%.64s' is no IPv4 address; write one such as 192.0.2.1",
			option[i].value);
		free(e);
		return -EINVAL;
	}
	*instance = e;
	return 0;
}

static void
example_close(void *instance)
{
	free(instance);
}

static const struct backend_zone the_zone = {
	.apex = apex,
	.kind = BACKEND_NATIVE,
	.primaries = "",
	.account = "",
	.catalog = "",
	.options = "",
	.path = "",
	.serial = 1,
	.version = 1,
};

static int
example_list(void *instance, int (*each)(void *arg, const struct backend_zone *zone), void *arg,
	char *error)
{
	return each(arg, &the_zone);
}

static bool
is_ours(const uint8_t *name, char *error)
{
	if (memcmp(name, apex, sizeof apex) == 0)
		return true;
	snprintf(error, BACKEND_ERROR_OCTETS, "there is no zone but example.test");
	return false;
}

static int
example_zone(void *instance, const uint8_t *name,
	void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error)
{
	if (!is_ours(name, error))
		return -ENOENT;
	found(arg, &the_zone);
	return 0;
}

static int
tell(uint16_t type, const void *rdata, size_t len,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg)
{
	const struct backend_record record = {.rdata = rdata, .rdlength = (uint16_t)len};
	const struct backend_rrset set = {
		.owner = apex, .type = type, .ttl = 300, .n_records = 1, .record = &record};

	return each(arg, &set);
}

static int
example_stream(void *instance, const uint8_t *name,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	/* names, then serial 1, refresh, retry, expire, minimum */
	static const uint8_t soa[] = "\2ns\7example\4test\0\4host\7example\4test\0"
				     "\0\0\0\1\0\0\16\20\0\0\2\130\0\1\121\200\0\0\1\54";
	static const uint8_t ns[] = "\2ns\5other";
	const struct example *e = instance;
	int rc;

	if (!is_ours(name, error))
		return -ENOENT;
	rc = tell(6, soa, sizeof soa - 1, each, arg);
	if (rc == 0)
		rc = tell(2, ns, sizeof ns, each, arg);
	if (rc == 0)
		rc = tell(1, e->address, 4, each, arg);
	return rc;
}

static int
example_health(void *instance, char *error)
{
	return 0;
}

const struct backend_api *
millrace_backend(void)
{
	static const struct backend_api api = {
		.abi_version = BACKEND_ABI_VERSION,
		.name = "example",
		.description = "one zone with one address",
		.capabilities = BACKEND_LIST | BACKEND_STREAM,
		.settings = settings,
		.open = example_open,
		.close = example_close,
		.list = example_list,
		.zone = example_zone,
		.stream = example_stream,
		.health = example_health,
	};
	return &api;
}
