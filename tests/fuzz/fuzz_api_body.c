/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of POST, PUT and PATCH of zones: edits that keep to what the engine may rely on, or one
 * line that says why not. */
#include "fuzz.h"

#include "controlplane/api/body_check.h"
#include "controlplane/api/body_zone.h"
#include "controlplane/api/json_body.h"
#include "controlplane/zones/rdata_text.h"

#include <errno.h>
#include <string.h>

static void
check_error(const char *error)
{
	FUZZ_CHECK(error[0] != '\0' && strlen(error) < BODY_ERROR_OCTETS);
}

static void
check_rrset(const struct backend_rrset *s)
{
	FUZZ_CHECK(name_octets(s->owner) <= NAME_OCTETS_MAX);
	FUZZ_CHECK(s->ttl <= 0x7fffffff);
	for (uint32_t i = 0; i < s->n_records; i++)
		FUZZ_CHECK(rdata_is_valid(s->type, s->record[i].rdata, s->record[i].rdlength));
	for (uint32_t i = 0; i < s->n_comments; i++)
		FUZZ_CHECK(s->comment[i].content != NULL && s->comment[i].account != NULL);
}

static void
check_rrsets(const json_t *document, const uint8_t *apex, enum body_rrsets_kind kind)
{
	char error[BODY_ERROR_OCTETS] = "";
	struct body_rrsets b = {0};
	int ret = body_rrsets_parse(
		&b, json_object_get(document, "rrsets"), apex, kind, 1700000000, error);

	if (ret == 0) {
		for (size_t i = 0; i < b.n; i++)
			check_rrset(&b.edit[i].rrset);
		ret = body_check(&b, kind, apex, error);
	}
	if (ret == 0)
		for (size_t i = 0; i < b.n; i++)
			FUZZ_CHECK(body_name_is_below(b.edit[i].rrset.owner, apex));
	if (ret == -EINVAL)
		check_error(error);
	body_rrsets_free(&b);
}

static void
check_zone(const json_t *document)
{
	char error[BODY_ERROR_OCTETS] = "";
	struct body_zone z = {0};

	if (body_zone_parse(&z, document, error) != 0)
		check_error(error);
	else
		FUZZ_CHECK(!z.has_kind || z.kind < BACKEND_KINDS);
	body_free(&z.memory);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char error[JSON_BODY_ERROR_OCTETS];
	uint8_t apex[ZONE_WIRE_OCTETS];
	json_t *document = json_body_load((const char *)data, len, error);

	if (document == NULL)
		return 0;
	FUZZ_CHECK(zone_wire_from_text(apex, "example.org") > 0);
	if (json_is_object(document)) {
		check_zone(document);
		check_rrsets(document, apex, BODY_CHANGES);
		check_rrsets(document, apex, BODY_CONTENT);
	}
	json_decref(document);
	return 0;
}
