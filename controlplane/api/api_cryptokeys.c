/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_cryptokeys: DNSSEC keys of zones of the store. Those that an import has put there are shown;
 * making, changing and removing keys comes with signing. */
#include "controlplane/api/access.h"
#include "controlplane/api/api_store.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define FLAG_SEP 0x0001u /* RFC 4034 2.1.1 */
#define NO_SIGNING "DNSSEC is not in this version: keys cannot be made, activated or removed yet"

/* Of DNSKEY (RFC 8624), by PowerDNS's mnemonics; bits: 0 if each key has its own. */
static const struct algorithm {
	unsigned number, bits;
	const char *mnemonic;
} algorithm[] = {
	{5, 0, "RSASHA1"},
	{7, 0, "RSASHA1-NSEC3-SHA1"},
	{8, 0, "RSASHA256"},
	{10, 0, "RSASHA512"},
	{13, 256, "ECDSAP256SHA256"},
	{14, 384, "ECDSAP384SHA384"},
	{15, 256, "ED25519"},
	{16, 456, "ED448"},
};

/* "Algorithm: 13 (ECDSAP256SHA256)" of BIND's private-key format. */
static const struct algorithm *
find_algorithm(const char *content)
{
	const char *line = strstr(content, "Algorithm:");
	unsigned long number = line != NULL ? strtoul(line + sizeof "Algorithm:" - 1, NULL, 10) : 0;

	for (size_t i = 0; i < sizeof algorithm / sizeof algorithm[0]; i++)
		if (algorithm[i].number == number)
			return &algorithm[i];
	return NULL;
}

/* Of an RSA key: its modulus is in base64. */
static unsigned
modulus_bits(const char *content)
{
	const char *line = strstr(content, "Modulus:");
	size_t len;

	if (line == NULL)
		return 0;
	line += sizeof "Modulus:" - 1;
	line += strspn(line, " ");
	len = strcspn(line, "=\r\n");
	return (unsigned)(len * 6 / 8 * 8);
}

struct listing {
	struct json_writer *w;
	bool one;
	uint32_t id;
	bool found;
};

static int
write_key(void *arg, const struct backend_key *key)
{
	struct listing *l = arg;
	const struct algorithm *a = find_algorithm(key->content);

	if (l->one && key->id != l->id)
		return 0;
	l->found = true;
	json_open_object(l->w, NULL);
	json_bool(l->w, "active", key->active);
	if (a != NULL) {
		json_str(l->w, "algorithm", a->mnemonic);
		json_uint(l->w, "bits", a->bits != 0 ? a->bits : modulus_bits(key->content));
	}
	json_uint(l->w, "flags", key->flags);
	json_uint(l->w, "id", key->id);
	json_str(l->w, "keytype", (key->flags & FLAG_SEP) != 0 ? "ksk" : "zsk");
	if (l->one)
		json_str(l->w, "privatekey", key->content);
	json_bool(l->w, "published", key->published);
	json_str(l->w, "type", "Cryptokey");
	json_close_object(l->w);
	return 0;
}

/* @return false: there is an answer already */
static bool
visit_keys(struct api_request *r, struct listing *l)
{
	struct store_txn *t = api_store_read(r);
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone zone;
	enum api_zone_home where;
	int ret = 0;

	if (t == NULL)
		return false;
	where = api_store_zone(r, t, apex, &zone);
	if (where != API_ZONE_NOWHERE && !l->one)
		json_open_array(&r->out, NULL);
	if (where == API_ZONE_STORED)
		ret = store_key_each(t, &zone, write_key, l);
	if (where != API_ZONE_NOWHERE && !l->one)
		json_close_array(&r->out);
	store_end(t);
	if (ret != 0)
		api_answer_store_error(r, ret);
	return where != API_ZONE_NOWHERE && ret == 0;
}

void
api_cryptokeys_list(struct api_request *r)
{
	struct listing l = {.w = &r->out};

	(void)visit_keys(r, &l);
}

/* The key that the path names, written; false: there is an answer already. */
static bool
find_key(struct api_request *r)
{
	struct listing l = {.w = &r->out, .one = true};
	char *end;
	unsigned long id = strtoul(r->match.param[1], &end, 10);

	l.id = id > UINT32_MAX ? 0 : (uint32_t)id;
	if (!visit_keys(r, &l))
		return false;
	if (*end != '\0' || !l.found)
		api_request_error(
			r, MHD_HTTP_NOT_FOUND, "The zone has no key '%.20s'", r->match.param[1]);
	return *end == '\0' && l.found;
}

void
api_cryptokey_get(struct api_request *r)
{
	if (access_server(r)) /* the private key is in the answer */
		(void)find_key(r);
}

void
api_cryptokey_add(struct api_request *r)
{
	struct listing l = {.w = &r->out};

	if (visit_keys(r, &l))
		api_request_error(r, MHD_HTTP_NOT_IMPLEMENTED, NO_SIGNING);
}

/* PUT and DELETE. */
void
api_cryptokey_change(struct api_request *r)
{
	if (find_key(r))
		api_request_error(r, MHD_HTTP_NOT_IMPLEMENTED, NO_SIGNING);
}
