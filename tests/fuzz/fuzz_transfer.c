/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a primary sends: an octet (1: the zone has a key; 2: the root zone), then messages, each
 * behind its length, as on the connection. A content that is complete must be RRsets of the zone,
 * in order. */
#include "fuzz.h"

#include "controlplane/manager/zone_names.h"
#include "controlplane/transfer/transfer_reader.h"

#include <libknot/dname.h>
#include <string.h>

#define RECORDS_MAX 1000u
#define MEMORY_MAX (1u << 20)

static const char secret[] = "c2VjcmV0LW9mLXRlc3RzLXRoYXQtaXMtbG9uZy1lbm91Z2g=";

static void
check_content(struct transfer_content *content, const uint8_t *apex)
{
	struct transfer_error e = {.text = ""};
	struct transfer_figures f;
	uint64_t n = 0;

	if (transfer_content_finish(content, &e) != 0)
		return;
	transfer_content_figures(content, &f);
	FUZZ_CHECK(f.n > 0 && f.records + f.dropped <= RECORDS_MAX && f.memory <= MEMORY_MAX);
	for (size_t i = 0; i < f.n; i++) {
		const struct backend_rrset *set = &f.rrset[i].rrset;
		n += set->n_records;
		FUZZ_CHECK(set->n_records > 0 && set->ttl <= INT32_MAX);
		FUZZ_CHECK(knot_dname_in_bailiwick(set->owner, apex) >= 0);
		for (uint32_t j = 0; j < set->n_records; j++)
			FUZZ_CHECK(set->record[j].rdata != NULL);
		if (i > 0) {
			int order = knot_dname_cmp(f.rrset[i - 1].rrset.owner, set->owner);
			FUZZ_CHECK(
				order < 0 || (order == 0 && f.rrset[i - 1].rrset.type < set->type));
		}
	}
	FUZZ_CHECK(n == f.records);
}

/* Messages until one is refused or the last one has come. */
static void
read_messages(struct transfer_reader *r, const uint8_t *data, size_t size)
{
	static uint8_t message[TRANSFER_MESSAGE_MAX];
	struct transfer_error e = {.text = ""};
	int ret = 0;

	while (ret == 0 && size >= 2) {
		size_t len = (size_t)data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		memcpy(message, data, len);
		ret = transfer_reader_take(r, message, len, &e);
		FUZZ_CHECK(ret <= 1);
		FUZZ_CHECK((ret < 0) == (e.text[0] != '\0'));
		data += len;
		size -= len;
	}
	if (ret != 1)
		return;
	FUZZ_CHECK(r->tsig == NULL); /* nobody guesses a signature */
	FUZZ_CHECK(transfer_reader_take(r, message, 12, &e) < 0);
	check_content(r->content, r->apex);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transfer_content_limits limits = {.records = RECORDS_MAX, .memory = MEMORY_MAX};
	uint8_t apex[ZONE_WIRE_OCTETS], question[TRANSFER_QUESTION_OCTETS];
	struct transfer_reader r = {.apex = apex, .id = 0x1234};
	struct transfer_error e = {.text = ""};
	struct transfer_tsig tsig = {0};

	if (size == 0 || zone_wire_from_text(apex, (data[0] & 2) != 0 ? "." : "evil.example") < 0)
		return 0;
	r.content = transfer_content_create(apex, &limits);
	FUZZ_CHECK(r.content != NULL);
	if ((data[0] & 1) != 0) {
		FUZZ_CHECK(transfer_tsig_init(&tsig, "evil.key", "hmac-sha256", secret) == 0);
		r.tsig = &tsig;
	}
	FUZZ_CHECK(transfer_reader_ask(&r, question, &e) > 0);
	read_messages(&r, data + 1, size - 1);
	transfer_reader_end(&r);
	transfer_tsig_end(&tsig);
	transfer_content_destroy(r.content);
	return 0;
}
