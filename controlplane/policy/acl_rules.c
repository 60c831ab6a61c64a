/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acl_rules: the list as people wrote it. Parses files, so every line is bounded and fuzzed. */
#include "controlplane/policy/acl_rules.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_OCTETS_MAX (64u << 20) /* a million prefixes with comments */
#define LINE_SHOWN 60u              /* octets of a bad line in a message */

const char *const acl_action_word[POLICY_ACTIONS] = {
#define X(id, word) [POLICY_##id] = (word),
	POLICY_ACTION_LIST(X)
#undef X
};

int
acl_action_parse(const char *word)
{
	for (int i = 0; i < POLICY_ACTIONS; i++)
		if (strcmp(word, acl_action_word[i]) == 0)
			return i;
	return -1;
}

void
acl_rules_free(struct acl_rules *r)
{
	free(r->rule);
	*r = (struct acl_rules){0};
}

int
acl_rules_copy(struct acl_rules *out, const struct acl_rules *r)
{
	struct acl_rule *copy = malloc((r->n + 1) * sizeof *copy);

	if (copy == NULL)
		return -ENOMEM;
	if (r->n > 0)
		memcpy(copy, r->rule, r->n * sizeof *copy);
	*out = (struct acl_rules){.rule = copy, .n = r->n, .room = r->n + 1, .sorted = r->sorted};
	return 0;
}

int
acl_rules_add(struct acl_rules *r, const struct config_prefix *prefix, enum policy_action action,
	bool runtime)
{
	if (r->n == ACL_RULES_MAX)
		return -E2BIG;
	if (r->n == r->room) {
		size_t room = r->room == 0 ? 64 : r->room * 2;
		struct acl_rule *more = realloc(r->rule, room * sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		r->rule = more;
		r->room = room;
	}
	struct acl_rule *rule = &r->rule[r->n++];
	memcpy(rule->address, prefix->address, 16);
	rule->bits = prefix->bits;
	rule->action = (uint8_t)action;
	rule->runtime = runtime;
	r->sorted = false;
	return 0;
}

static int
compare_place(const void *a, const void *b)
{
	const struct acl_rule *x = a, *y = b;
	int order = memcmp(x->address, y->address, 16);

	return order != 0 ? order : (int)x->bits - (int)y->bits;
}

int
acl_rules_sort(struct acl_rules *r, struct config_prefix *twice)
{
	size_t n = 0;

	if (r->n > 1)
		qsort(r->rule, r->n, sizeof *r->rule, compare_place);
	for (size_t i = 0; i < r->n; i++) {
		if (n == 0 || compare_place(&r->rule[n - 1], &r->rule[i]) != 0) {
			r->rule[n++] = r->rule[i];
			continue;
		}
		if (r->rule[n - 1].action != r->rule[i].action) {
			memcpy(twice->address, r->rule[i].address, 16);
			twice->bits = r->rule[i].bits;
			return -EEXIST;
		}
	}
	r->n = n;
	r->sorted = true;
	return 0;
}

struct acl_rule *
acl_rules_find(const struct acl_rules *r, const struct config_prefix *prefix)
{
	struct acl_rule key = {.bits = prefix->bits};

	assert(r->sorted || r->n == 0);
	memcpy(key.address, prefix->address, 16);
	return r->n == 0 ? NULL : bsearch(&key, r->rule, r->n, sizeof key, compare_place);
}

static bool
is_mapped(const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(address, mapped, sizeof mapped) == 0;
}

const struct acl_rule *
acl_rules_match(const struct acl_rules *r, const uint8_t address[16])
{
	/* an IPv6 prefix that covers ::ffff:0:0/96 says nothing about IPv4 */
	unsigned least = is_mapped(address) ? 96 : 0;

	for (unsigned bits = 129; bits-- > least;) {
		struct config_prefix p = {.bits = (uint8_t)bits};
		for (unsigned i = 0; i < bits / 8; i++)
			p.address[i] = address[i];
		if (bits % 8 != 0)
			p.address[bits / 8] = (uint8_t)(address[bits / 8] & (0xff00u >> bits % 8));
		const struct acl_rule *found = acl_rules_find(r, &p);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line without its comment. @return 0 or an error as acl_rules_parse() */
static int
parse_line(struct acl_rules *r, const char *line, size_t len, enum policy_action action)
{
	struct config_prefix prefix;
	char text[64];

	while (len > 0 && is_blank(line[len - 1]))
		len--;
	while (len > 0 && is_blank(line[0])) {
		line++;
		len--;
	}
	if (len == 0)
		return 0;
	if (len >= sizeof text || memchr(line, '\0', len) != NULL)
		return -EINVAL;
	memcpy(text, line, len);
	text[len] = '\0';
	if (config_parse_prefix(text, &prefix) != 0)
		return -EINVAL;
	return acl_rules_add(r, &prefix, action, false);
}

/* What a message may show of a line that came from who knows where. */
static void
show_line(char out[LINE_SHOWN + 1], const char *line, size_t len)
{
	size_t n = len < LINE_SHOWN ? len : LINE_SHOWN;

	for (size_t i = 0; i < n; i++)
		out[i] = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
	out[n] = '\0';
}

int
acl_rules_parse(struct acl_rules *r, const char *text, size_t len, const char *name,
	enum policy_action action, char error[ACL_ERROR_OCTETS])
{
	const char *end = text + len, *next;
	char shown[LINE_SHOWN + 1];
	unsigned long number = 1;

	for (const char *line = text; line < end; line = next, number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = 0, whole = (size_t)((newline == NULL ? end : newline) - line);
		int ret;

		next = newline == NULL ? end : newline + 1;
		while (n < whole && line[n] != '#' && line[n] != ';')
			n++;
		ret = parse_line(r, line, n, action);
		if (ret == 0)
			continue;
		show_line(shown, line, whole);
		if (ret == -EINVAL)
			snprintf(error, ACL_ERROR_OCTETS,
				"%.300s:%lu: '%s' is no prefix; it must be ADDRESS or "
				"ADDRESS/LENGTH with no bit set behind LENGTH, such as "
				"192.0.2.0/24",
				name, number, shown);
		else if (ret == -E2BIG)
			snprintf(error, ACL_ERROR_OCTETS,
				"%.300s:%lu: an access list has at most %u prefixes", name, number,
				ACL_RULES_MAX);
		else
			snprintf(
				error, ACL_ERROR_OCTETS, "%.300s:%lu: out of memory", name, number);
		return ret;
	}
	return 0;
}

/* The whole of a regular file. */
static int
slurp(const char *path, char **text, size_t *len)
{
	struct stat st;
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EISDIR;
	else if (st.st_size > FILE_OCTETS_MAX)
		ret = -EFBIG;
	char *buffer = ret == 0 ? malloc((size_t)st.st_size + 1) : NULL;
	if (ret == 0 && buffer == NULL)
		ret = -ENOMEM;
	while (ret == 0 && have < (size_t)st.st_size) {
		ssize_t n = read(fd, buffer + have, (size_t)st.st_size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break; /* it became shorter */
		have += (size_t)n;
	}
	close(fd);
	if (ret != 0) {
		free(buffer);
		return ret;
	}
	*text = buffer;
	*len = have;
	return 0;
}

int
acl_rules_read(struct acl_rules *r, const char *path, enum policy_action action,
	char error[ACL_ERROR_OCTETS])
{
	char *text = NULL;
	size_t len = 0;
	int ret = slurp(path, &text, &len);

	if (ret != 0) {
		snprintf(error, ACL_ERROR_OCTETS, "%.400s: %s", path,
			ret == -EISDIR ? "not a regular file" : strerror(-ret));
		return ret;
	}
	ret = acl_rules_parse(r, text, len, path, action, error);
	free(text);
	return ret;
}
