/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request line of the HTTP API: "METHOD PATH". What is found fits its room and stands for the
 * same zone however it is spelled; nothing that was sent turns into a path with a folder in it. */
#include "fuzz.h"

#include "controlplane/api/route.h"
#include "controlplane/manager/zone_names.h"

#include <limits.h>
#include <string.h>

static const struct route table[] = {
	{"GET", "/api", NULL, "", "", "", "", ""},
	{"GET", "/api/v1/servers/localhost/zones", NULL, "", "", "", "", ""},
	{"GET", "/api/v1/servers/localhost/zones/{zone_id}", NULL, "", "", "", "", ""},
	{"PUT", "/api/v1/servers/localhost/zones/{zone_id}/reload", NULL, "", "", "", "", ""},
	{"GET", "/z/{a}/{b}/{c}/{d}", NULL, "", "", "", "", ""},
};

static void
check_zone(const char *id)
{
	uint8_t wire[ZONE_WIRE_OCTETS], again[ZONE_WIRE_OCTETS];
	char file[NAME_MAX + 1], back[ZONE_ID_OCTETS];
	int len = zone_key_from_id(wire, id);

	if (len < 0)
		return;
	FUZZ_CHECK((unsigned)len == name_octets(wire) && len <= (int)NAME_OCTETS_MAX);
	zone_id_from_wire(back, wire);
	FUZZ_CHECK(zone_key_from_id(again, back) == len && memcmp(wire, again, (size_t)len) == 0);
	if (zone_file_from_wire(file, sizeof file, wire) != 0)
		return;
	FUZZ_CHECK(strchr(file, '/') == NULL && file[0] != '.');
	FUZZ_CHECK(
		zone_wire_from_file(again, file) == len && memcmp(wire, again, (size_t)len) == 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct route_match match;
	const struct route *route = NULL;
	char line[ROUTE_PATH_OCTETS + 16], *path;

	if (len >= sizeof line)
		return 0;
	memcpy(line, data, len);
	line[len] = '\0';
	path = strchr(line, ' ');
	if (path == NULL)
		return 0;
	*path++ = '\0';
	if (route_find(table, sizeof table / sizeof table[0], line, path, &route, &match) !=
		ROUTE_FOUND)
		return 0;
	FUZZ_CHECK(match.n_params <= ROUTE_PARAMS_MAX);
	for (unsigned i = 0; i < match.n_params; i++) {
		FUZZ_CHECK(memchr(match.param[i], '\0', ROUTE_PARAM_OCTETS) != NULL);
		check_zone(match.param[i]);
	}
	return 0;
}
