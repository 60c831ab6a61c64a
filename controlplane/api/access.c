/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access: see the header. */
#include "controlplane/api/access_private.h"

#include <microhttpd.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PASSWD "/etc/passwd"

/* The file itself: a directory service may take its time, and nobody waits in this thread. */
static void
name_user(uid_t uid, char *out, size_t room)
{
	FILE *f = fopen(PASSWD, "re");
	struct passwd *p = NULL;

	snprintf(out, room, "unix:%u", (unsigned)uid);
	if (f == NULL)
		return;
	while ((p = fgetpwent(f)) != NULL && p->pw_uid != uid)
		;
	if (p != NULL)
		snprintf(out, room, "unix:%s", p->pw_name);
	fclose(f);
}

/* Who may open the socket may do everything: its mode says who that is. */
static void
grant_unix(struct access_grant *g, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		name_user(peer.uid, g->who, sizeof g->who);
	else
		snprintf(g->who, sizeof g->who, "unix");
	g->everything = true;
}

int
access_begin(struct api_request *r)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	r->grant = calloc(1, sizeof *r->grant);
	if (r->grant == NULL) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Out of memory");
		return -1;
	}
	grant_unix(r->grant, fd != NULL ? fd->connect_fd : -1);
	return 0;
}

void
access_end(struct api_request *r)
{
	free(r->grant);
	r->grant = NULL;
}

const char *
access_who(const struct api_request *r)
{
	return r->grant->who;
}

static bool
refuse(struct api_request *r)
{
	api_request_error(r, MHD_HTTP_FORBIDDEN, "Forbidden");
	return false;
}

bool
access_zone(struct api_request *r, const uint8_t *apex)
{
	return r->grant->everything || refuse(r);
}

bool
access_zone_seen(struct api_request *r, const uint8_t *apex)
{
	return r->grant->everything;
}

bool
access_rrset(struct api_request *r, const uint8_t *apex, const uint8_t *owner, uint16_t type)
{
	return r->grant->everything || refuse(r);
}

bool
access_server(struct api_request *r)
{
	return r->grant->everything || refuse(r);
}
