/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conformance: what the tests of any backend share: opening it, making changesets from zone text,
 * and the whole of a zone as text that can be compared. */
#pragma once
#include "backends/backend.h"
#include "backends/zonefile/zone_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct backend_api *api; /* the backend under test */

/** Another empty source for the next test. */
int fresh_source(void **state);
int remove_source(void **state);

/** An instance of the present source; fails the test when it does not open. */
void *open_instance(void);
/** The same where no test can fail: in another thread or process. NULL: it does not open */
void *try_open_instance(char error[BACKEND_ERROR_OCTETS]);

/** Skip the test unless the backend can do all of this. */
void need(uint32_t capabilities);

/* A changeset and all it points into. */
struct made {
	struct backend_changeset set;
	struct backend_change *change;
	size_t room;
	struct zone_lines lines;
	char *text;
};
/**
 * RRsets from zone text, relative to the apex: "@", "a b" ... TTLs must be written. An RRset of
 * which the first record has "; gone" behind it is to be gone; a record with "; disabled" is
 * disabled.
 */
struct made *made_from(const uint8_t *apex, uint32_t before, uint32_t after, const char *text);
void made_free(struct made *m);

/** Folded wire name, in memory of its own that lasts. */
const uint8_t *wire(const char *text);
/** "@ SOA" with this serial; one text a thread. */
const char *soa_text(uint32_t serial);

/** All of a zone, sorted, a line an RRset; to be freed. NULL: stream() failed. */
char *dump(void *instance, const uint8_t *apex);
/** What a changeset would make of an empty zone. */
char *dump_of_made(const struct made *m);

/** Apply text; fails the test unless it is taken. */
void must_apply(
	void *instance, const uint8_t *apex, uint32_t before, uint32_t after, const char *text);
/** Make a zone with SOA and NS, serial 1. */
void must_create(void *instance, const uint8_t *apex);
/** Plain properties of a zone to be made. */
struct backend_zone plain_zone(const uint8_t *apex);

/** The call failed with this errno, and said why in one line. */
#define assert_fails(call, number)                                                          \
	do {                                                                                \
		char error[BACKEND_ERROR_OCTETS] = "";                                      \
		int rc_ = (call);                                                           \
		if (rc_ != -(number))                                                       \
			fail_msg("%s: %d instead of %d: %s", #call, rc_, -(number), error); \
		check_error_line(#call, error);                                             \
	} while (0)
#define assert_works(call)                                         \
	do {                                                       \
		char error[BACKEND_ERROR_OCTETS] = "";             \
		int rc_ = (call);                                  \
		if (rc_ != 0)                                      \
			fail_msg("%s: %d: %s", #call, rc_, error); \
	} while (0)
void check_error_line(const char *call, const char *error);

/* --- the groups --- */
int run_zone_tests(void);
int run_record_tests(void);
int run_extra_tests(void);
int run_life_tests(void);
