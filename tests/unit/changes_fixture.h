/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_fixture: a store, an arena, a publisher, a zone manager and the engine of changes in a
 * folder of their own, and short ways to change zones and to see what is served. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/changes/changes.h"
#include "controlplane/manager/zone_manager.h"

#include <semaphore.h>

#define CHANGES_TEST(f) cmocka_unit_test_setup_teardown(f, changes_setup, changes_teardown)
#define ARENA_OCTETS (256ull << 20)

struct changes_fixture {
	char folder[64], store_path[96], arena_path[96], zones[96];
	uint64_t arena_octets;
	struct config config;
	struct store *store;
	struct arena arena;
	struct zone_publisher *publisher;
	struct zone_manager *zones_of;
	struct changes *changes;
	struct changes_options options; /* what a start asks for beside its own; zeroed at first */
	sem_t ended;
};

int changes_setup(void **state);
int changes_setup_sized(void **state, uint64_t arena_octets);
int changes_teardown(void **state);
/** All but the folder: as a control plane does. */
void changes_fixture_start(struct changes_fixture *f);
void changes_fixture_stop(struct changes_fixture *f);
/** Until every load is done. */
void settle_loads(struct changes_fixture *f);

/* What came of edits. */
struct outcome {
	enum change_verdict verdict;
	char text[768];
	uint32_t before, after;
	bool changed;
};

/* A record as text, of class IN: "REPLACE www.a. 60 A 192.0.2.1 / 192.0.2.2", "DELETE www.a. A",
 * "EXTEND ...", "PRUNE ...". '-' before a record: it is disabled. */
struct outcome edit(struct changes_fixture *f, const char *zone, const char *const *line);
struct outcome edit_with(struct changes_fixture *f, const char *zone, const char *const *line,
	struct zone_edits *with);
#define EDIT(f, zone, ...) edit(f, zone, (const char *const[]){__VA_ARGS__, NULL})
/** Expect it to go well. */
#define EDIT_OK(f, zone, ...)                                         \
	do {                                                          \
		struct outcome edit_ok_ = EDIT(f, zone, __VA_ARGS__); \
		if (edit_ok_.verdict != CHANGE_OK)                    \
			fail_msg("%s", edit_ok_.text);                \
	} while (0)

/** Make a zone of the store, without records. @return the job's result */
int create_zone(struct changes_fixture *f, const char *zone);
int delete_zone(struct changes_fixture *f, const char *zone);
/** And with an SOA of serial 1 and an NS. */
void create_full_zone(struct changes_fixture *f, const char *zone);
void set_metadata(struct changes_fixture *f, const char *zone, const char *kind, const char *value);

/** Serial that a worker would answer with; -1: SERVFAIL; -2: no such zone. */
int64_t served(struct changes_fixture *f, const char *zone);
/** What the manager has of it; its texts are gone. */
struct zone_entry entry(struct changes_fixture *f, const char *zone);
/** Is there a node of this name in what is served? */
bool served_name(struct changes_fixture *f, const char *zone, const char *name);
/** RRset of the store as text: "60 192.0.2.1 -192.0.2.2 #comment", or "" when there is none. The
 * next call overwrites it. */
const char *stored(
	struct changes_fixture *f, const char *zone, const char *owner, const char *type);
const uint8_t *wire(uint8_t name[ZONE_WIRE_OCTETS], const char *text);
