/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_asked: edits that another thread waits for, and what the store says meanwhile. */
#pragma once
#include "changes_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct asked {
	struct changes_fixture *f;
	pthread_t thread;
	const char *zone;
	char text[4096]; /* lines */
	bool creates;
	_Atomic bool answered;
	struct outcome out;
};

static void *
ask_main(void *arg)
{
	struct asked *a = arg;
	const char *line[65] = {NULL};
	struct zone_edits with = {.soa_edit = "INCREASE"};
	char *at = a->text;
	size_t n = 0;

	if (a->creates) {
		create_full_zone(a->f, a->zone);
	} else {
		for (; n < 64 && *at != '\0'; n++) {
			line[n] = at;
			at = strchr(at, '\n');
			*at++ = '\0';
		}
		a->out = edit_with(a->f, a->zone, line, &with);
	}
	a->answered = true;
	return NULL;
}

static void
ask(struct asked *a, struct changes_fixture *f, const char *zone)
{
	a->f = f;
	a->zone = zone;
	assert_int_equal(pthread_create(&a->thread, NULL, ask_main, a), 0);
}

static void
expect_answer(struct asked *a)
{
	pthread_join(a->thread, NULL);
	assert_true(a->answered);
	if (a->out.verdict != CHANGE_OK)
		fail_msg("%s", a->out.text);
}

/* Until the store has it. */
static void
await_stored(struct changes_fixture *f, const char *zone, const char *owner, const char *type)
{
	for (unsigned i = 0; i < 6000 && stored(f, zone, owner, type)[0] == '\0'; i++)
		usleep(10000);
	assert_string_not_equal(stored(f, zone, owner, type), "");
}

static bool
is_stored(struct changes_fixture *f, const char *zone)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone z;
	struct store_txn *t;
	int ret;

	assert_int_equal(store_read(f->store, &t), 0);
	ret = store_zone_get(t, wire(apex, zone), &z);
	store_end(t);
	return ret == 0;
}
