/* SPDX-License-Identifier: GPL-3.0-or-later */
/* address: "ADDR:PORT" and back, and the paths that follow from a configuration. Any thread. */
#include "config/config.h"

#include "shm/paths.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_TEXT_MAX 63u /* octets: INET6_ADDRSTRLEN and an interface name */

static int
parse_port(const char *text, uint16_t *out)
{
	unsigned long v = 0;

	for (const char *p = text; *p; p++) {
		if (!isdigit((unsigned char)*p) || p - text >= 5)
			return -EINVAL;
		v = v * 10 + (unsigned)(*p - '0');
	}
	if (v < 1 || v > 65535)
		return -EINVAL;
	*out = (uint16_t)v;
	return 0;
}

static int
parse_ip6(char *host, uint16_t port, struct config_address *out)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	char *scope = strchr(host, '%');

	if (scope) {
		*scope++ = '\0';
		sa.sin6_scope_id = if_nametoindex(scope);
		if (sa.sin6_scope_id == 0)
			return -EINVAL;
	}
	if (inet_pton(AF_INET6, host, &sa.sin6_addr) != 1)
		return -EINVAL;
	memset(out, 0, sizeof *out);
	memcpy(&out->sa, &sa, sizeof sa);
	return 0;
}

static int
parse_ip4(const char *host, uint16_t port, struct config_address *out)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, host, &sa.sin_addr) != 1)
		return -EINVAL;
	memset(out, 0, sizeof *out);
	memcpy(&out->sa, &sa, sizeof sa);
	return 0;
}

int
config_parse_address(const char *text, uint16_t default_port, struct config_address *out)
{
	char host[ADDRESS_TEXT_MAX + 1], *end;
	uint16_t port = default_port;
	size_t len = strlen(text);

	if (len > ADDRESS_TEXT_MAX)
		return -EINVAL;
	memcpy(host, text, len + 1);
	if (host[0] == '[') {
		end = strchr(host, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		if (end[1] == ':' && parse_port(end + 2, &port))
			return -EINVAL;
		*end = '\0';
		return parse_ip6(host + 1, port, out);
	}
	end = strchr(host, ':');
	if (end && strchr(end + 1, ':'))
		return parse_ip6(host, port, out);
	if (end) {
		*end = '\0';
		if (parse_port(end + 1, &port))
			return -EINVAL;
	}
	return parse_ip4(host, port, out);
}

void
config_format_address(const struct config_address *a, char out[64])
{
	char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE] = "";

	if (a->sa.ss_family == AF_INET) {
		const struct sockaddr_in *sa = (const struct sockaddr_in *)&a->sa;

		inet_ntop(AF_INET, &sa->sin_addr, host, sizeof host);
		snprintf(out, 64, "%.15s:%u", host, ntohs(sa->sin_port));
	} else {
		const struct sockaddr_in6 *sa = (const struct sockaddr_in6 *)&a->sa;

		inet_ntop(AF_INET6, &sa->sin6_addr, host, sizeof host);
		if (sa->sin6_scope_id && !if_indextoname(sa->sin6_scope_id, scope))
			snprintf(scope, sizeof scope, "%u", sa->sin6_scope_id);
		/* an address with a scope is link-local, without an IPv4 tail: 39 octets at most */
		snprintf(out, 64, "[%.39s%s%.15s]:%u", host, *scope ? "%" : "", scope,
			ntohs(sa->sin6_port));
	}
}

char *
config_run_path(const struct config *c, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", c->run_dir, name) < 0 ? NULL : path;
}

/* What is left of a path below the folder: "/run" of "/srv/run". */
static void
cut_path(const char **path, size_t len)
{
	if (*path)
		*path += len;
}

void
config_enter_chroot(struct config *c)
{
	size_t len = c->chroot && !c->chroot_entered ? strlen(c->chroot) : 0;

	cut_path(&c->run_dir, len);
	cut_path(&c->arena.path, len);
	cut_path(&c->store.path, len);
	cut_path(&c->zones.directory, len);
	cut_path(&c->api.tls_certificate, len);
	cut_path(&c->api.tls_key, len);
	cut_path(&c->api.tls_client_ca, len);
	for (unsigned i = 0; i < c->zones.list_count && len; i++) {
		/* in the configuration's own memory, which is not constant */
		struct config_zone *z = (struct config_zone *)(uintptr_t)&c->zones.list[i];

		cut_path(&z->file, len);
	}
	for (unsigned i = 0; i < c->acl.rules_count && len; i++) {
		struct config_acl_rule *r = (struct config_acl_rule *)(uintptr_t)&c->acl.rules[i];

		cut_path(&r->file, len);
	}
	c->chroot_entered = true;
}

char *
config_arena_path(const struct config *c)
{
	return c->arena.path ? strdup(c->arena.path) : config_run_path(c, RUN_ARENA);
}

bool
config_address_is_loopback(const struct config_address *a)
{
	const struct sockaddr_in *in = (const void *)&a->sa;
	const struct sockaddr_in6 *in6 = (const void *)&a->sa;

	if (a->sa.ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}
