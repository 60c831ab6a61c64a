/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/rrsets_diff: what is different between two zones, as lines, as JSON, and as a change. */
#include "tools/ctl/zone_edit.h"

#include <stdlib.h>
#include <string.h>

static size_t
next_enabled(const struct rrset *s, size_t i)
{
	while (i < s->n && s->rr[i].disabled)
		i++;
	return i;
}

static bool
is_empty(const struct rrset *s)
{
	return s == NULL || next_enabled(s, 0) == s->n;
}

bool
rrset_same(const struct rrset *a, const struct rrset *b)
{
	size_t i, k;

	if (is_empty(a) || is_empty(b))
		return is_empty(a) && is_empty(b);
	if (a->ttl != b->ttl)
		return false;
	for (i = next_enabled(a, 0), k = next_enabled(b, 0); i < a->n && k < b->n;
		i = next_enabled(a, i + 1), k = next_enabled(b, k + 1))
		if (strcmp(a->rr[i].content, b->rr[k].content) != 0)
			return false;
	return i == a->n && k == b->n;
}

size_t
rrsets_compare(const struct rrsets *before, const struct rrsets *after,
	void (*each)(void *arg, const struct rrset *b, const struct rrset *a), void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < before->n; i++) {
		const struct rrset *a = rrsets_find(after, &before->set[i]);
		if (rrset_same(&before->set[i], a))
			continue;
		each(arg, &before->set[i], is_empty(a) ? NULL : a);
		n++;
	}
	for (size_t i = 0; i < after->n; i++) {
		if (is_empty(&after->set[i]) || rrsets_find(before, &after->set[i]) != NULL)
			continue;
		each(arg, NULL, &after->set[i]);
		n++;
	}
	return n;
}

/* --- lines --- */

static void
put_line(const struct ctl *c, char sign, const struct rrset *s, const char *content)
{
	const char *colour = sign == '-' ? CTL_RED : sign == '+' ? CTL_GREEN : "";

	printf("%s%c%s %u %s %s%s\n", ctl_colour(c, colour), sign, s->name, s->ttl, s->type,
		content, ctl_colour(c, CTL_PLAIN));
}

static bool
has(const struct rrset *s, uint32_t ttl, const char *content)
{
	for (size_t i = 0; s != NULL && s->ttl == ttl && i < s->n; i++)
		if (!s->rr[i].disabled && strcmp(s->rr[i].content, content) == 0)
			return true;
	return false;
}

static void
put_set(void *arg, const struct rrset *before, const struct rrset *after)
{
	const struct ctl *c = arg;

	for (size_t i = 0; before != NULL && i < before->n; i++)
		if (!before->rr[i].disabled)
			put_line(c, has(after, before->ttl, before->rr[i].content) ? ' ' : '-',
				before, before->rr[i].content);
	for (size_t i = 0; after != NULL && i < after->n; i++)
		if (!after->rr[i].disabled && !has(before, after->ttl, after->rr[i].content))
			put_line(c, '+', after, after->rr[i].content);
}

size_t
rrsets_print_diff(const struct ctl *c, const struct rrsets *before, const struct rrsets *after,
	const char *before_title, const char *after_title)
{
	if (rrsets_compare(before, after, merge_ignore, NULL) == 0)
		return 0;
	printf("%s--- %s\n+++ %s%s\n", ctl_colour(c, CTL_BOLD), before_title, after_title,
		ctl_colour(c, CTL_PLAIN));
	return rrsets_compare(before, after, put_set, (void *)c);
}

/* --- JSON --- */

static json_t *
records_json(const struct rrset *s, bool disabled)
{
	json_t *array = json_array();

	for (size_t i = 0; s != NULL && i < s->n; i++)
		if (s->rr[i].disabled == disabled)
			json_array_append_new(
				array, json_pack("{s:s, s:b}", "content", s->rr[i].content,
					       "disabled", disabled));
	return array;
}

static json_t *
side_json(const struct rrset *s)
{
	return s == NULL ? json_null()
			 : json_pack("{s:I, s:o}", "ttl", (json_int_t)s->ttl, "records",
				   records_json(s, false));
}

static void
add_diff(void *arg, const struct rrset *before, const struct rrset *after)
{
	const struct rrset *one = before != NULL ? before : after;

	json_array_append_new(
		arg, json_pack("{s:s, s:s, s:o, s:o}", "name", one->name, "type", one->type,
			     "before", side_json(before), "after", side_json(after)));
}

json_t *
rrsets_diff_json(const struct rrsets *before, const struct rrsets *after)
{
	json_t *array = json_array();

	rrsets_compare(before, after, add_diff, array);
	return array;
}

static void
add_change(void *arg, const struct rrset *before, const struct rrset *after)
{
	const struct rrset *one = after != NULL ? after : before;
	json_t *kept = records_json(before, true), *records = records_json(after, false);

	json_array_extend(records, kept); /* what is disabled stays, and stays disabled */
	json_decref(kept);
	if (json_array_size(records) == 0)
		json_array_append_new(
			arg, json_pack("{s:s, s:s, s:s, s:[]}", "name", one->name, "type",
				     one->type, "changetype", "DELETE", "records"));
	else
		json_array_append_new(
			arg, json_pack("{s:s, s:s, s:s, s:I, s:O}", "name", one->name, "type",
				     one->type, "changetype", "REPLACE", "ttl",
				     (json_int_t)one->ttl, "records", records));
	json_decref(records);
}

json_t *
rrsets_patch(const struct rrsets *before, const struct rrsets *after)
{
	json_t *array = json_array();

	rrsets_compare(before, after, add_change, array);
	return json_pack("{s:o}", "rrsets", array);
}

json_t *
rrsets_json(const struct rrsets *z, const char *changetype)
{
	json_t *array = json_array();

	for (size_t i = 0; i < z->n; i++) {
		const struct rrset *s = &z->set[i];
		json_t *records = records_json(s, false), *set;
		set = json_pack("{s:s, s:s, s:I, s:o}", "name", s->name, "type", s->type, "ttl",
			(json_int_t)s->ttl, "records", records);
		if (changetype != NULL)
			json_object_set_new(set, "changetype", json_string(changetype));
		json_array_append_new(array, set);
	}
	return array;
}
