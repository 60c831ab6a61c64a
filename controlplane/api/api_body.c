/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_body: requests' bodies, in memory that is counted over all of them; or, of routes that take
 * whole zone files, in a file without a name beside the store, which is gone with the request or
 * the process. A body is looked at only when the headers have told who asks, and that he may. */
#include "controlplane/api/api_private.h"
#include "controlplane/api/json_body.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FIRST_OCTETS 4096u
#define SPOOLS_MAX 2u /* at a time: each takes memory, too, when it is parsed */
#define HTTP_INSUFFICIENT_STORAGE 507u
/* What a spooled body leaves for the changes of others: of the disk, and at most. */
#define DISK_SHARE_LEFT 20u
#define DISK_OCTETS_LEFT (256u << 20)
#define DISK_LOOK_OCTETS (1u << 20) /* between looks at it */
/* What is not wanted is thrown away as it comes, up to this many octets. */
#define THROWN_AWAY_MAX (16u << 20)

static uint64_t
bodies_max(const struct api_request *r)
{
	return API_BODIES_MAX * r->config->api.max_body;
}

/* Is the body a file's, that goes to the disk? */
static bool
spools(const struct api_request *r)
{
	return r->route->handle == api_zone_import;
}

static uint64_t
body_max(const struct api_request *r)
{
	return spools(r) ? r->config->api.max_import : r->config->api.max_body;
}

static int
refuse(struct api_request *r, unsigned status)
{
	r->refused = true;
	if (status == MHD_HTTP_CONTENT_TOO_LARGE)
		api_request_error(r, status, "The body is longer than %" PRIu64 " octets (key %s)",
			body_max(r), spools(r) ? "api.max-import" : "api.max-body");
	else if (status == HTTP_INSUFFICIENT_STORAGE)
		api_request_error(r, status, "There is no room for it on the disk of the store");
	else if (spools(r))
		api_request_error(
			r, status, "%u zones are being imported already; ask again", SPOOLS_MAX);
	else
		api_request_error(
			r, status, "The bodies of other requests take too much memory; ask again");
	return -1;
}

/* What the headers say; 0: nothing. */
static uint64_t
length_told(const struct api_request *r)
{
	const char *text = MHD_lookup_connection_value(
		r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	/* the library has checked it; too large a number comes out as the largest */
	return text == NULL ? 0 : strtoull(text, NULL, 10);
}

/* A file that nobody else sees. @return its descriptor or a negative errno */
static int
open_spool(const struct config *c)
{
	char *path = config_store_path(c);
	int fd;

	if (path == NULL)
		return -ENOENT;
	fd = open(dirname(path), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = -errno;
	free(path);
	return fd;
}

/* Would so many more octets leave room on the disk? What cannot be found out is left to the write.
 */
static bool
disk_has_room(int fd, uint64_t octets)
{
	uint64_t free_octets, left;
	struct statvfs s;

	if (fstatvfs(fd, &s) < 0)
		return true;
	free_octets = (uint64_t)s.f_bavail * s.f_frsize;
	left = (uint64_t)s.f_blocks * s.f_frsize / DISK_SHARE_LEFT;
	left = left < DISK_OCTETS_LEFT ? left : DISK_OCTETS_LEFT;
	return octets <= free_octets && free_octets - octets >= left;
}

static int
begin_spool(struct api *a, struct api_request *r, uint64_t len)
{
	int fd;

	if (a->n_spools == SPOOLS_MAX)
		return refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
	fd = open_spool(r->config);
	if (fd >= 0 && !disk_has_room(fd, len)) {
		close(fd);
		return refuse(r, HTTP_INSUFFICIENT_STORAGE);
	}
	if (fd < 0) {
		r->refused = true;
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"No file can be made in the folder of the store: %s", strerror(-fd));
		return -1;
	}
	r->spool = fd;
	a->n_spools++;
	return 0;
}

int
api_body_begin(struct api *a, struct api_request *r)
{
	uint64_t len = length_told(r);

	if (len > body_max(r))
		return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE);
	if (spools(r))
		return begin_spool(a, r, len);
	if (a->bodies_octets + len > bodies_max(r))
		return refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
	return 0;
}

bool
api_body_wait(struct api_request *r)
{
	uint64_t len = length_told(r);

	r->refused = true;
	return len > 0 && len <= THROWN_AWAY_MAX &&
	       MHD_lookup_connection_value(
		       r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) == NULL;
}

/* Room for n more octets and a NUL. @return 0 or the status that refuses it */
static unsigned
make_room(struct api *a, struct api_request *r, size_t n)
{
	size_t need = r->body_octets + n + 1, room = r->body_room;
	char *body;

	if (r->body_octets + n > r->config->api.max_body)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	if (need <= room)
		return 0;
	if (room == 0)
		room = FIRST_OCTETS;
	while (room < need)
		room *= 2;
	if (a->bodies_octets + (room - r->body_room) > bodies_max(r))
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	body = realloc(r->body, room);
	if (body == NULL)
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	a->bodies_octets += room - r->body_room;
	r->body = body;
	r->body_room = room;
	return 0;
}

/* @return 0 or the status that refuses it */
static unsigned
spool(struct api_request *r, const char *octets, size_t n)
{
	if (n > body_max(r) - r->spool_octets)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	if (r->spool_octets / DISK_LOOK_OCTETS != (r->spool_octets + n) / DISK_LOOK_OCTETS &&
		!disk_has_room(r->spool, n))
		return HTTP_INSUFFICIENT_STORAGE;
	while (n > 0) {
		ssize_t put = write(r->spool, octets, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return HTTP_INSUFFICIENT_STORAGE;
		octets += put;
		n -= (size_t)put;
		r->spool_octets += (uint64_t)put;
	}
	return 0;
}

int
api_body_add(struct api *a, struct api_request *r, const char *octets, size_t n)
{
	unsigned status;

	if (!r->refused) {
		status = r->spool >= 0 ? spool(r, octets, n) : make_room(a, r, n);
		if (status == 0 && r->spool >= 0)
			return 0;
		if (status == 0) {
			memcpy(r->body + r->body_octets, octets, n);
			r->body_octets += n;
			r->body[r->body_octets] = '\0';
			return 0;
		}
		refuse(r, status);
		api_body_free(a, r);
	}
	r->thrown_away += n;
	return r->thrown_away > THROWN_AWAY_MAX ? -1 : 0;
}

void
api_body_free(struct api *a, struct api_request *r)
{
	if (r->spool >= 0) {
		close(r->spool);
		r->spool = -1;
		a->n_spools--;
	}
	free(r->body);
	a->bodies_octets -= r->body_room;
	r->body = NULL;
	r->body_octets = r->body_room = 0;
}

json_t *
api_request_json(struct api_request *r)
{
	char error[JSON_BODY_ERROR_OCTETS];
	json_t *value = json_body_load(r->body, r->body_octets, error);

	if (value == NULL)
		api_request_error(r, MHD_HTTP_BAD_REQUEST, "Unable to parse JSON: %s", error);
	return value;
}
