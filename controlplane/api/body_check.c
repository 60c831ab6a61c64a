/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_check: see the header. The words are those of PowerDNS's checkNewRecords(). */
#include "controlplane/api/body_check.h"

#include "controlplane/zones/rdata_text.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/descriptor.h>

/* --- names --- */

static bool
is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '/';
}

bool
body_name_is_plain(const uint8_t *wire, bool wildcard)
{
	if (wildcard && wire[0] == 1 && wire[1] == '*')
		wire += 2;
	for (; wire[0] != 0; wire += wire[0] + 1u)
		for (unsigned i = 1; i <= wire[0]; i++)
			if (!is_plain(wire[i]))
				return false;
	return true;
}

bool
body_name_is_below(const uint8_t *name, const uint8_t *apex)
{
	unsigned apex_len = name_octets(apex), len = name_octets(name);

	while (len > apex_len) {
		len -= name[0] + 1u;
		name += name[0] + 1u;
	}
	return len == apex_len && memcmp(name, apex, len) == 0;
}

/* Of letters, digits and hyphens that are at no end of a label. */
static bool
is_hostname(const uint8_t *name)
{
	for (; name[0] != 0; name += name[0] + 1u) {
		if (name[1] == '-' || name[name[0]] == '-')
			return false;
		for (unsigned i = 1; i <= name[0]; i++)
			if (!is_plain(name[i]) || name[i] == '_' || name[i] == '/')
				return false;
	}
	return true;
}

/* --- one RRset --- */

static int __attribute__((format(printf, 3, 4)))
refuse(char error[BODY_ERROR_OCTETS], const struct backend_rrset *set, const char *format, ...)
{
	char name[ZONE_TEXT_OCTETS], type[16], what[BODY_ERROR_OCTETS / 2];
	va_list args;

	zone_text_from_wire(name, set->owner);
	rrtype_to_text(set->type, type);
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	/* "%s" of the format stands for what PowerDNS writes between */
	snprintf(error, BODY_ERROR_OCTETS, "%.*s %.*s IN %s%s", (int)strcspn(what, "|"), what,
		BODY_TEXT_SHOWN, name, type, what + strcspn(what, "|") + 1);
	return -EINVAL;
}

static int
compare_records(const void *a, const void *b, void *arg)
{
	const struct backend_record *x = *(const struct backend_record *const *)a;
	const struct backend_record *y = *(const struct backend_record *const *)b;
	const struct backend_rrset *set = arg;

	return zone_rdata_compare(set->type, x->rdata, x->rdlength, y->rdata, y->rdlength);
}

static int
check_double_records(const struct backend_rrset *set, char error[BODY_ERROR_OCTETS])
{
	const struct backend_record **sorted;
	int ret = 0;

	if (set->n_records < 2)
		return 0;
	sorted = malloc(set->n_records * sizeof *sorted);
	if (sorted == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n_records; i++)
		sorted[i] = &set->record[i];
	qsort_r(sorted, set->n_records, sizeof *sorted, compare_records, (void *)set);
	for (uint32_t i = 1; i < set->n_records && ret == 0; i++) {
		char text[BODY_TEXT_SHOWN] = "...";
		if (compare_records(&sorted[i - 1], &sorted[i], (void *)set) != 0)
			continue;
		if (rdata_to_text(set->type, sorted[i]->rdata, sorted[i]->rdlength, text,
			    sizeof text) < 0)
			strcpy(text, "...");
		ret = refuse(error, set, "Duplicate record in RRset| with content \"%s\"", text);
	}
	free(sorted);
	return ret;
}

static int
check_hosts(const struct backend_rrset *set, char error[BODY_ERROR_OCTETS])
{
	int at = zone_rdata_host(set->type);

	for (uint32_t i = 0; at >= 0 && i < set->n_records; i++) {
		const uint8_t *host = set->record[i].rdata + at;
		char text[ZONE_TEXT_OCTETS];
		if (is_hostname(host) && (host[0] != 0 || set->type != KNOT_RRTYPE_NS))
			continue;
		zone_text_from_wire(text, host);
		return refuse(
			error, set, "RRset| non-hostname content %.*s", BODY_TEXT_SHOWN, text);
	}
	return 0;
}

static int
check_rrset(const struct backend_rrset *set, const uint8_t *apex, char error[BODY_ERROR_OCTETS])
{
	bool at_apex = name_octets(set->owner) == name_octets(apex);
	int ret;

	if (set->n_records == 0)
		return 0;
	if (set->n_records > 1 &&
		(set->type == KNOT_RRTYPE_CNAME || set->type == KNOT_RRTYPE_DNAME ||
			set->type == KNOT_RRTYPE_SOA))
		return refuse(error, set, "RRset| has more than one record");
	if (at_apex && set->type == KNOT_RRTYPE_DS)
		return refuse(error, set, "Record| is not allowed at apex");
	if (!at_apex && (set->type == KNOT_RRTYPE_SOA || set->type == KNOT_RRTYPE_DNSKEY))
		return refuse(error, set, "Record| is only allowed at apex");
	ret = check_double_records(set, error);
	return ret != 0 ? ret : check_hosts(set, error);
}

/* --- all of them --- */

static int
compare_edits(const void *a, const void *b)
{
	const struct zone_edit *x = *(const struct zone_edit *const *)a;
	const struct zone_edit *y = *(const struct zone_edit *const *)b;
	unsigned x_len = name_octets(x->rrset.owner), y_len = name_octets(y->rrset.owner);
	int c = memcmp(x->rrset.owner, y->rrset.owner, x_len < y_len ? x_len : y_len);

	if (c == 0)
		c = (int)x_len - (int)y_len;
	if (c == 0)
		c = (int)x->rrset.type - (int)y->rrset.type;
	return c != 0 ? c : x < y ? -1 : 1; /* in the order of the request */
}

static bool
is_same_rrset(const struct zone_edit *a, const struct zone_edit *b)
{
	unsigned len = name_octets(a->rrset.owner);

	return a->rrset.type == b->rrset.type && name_octets(b->rrset.owner) == len &&
	       memcmp(a->rrset.owner, b->rrset.owner, len) == 0;
}

/* Parts of one RRset: all join the last of them. One that is to be dropped loses its owner. */
static int
join(struct body_memory *m, struct zone_edit *const *part, size_t n)
{
	struct zone_edit whole = *part[n - 1];
	size_t n_records = 0, n_comments = 0;
	struct backend_record *record;
	struct backend_comment *comment;

	for (size_t i = 0; i < n; i++) {
		n_records += part[i]->rrset.n_records;
		n_comments += part[i]->rrset.n_comments;
	}
	record = body_take(m, (n_records + 1) * sizeof *record);
	comment = body_take(m, (n_comments + 1) * sizeof *comment);
	if (record == NULL || comment == NULL)
		return -ENOMEM;
	whole.rrset.record = record;
	whole.rrset.comment = comment;
	whole.rrset.n_records = (uint32_t)n_records;
	whole.rrset.n_comments = (uint32_t)n_comments;
	whole.has_records = whole.has_comments = false;
	for (size_t i = 0; i < n; i++) {
		const struct backend_rrset *set = &part[i]->rrset;
		for (uint32_t j = 0; j < set->n_records; j++)
			*record++ = set->record[j];
		for (uint32_t j = 0; j < set->n_comments; j++)
			*comment++ = set->comment[j];
		if (part[i]->has_records && (!whole.has_records || set->ttl < whole.rrset.ttl))
			whole.rrset.ttl = set->ttl;
		whole.has_records |= part[i]->has_records;
		whole.has_comments |= part[i]->has_comments;
		part[i]->rrset.owner = NULL;
	}
	*part[n - 1] = whole;
	return 0;
}

/* Edits of one RRset, in the order of the request: what a later one undoes is dropped. */
static int
settle(struct zone_edit *const *edit, size_t n, char error[BODY_ERROR_OCTETS])
{
	static const char *const word[] = {[EDIT_REPLACE] = "REPLACE",
		[EDIT_DELETE] = "DELETE",
		[EDIT_EXTEND] = "EXTEND",
		[EDIT_PRUNE] = "PRUNE"};
	unsigned seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (seen & 1u << edit[i]->kind)
			return refuse(error, &edit[i]->rrset,
				"Duplicate RRset| with changetype: %s", word[edit[i]->kind]);
		seen |= 1u << edit[i]->kind;
	}
	/* four at most are left */
	for (size_t i = 0; i + 1 < n; i++) {
		struct zone_edit *next = edit[i + 1];
		if (edit[i]->kind == EDIT_DELETE && next->kind != EDIT_PRUNE) {
			/* the RRset is to be this and nothing else: its comments go too */
			next->kind = EDIT_REPLACE;
			next->has_records = next->has_comments = true;
			edit[i]->rrset.owner = NULL;
		} else if (next->kind == EDIT_DELETE) {
			for (size_t j = 0; j <= i; j++)
				edit[j]->rrset.owner = NULL;
		}
	}
	return 0;
}

static void
drop_ownerless(struct body_rrsets *b)
{
	size_t to = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->edit[i].rrset.owner != NULL)
			b->edit[to++] = b->edit[i];
	b->n = to;
}

static int
check_doubles(struct body_rrsets *b, enum body_rrsets_kind kind, char error[BODY_ERROR_OCTETS])
{
	struct zone_edit **sorted;
	int ret = 0;

	if (b->n < 2)
		return 0;
	sorted = malloc(b->n * sizeof *sorted);
	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++)
		sorted[i] = &b->edit[i];
	qsort(sorted, b->n, sizeof *sorted, compare_edits);
	for (size_t i = 0, end; i < b->n && ret == 0; i = end) {
		for (end = i + 1; end < b->n && is_same_rrset(sorted[i], sorted[end]);)
			end++;
		if (end - i > 1)
			ret = kind == BODY_CONTENT ? join(&b->memory, sorted + i, end - i)
						   : settle(sorted + i, end - i, error);
	}
	free(sorted);
	if (ret == 0)
		drop_ownerless(b);
	return ret;
}

int
body_check(struct body_rrsets *b, enum body_rrsets_kind kind, const uint8_t *apex,
	char error[BODY_ERROR_OCTETS])
{
	int ret = check_doubles(b, kind, error);

	for (size_t i = 0; i < b->n && ret == 0; i++)
		if (b->edit[i].kind == EDIT_REPLACE || b->edit[i].kind == EDIT_EXTEND)
			ret = check_rrset(&b->edit[i].rrset, apex, error);
	return ret;
}
