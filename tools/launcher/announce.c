/* SPDX-License-Identifier: GPL-3.0-or-later */
/* announce: what whoever started the suite by hand wants to know once it serves: where it answers,
 * and how to ask it. */
#include "tools/launcher/launcher.h"

#include <stdio.h>
#include <string.h>

static void
announce_address(const struct config_address *a, const char *over)
{
	char text[64], host[64], *port;

	config_format_address(a, text);
	port = strrchr(text, ':');
	*port++ = '\0';
	snprintf(host, sizeof host, "%s", text[0] == '[' ? text + 1 : text);
	host[strcspn(host, "]")] = '\0';
	/* 0.0.0.0 and :: are where to listen, not whom to ask */
	if (strcmp(host, "0.0.0.0") == 0)
		strcpy(host, "127.0.0.1");
	else if (strcmp(host, "::") == 0)
		strcpy(host, "::1");
	printf("answering on %s port %s (%s): dig @%s -p %s NAME\n", text, port, over, host, port);
}

static bool
is_listed(const struct config_address *a, const struct config_address *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (memcmp(a, &list[i], sizeof *a) == 0)
			return true;
	return false;
}

void
announce(const struct config *c)
{
	for (unsigned i = 0; i < c->dataplane.ports_count; i++)
		printf("answering on port %s\n", c->dataplane.ports[i].device);
	for (unsigned i = 0; i < c->dataplane.listen_count; i++) {
		const struct config_address *a = &c->dataplane.listen[i];

		announce_address(a, is_listed(a, c->stream.listen, c->stream.listen_count)
					    ? "UDP, TCP"
					    : "UDP");
	}
	for (unsigned i = 0; i < c->stream.listen_count; i++) {
		const struct config_address *a = &c->stream.listen[i];

		if (is_listed(a, c->dataplane.listen, c->dataplane.listen_count))
			continue;
		announce_address(a, "TCP");
	}
	if (!c->zones.list_count && !c->zones.list_left_out && !c->zones.directory)
		puts("There are no zones, so every answer is REFUSED; name some: millrace serve "
		     "example.com=example.com.zone");
	puts("Ctrl-C stops it.");
	fflush(stdout);
}
