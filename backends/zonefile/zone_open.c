/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_open: reading, and what is wrong in one line. */
#include "backends/zonefile/zone_open.h"

#include "controlplane/zones/zone_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_OCTETS_MAX (1ull << 32) /* that are edited: more lines than that nobody writes */
#define TYPE_SOA 6u

bool
zone_open_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool
zone_open_serial(const struct zone_model *z, uint32_t *serial)
{
	const struct zone_name *name =
		zone_model_find(z, name_hash(z->seed, z->apex), z->apex, z->apex_len);
	const struct zone_record *r;
	const uint8_t *rdata;
	uint32_t n = 0;
	uint16_t len;

	r = name ? zone_model_rrset(z, name, TYPE_SOA, &n) : NULL;
	if (!r)
		return false;
	rdata = zone_rdata(z, r, &len);
	if (len < 22)
		return false;
	memcpy(serial, rdata + len - 20, 4);
	*serial = __builtin_bswap32(*serial);
	return true;
}

/* No such file is no such zone to nobody: it is listed. */
static int
fail_read(const char *path, int rc, char *error)
{
	snprintf(error, BACKEND_ERROR_OCTETS, "%.300s cannot be read: %s", path, strerror(-rc));
	return rc == -ENOENT ? -EIO : rc;
}

int
zone_open_text(char **text, size_t *len, const char *path, struct stat *st, char *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return fail_read(path, -errno, error);
	if (fstat(fd, st) != 0)
		rc = -errno;
	else if (!S_ISREG(st->st_mode))
		rc = S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
	else if ((unsigned long long)st->st_size > FILE_OCTETS_MAX)
		rc = -EFBIG;
	else if (!(*text = malloc((size_t)st->st_size + 1)))
		rc = -ENOMEM;
	while (rc == 0 && *len < (size_t)st->st_size) {
		ssize_t n = read(fd, *text + *len, (size_t)st->st_size - *len);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		if (n == 0)
			break;
		*len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return rc == 0 ? 0 : fail_read(path, rc, error);
}

/* Has it nothing but blank lines and comments? Then it is a zone that was just made. */
static bool
is_empty(const char *path, const uint8_t *apex)
{
	char *text, ignored[BACKEND_ERROR_OCTETS];
	struct zone_lines z = {0};
	bool empty = false;
	struct stat st;
	size_t len;

	if (zone_open_text(&text, &len, path, &st, ignored) == 0 && len < 65536 &&
		zone_lines_read(&z, text, len, apex, &(struct ttl_rules){0}, ignored) == 0) {
		empty = true;
		for (size_t i = 0; i < z.n; i++)
			empty &= z.line[i].kind == LINE_BLANK || z.line[i].kind == LINE_TTL ||
				 z.line[i].kind == LINE_ORIGIN;
	}
	zone_lines_free(&z);
	free(text);
	return empty;
}

static void
first_error(const struct zone_report *report, char *error)
{
	snprintf(error, BACKEND_ERROR_OCTETS, "the zone cannot be loaded");
	for (size_t i = 0; i < report->n; i++) {
		if (report->finding[i].severity != ZONE_ERROR || !report->finding[i].text)
			continue;
		snprintf(error, BACKEND_ERROR_OCTETS, "%s", report->finding[i].text);
		return;
	}
}

int
zone_open_model(struct zone_model *out, const char *path, const uint8_t *apex, uint32_t default_ttl,
	struct stat *st, char *error)
{
	const struct zone_load_options options = {
		.seed = ZONE_SEED, .default_ttl = default_ttl, .as_read = st};
	struct zone_report report = {0};
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};
	int rc;

	memcpy(padded, apex, name_octets(apex));
	*out = (struct zone_model){.seed = ZONE_SEED};
	rc = zone_load_file(out, path, padded, &options, &report);
	if (rc == -EINVAL && is_empty(path, padded))
		rc = 0;
	else if (rc != 0)
		first_error(&report, error);
	zone_report_destroy(&report);
	return rc == -ENOENT ? -EIO : rc;
}
