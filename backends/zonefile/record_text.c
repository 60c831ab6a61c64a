/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record_text: by libknot, so every RR type that it knows. */
#include "backends/zonefile/record_text.h"

#include "shm/name.h"

#include <errno.h>
#include <libknot/descriptor.h>
#include <libknot/dname.h>
#include <libknot/rrset-dump.h>
#include <libknot/rrset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
make_room(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 256;
	char *at;

	while (room < t->len + more + 1)
		room *= 2;
	if (t->error || room == t->room)
		return t->error == 0;
	at = realloc(t->at, room);
	if (!at) {
		t->error = -ENOMEM;
		return false;
	}
	t->at = at;
	t->room = room;
	return true;
}

void
text_add(struct text *t, const char *from, size_t len)
{
	if (!make_room(t, len))
		return;
	memcpy(t->at + t->len, from, len);
	t->len += len;
	t->at[t->len] = '\0';
}

void
text_add_string(struct text *t, const char *string)
{
	text_add(t, string, strlen(string));
}

void
text_free(struct text *t)
{
	free(t->at);
	*t = (struct text){0};
}

/* Octets of the labels in front of the origin; 0: it does not end in it. */
static unsigned
octets_in_front(const uint8_t *name, const uint8_t *origin)
{
	unsigned len = name_octets(name), origin_len = name_octets(origin), at = 0;

	while (len - at > origin_len)
		at += name[at] + 1u;
	return len - at == origin_len && memcmp(name + at, origin, origin_len) == 0 ? at : 0;
}

void
text_add_name(struct text *t, const uint8_t *name, const uint8_t *origin)
{
	unsigned len = name_octets(name), front;
	uint8_t head[NAME_OCTETS_MAX + 1];
	char out[KNOT_DNAME_TXT_MAXLEN + 1];

	if (len == name_octets(origin) && memcmp(name, origin, len) == 0) {
		text_add(t, "@", 1);
		return;
	}
	front = octets_in_front(name, origin);
	memcpy(head, name, front ? front : len);
	if (front)
		head[front] = 0;
	if (!knot_dname_to_str(out, head, sizeof out)) {
		t->error = -EINVAL;
		return;
	}
	text_add(t, out, strlen(out) - (front ? 1 : 0));
}

void
text_add_absolute(struct text *t, const uint8_t *name)
{
	char out[KNOT_DNAME_TXT_MAXLEN + 1];

	if (knot_dname_to_str(out, name, sizeof out))
		text_add_string(t, out);
	else
		t->error = -EINVAL;
}

void
text_add_type(struct text *t, uint16_t type)
{
	char out[32];

	if (knot_rrtype_to_string(type, out, sizeof out) < 0)
		snprintf(out, sizeof out, "TYPE%u", type);
	text_add_string(t, out);
}

static void
add_generic(struct text *t, const uint8_t *rdata, uint16_t rdlength)
{
	char out[16];

	snprintf(out, sizeof out, "\\# %u ", rdlength);
	text_add_string(t, out);
	for (unsigned i = 0; i < rdlength; i++) {
		snprintf(out, sizeof out, "%02X", rdata[i]);
		text_add(t, out, 2);
	}
}

void
text_add_rdata(struct text *t, uint16_t type, const uint8_t *rdata, uint16_t rdlength)
{
	static uint8_t root[1];
	knot_dump_style_t style = KNOT_DUMP_STYLE_DEFAULT;
	size_t room = 6u * rdlength + 1024;
	knot_rrset_t set;
	int n = -1;

	style.wrap = false;
	style.human_ttl = false;
	style.now = 0;
	knot_rrset_init(&set, root, type, KNOT_CLASS_IN, 0);
	if (!make_room(t, room))
		return;
	if (rdlength > 0 && knot_rrset_add_rdata(&set, rdata, rdlength, NULL) == 0) {
		n = knot_rrset_txt_dump_data(&set, 0, t->at + t->len, room, &style);
		knot_rdataset_clear(&set.rrs, NULL);
	}
	if (n > 0)
		t->len += (size_t)n;
	t->at[t->len] = '\0';
	if (n <= 0)
		add_generic(t, rdata, rdlength);
}
