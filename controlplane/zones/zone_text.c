/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_text: reads zone files whole. */
#include "controlplane/zones/zone_text.h"

#include "controlplane/zones/zone_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_OCTETS_MAX (1ull << 34)
#define DOUBTFUL_MAX 100u       /* escapes whose line is looked at: each may be megabytes long */
#define LOOK_OCTETS (64u << 10) /* looked at for several things while in the cache */

const char *
zone_text_strerror(int error)
{
	switch (-error) {
	case EISDIR:
		return "it is a directory; name a zone file";
	case EINVAL:
		return "it is no regular file";
	case EFBIG:
		return "it is larger than the limit for zones";
	case EILSEQ:
		return "it is no zone text: it has NUL octets (BIND's raw format? "
		       "named-compilezone -F text "
		       "converts it)";
	case ENOMEM:
		return "not enough memory";
	default:
		return strerrordesc_np(-error) != NULL ? strerrordesc_np(-error) : "unknown error";
	}
}

/* CR LF to LF, in place. Returns the new length. */
static size_t
drop_cr(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' || i + 1 >= len || text[i + 1] != '\n')
			text[to++] = text[i];
	return to;
}

static bool
is_in_comment(const struct zone_text *t, const char *p)
{
	const char *line = p;
	bool quoted = false;

	while (line > t->text && line[-1] != '\n')
		line--;
	for (; line < p; line++) {
		if (*line == '\\')
			line++;
		else if (*line == '"')
			quoted = !quoted;
		else if (*line == ';' && !quoted)
			return true;
	}
	return false;
}

/* libzscanner takes \999 in a domain name for an octet, modulo 256. */
static void
look_at_escape(struct zone_text *t, const char *p)
{
	const char *end = t->text + t->len;
	unsigned value = 0, n = 0;

	if (end - p > 1 && p[1] == '#')
		t->has_generic = true;
	while (n < 3 && end - p > n + 1 && p[n + 1] >= '0' && p[n + 1] <= '9')
		value = value * 10 + (unsigned)(p[++n] - '0');
	if (n == 3 && value > 255 && t->bad_escape == NULL && t->n_doubtful++ < DOUBTFUL_MAX &&
		!is_in_comment(t, p))
		t->bad_escape = p;
}

uint32_t
zone_text_line(const struct zone_text *t, const char *p)
{
	uint32_t line = 1;

	for (const char *at = t->text; at < p; at++)
		line += *at == '\n';
	return line;
}

/* One pass, a cache full at a time. Each memchr goes at tens of GB/s, and the octets it looks for
 * are rare. */
static int
look(struct zone_text *t)
{
	const char *escape = t->text;

	for (size_t at = 0; at < t->len; at += LOOK_OCTETS) {
		const char *from = t->text + at, *p;
		const char *end = t->len - at < LOOK_OCTETS ? t->text + t->len : from + LOOK_OCTETS;
		p = memchr(from, '\0', (size_t)(end - from));
		if (p != NULL) {
			t->nul_line = zone_text_line(t, p);
			return -EILSEQ;
		}
		for (p = from; (p = memchr(p, '$', (size_t)(end - p))) != NULL; p++) {
			if (p != t->text && p[-1] != '\n')
				continue;
			if (t->text + t->len - p > 8 && strncasecmp(p, "$INCLUDE", 8) == 0)
				t->has_include = true;
			if (zone_origin_is_relative(p, t->text + t->len))
				t->has_relative = true;
		}
		if (escape < from)
			escape = from;
		while (escape < end &&
			(escape = memchr(escape, '\\', (size_t)(end - escape))) != NULL) {
			look_at_escape(t, escape);
			escape += 2; /* the second of two backslashes begins nothing */
		}
		if (escape == NULL)
			escape = end;
	}
	return 0;
}

static int
read_all(int fd, char *to, size_t room, size_t *len)
{
	*len = 0;
	while (*len < room) {
		ssize_t n = read(fd, to + *len, room - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break; /* it became shorter meanwhile */
		*len += (size_t)n;
	}
	return 0;
}

static int
new_text(struct zone_text *t, size_t len)
{
	t->owned = zone_memory_resize(NULL, 0, len + 1);
	if (t->owned == NULL)
		return -ENOMEM;
	t->room = len + 1;
	return 0;
}

/* Nothing of a bad text is handed out but where it is bad. */
static void
fail(struct zone_text *out, struct zone_text *text)
{
	uint32_t line = text->nul_line;

	zone_text_free(text);
	*out = (struct zone_text){.nul_line = line};
}

int
zone_text_read(struct zone_text *t, const char *path, uint64_t octets_max, struct stat *as_read)
{
	struct stat st;
	struct zone_text text = {0};
	int rc = 0;

	if (octets_max == 0 || octets_max > FILE_OCTETS_MAX)
		octets_max = FILE_OCTETS_MAX;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*t = text;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	else if ((uint64_t)st.st_size > octets_max)
		rc = -EFBIG;
	else
		rc = new_text(&text, (size_t)st.st_size);
	if (rc == 0)
		rc = read_all(fd, text.owned, (size_t)st.st_size, &text.len);
	close(fd);
	if (rc == 0) {
		if (memchr(text.owned, '\r', text.len) != NULL)
			text.len = drop_cr(text.owned, text.len);
		text.text = text.owned;
		rc = look(&text);
	}
	if (rc != 0) {
		fail(t, &text);
		return rc;
	}
	if (as_read != NULL)
		*as_read = st;
	*t = text;
	return 0;
}

int
zone_text_take(struct zone_text *t, const char *octets, size_t len)
{
	struct zone_text text = {.text = octets, .len = len};

	*t = (struct zone_text){0};
	if (len > 0 && memchr(octets, '\r', len) != NULL) {
		int rc = new_text(&text, len);
		if (rc != 0)
			return rc;
		memcpy(text.owned, octets, len);
		text.len = drop_cr(text.owned, len);
		text.text = text.owned;
	}
	int rc = look(&text);
	if (rc != 0) {
		fail(t, &text);
		return rc;
	}
	*t = text;
	return 0;
}

void
zone_text_free(struct zone_text *t)
{
	zone_memory_free(t->owned, t->room);
	*t = (struct zone_text){0};
}
