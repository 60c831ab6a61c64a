/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_rows: see the header. */
#include "controlplane/views/views_rows.h"
#include "config/utf8.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
view_name_wrong(const char *view)
{
	if (view[0] == '\0')
		return "it must not be empty";
	if (view[0] == '.' || view[0] == ' ')
		return "it must not begin with a dot or a space";
	if (strlen(view) > VIEW_NAME_MAX)
		return "it is too long";
	for (const char *c = view; *c != '\0'; c++)
		if (*c == '/' || (unsigned char)*c < ' ' || *c == 0x7f)
			return "it must have no '/' and no control characters";
	if (!utf8_is_text(view)) /* JSON could not tell it, nor could the audit log */
		return "it must be UTF-8";
	return NULL;
}

int
network_parse(struct config_prefix *out, const char *address, const char *length)
{
	bool v6 = strchr(address, ':') != NULL;
	unsigned long bits, most = v6 ? 128 : 32;
	struct config_prefix p = {0};
	char *end;

	if (!v6)
		p.address[10] = p.address[11] = 0xff;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, address, p.address + (v6 ? 0 : 12)) != 1 ||
		length[0] < '0' || length[0] > '9' || strlen(length) > 3)
		return -EINVAL;
	bits = strtoul(length, &end, 10);
	if (*end != '\0' || bits > most)
		return -EINVAL;
	p.bits = (uint8_t)(v6 ? bits : bits + 96);
	for (unsigned i = p.bits; i < 128; i++)
		p.address[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	*out = p;
	return 0;
}

int
network_parse_text(struct config_prefix *out, const char *text)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];

	if (slash == NULL || (size_t)(slash - text) >= sizeof address)
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	return network_parse(out, address, slash + 1);
}

int
view_row_key(char key[VIEWS_KEY_OCTETS], const char *view, const uint8_t *zone_key)
{
	char apex[ZONE_TEXT_OCTETS];

	zone_text_from_wire(apex, zone_key_apex(zone_key));
	return snprintf(key, VIEWS_KEY_OCTETS, "%s/%s", view, apex) < (int)VIEWS_KEY_OCTETS
		       ? 0
		       : -ENAMETOOLONG;
}

int
view_row_read(const char *key, const char *variant, char view[VIEW_NAME_MAX + 1],
	uint8_t zone_key[ZONE_WIRE_OCTETS])
{
	const char *slash = strchr(key, '/');
	uint8_t apex[ZONE_WIRE_OCTETS];
	size_t len = strlen(variant);

	if (slash == NULL || (size_t)(slash - key) > VIEW_NAME_MAX ||
		zone_wire_from_text(apex, slash + 1) < 0 || len > ZONE_VARIANT_MAX)
		return -EPROTO;
	for (size_t i = 0; i < len; i++)
		if (!zone_variant_octet((uint8_t)variant[i]))
			return -EPROTO;
	memset(zone_key, 0, ZONE_WIRE_OCTETS);
	if (zone_key_make(zone_key, apex, variant, (unsigned)len) == 0)
		return -EPROTO;
	memcpy(view, key, (size_t)(slash - key));
	view[slash - key] = '\0';
	return 0;
}

/* --- how many --- */

/* A count, its name in STORE_SETTING, and its bound. */
static const struct {
	const char *key, *what;
	uint32_t max;
} counted[] = {
	{"views.views", "views", VIEWS_MAX},
	{"views.zones", "zones of views", VIEWS_ZONES_MAX},
	{"views.networks", "networks", VIEWS_NETWORKS_MAX},
};
enum { COUNT_VIEWS, COUNT_ZONES, COUNT_NETWORKS, COUNTS };

_Static_assert(sizeof counted / sizeof counted[0] == COUNTS, "a row for each");

static int
get_count(struct store_txn *t, unsigned which, uint32_t *out)
{
	const char *text;
	int ret = store_row_get(t, STORE_SETTING, counted[which].key, &text);

	*out = ret == 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
	return ret == -ENOENT ? 0 : ret;
}

static int
add_count(struct store_txn *t, unsigned which, int more)
{
	char text[16];
	uint32_t n;
	int ret = get_count(t, which, &n);

	if (ret != 0)
		return ret;
	if (more < 0 && n == 0) /* counted by nobody: it must not become four thousand million */
		more = 0;
	snprintf(text, sizeof text, "%u", n + (uint32_t)more);
	return store_row_put(t, STORE_SETTING, counted[which].key, text);
}

int
views_count(struct store_txn *t, struct views_count *out)
{
	int ret = get_count(t, COUNT_VIEWS, &out->views);

	if (ret == 0)
		ret = get_count(t, COUNT_ZONES, &out->zones);
	return ret == 0 ? get_count(t, COUNT_NETWORKS, &out->networks) : ret;
}

static int
stop(void *arg, const char *key, const char *value)
{
	return 1;
}

/* Has the view of this row any zone now? @return 1, 0 or a negative errno */
static int
has_zones(struct store_txn *t, const char *row_key)
{
	char prefix[VIEW_NAME_MAX + 2];

	snprintf(prefix, sizeof prefix, "%.*s/", (int)strcspn(row_key, "/"), row_key);
	return store_row_each_any(t, STORE_VIEW, prefix, stop, NULL);
}

/* Is there room for one more? */
static int
check_room(struct store_txn *t, unsigned which, const char **full)
{
	uint32_t n;
	int ret = get_count(t, which, &n);

	if (ret != 0 || n < counted[which].max)
		return ret;
	*full = counted[which].what;
	return -E2BIG;
}

/* A row that was not there. */
static int
add_row(struct store_txn *t, enum store_table table, const char *key, const char *value,
	const char **full)
{
	unsigned which = table == STORE_VIEW ? COUNT_ZONES : COUNT_NETWORKS;
	int old = table == STORE_VIEW ? has_zones(t, key) : 1;
	int ret = old < 0 ? old : check_room(t, which, full);

	if (ret == 0 && old == 0)
		ret = check_room(t, COUNT_VIEWS, full);
	if (ret == 0)
		ret = store_row_put(t, table, key, value);
	if (ret == 0)
		ret = add_count(t, which, 1);
	if (ret == 0 && old == 0)
		ret = add_count(t, COUNT_VIEWS, 1);
	return ret;
}

static int
remove_row(struct store_txn *t, enum store_table table, const char *key)
{
	int ret = store_row_remove(t, table, key);

	if (ret == 0)
		ret = add_count(t, table == STORE_VIEW ? COUNT_ZONES : COUNT_NETWORKS, -1);
	if (ret == 0 && table == STORE_VIEW) {
		int left = has_zones(t, key);
		ret = left < 0 ? left : left == 0 ? add_count(t, COUNT_VIEWS, -1) : 0;
	}
	return ret;
}

int
views_put_row(struct store_txn *t, enum store_table table, const char *key, const char *value,
	const char **full)
{
	const char *now;
	int ret = store_row_get(t, table, key, &now);

	if (ret == -EPROTO) { /* a damaged one: this is how it is mended */
		now = NULL;
		ret = 0;
	}
	if (ret != 0 && ret != -ENOENT)
		return ret;
	if (value == NULL)
		return ret == -ENOENT ? 1 : remove_row(t, table, key);
	if (ret == -ENOENT)
		return add_row(t, table, key, value, full);
	return now != NULL && strcmp(now, value) == 0 ? 1 : store_row_put(t, table, key, value);
}
