/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_rows: see the header. */
#include "controlplane/views/views_rows.h"

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

struct counting {
	struct views_count *out;
	const char *view;
	char before[VIEW_NAME_MAX + 1];
};

/* Rows come in the order of their keys, those of a view together: '/' ends its name. */
static int
count_zone(void *arg, const char *key, const char *value)
{
	struct counting *c = arg;
	size_t len = strcspn(key, "/");

	if (len > VIEW_NAME_MAX)
		return 0;
	c->out->zones++;
	if (c->out->zones > 1 && strncmp(c->before, key, len) == 0 && c->before[len] == '\0')
		return 0;
	memcpy(c->before, key, len);
	c->before[len] = '\0';
	c->out->views++;
	c->out->has_view |= c->view != NULL && strcmp(c->before, c->view) == 0;
	return 0;
}

static int
count_network(void *arg, const char *key, const char *value)
{
	struct counting *c = arg;

	c->out->networks++;
	return 0;
}

int
views_count(struct store_txn *t, const char *view, struct views_count *out)
{
	struct counting c = {.out = out, .view = view};
	int ret;

	*out = (struct views_count){0};
	ret = store_row_each(t, STORE_VIEW, "", count_zone, &c);
	return ret == 0 ? store_row_each(t, STORE_NETWORK, "", count_network, &c) : ret;
}
