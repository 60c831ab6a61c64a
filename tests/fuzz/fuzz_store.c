/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any octets as what a store's file holds: records, comments, a zone's record, a journal entry,
 * metadata, a name's key, and pages. Input: an octet that says which, then the octets. What is
 * decoded is read to its end, so that a sanitizer sees what lies outside. */
#include "fuzz.h"

#include "controlplane/store/store_internal.h"
#include "controlplane/store/store_pages.h"

#include <errno.h>

#define INPUT_MAX 65536u

static volatile unsigned sink;

static void
touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink += ((const uint8_t *)p)[i];
}

static int
touch_rrset(const struct backend_rrset *r)
{
	touch(r->owner, name_octets(r->owner) + NAME_PAD);
	for (uint32_t i = 0; i < r->n_records; i++)
		touch(r->record[i].rdata, r->record[i].rdlength);
	for (uint32_t i = 0; i < r->n_comments; i++) {
		touch(r->comment[i].content, strlen(r->comment[i].content));
		touch(r->comment[i].account, strlen(r->comment[i].account));
	}
	return 0;
}

static int
take_entry(void *arg, const struct store_journal_entry *e)
{
	touch(e->who, strlen(e->who));
	touch(e->origin, strlen(e->origin));
	for (uint32_t i = 0; i < e->n_removed; i++)
		touch_rrset(&e->removed[i]);
	for (uint32_t i = 0; i < e->n_added; i++)
		touch_rrset(&e->added[i]);
	return 0;
}

static void
owner_value(const uint8_t *data, size_t len, bool comments)
{
	static const uint8_t owner[STORE_NAME_OCTETS] = "\7example";
	struct store_in in = store_in(data, len);
	struct store_decoder d = {0};
	struct store_out again = {0};
	struct store_packed p;

	while ((comments ? store_in_comments(&in, &p) : store_in_rrset(&in, &p)) == 0) {
		struct backend_rrset r = {.owner = owner};
		int ret = comments ? store_unpack_comments(&p, &d, &r)
				   : store_unpack_records(&p, &d, &r);
		FUZZ_CHECK(ret == 0); /* it was looked at already */
		touch_rrset(&r);
		if (comments)
			store_out_comments(&again, &r);
		else
			store_out_rrset(&again, &r);
	}
	/* what is written again is read again */
	in = store_in(again.octets, again.len);
	while (in.at < in.end)
		FUZZ_CHECK((comments ? store_in_comments(&in, &p) : store_in_rrset(&in, &p)) == 0);
	store_out_free(&again);
	store_decoder_free(&d);
}

static void
name_key(const uint8_t *data, size_t len)
{
	static const uint8_t apex[STORE_NAME_OCTETS] = "\7example";
	uint8_t name[STORE_NAME_OCTETS];
	struct store_key k = {0};
	uint64_t id;

	(void)store_key_take_id(data, len, &id);
	if (len > STORE_KEY_OCTETS || store_key_to_name(name, data, len, apex) != 0)
		return;
	FUZZ_CHECK(store_key_name(&k, name, apex) == 0);
	FUZZ_CHECK(k.len == len && memcmp(k.octets, data, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t apex[STORE_NAME_OCTETS] = "\7example";
	struct store_pages pages = {0};
	struct store_record record;
	const char **text;
	uint8_t *own, kind;
	size_t n;

	if (len < 1 || len > INPUT_MAX)
		return 0;
	kind = *data++ % 7;
	len--;
	/* memory of exactly this size, aligned as a map is */
	own = malloc(len == 0 ? 1 : len);
	if (own == NULL)
		abort();
	memcpy(own, data, len);
	if (kind == 0 || kind == 1)
		owner_value(own, len, kind == 1);
	else if (kind == 2 && store_record_decode(own, len, &record) == 0)
		touch(record.zone.apex, name_octets(record.zone.apex) + NAME_PAD);
	else if (kind == 3)
		(void)store_journal_decode(own, len, apex, 1, take_entry, NULL);
	else if (kind == 4 && store_texts_decode(own, len, &text, &n) == 0) {
		for (size_t i = 0; i < n; i++)
			touch(text[i], strlen(text[i]));
		free(text);
	} else if (kind == 5)
		name_key(own, len);
	else if (kind == 6) {
		pages.file = own;
		pages.len = len;
		FUZZ_CHECK((store_pages_check(&pages) == 0) == (pages.n_found == 0));
	}
	free(own);
	return 0;
}
