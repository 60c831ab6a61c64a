/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_fixture: a store in a folder of its own, and short ways to put things in. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/manager/zone_names.h"
#include "controlplane/store/store_internal.h"

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)

struct fixture {
	char folder[64], path[96];
	struct store_options options;
	struct store *s;
};

int store_setup(void **state);
int store_teardown(void **state);
/** Close it and open it again. */
void reopen(struct fixture *f);

struct store_txn *begin_write(struct fixture *f);
struct store_txn *begin_read(struct fixture *f);
const uint8_t *wire(uint8_t name[ZONE_WIRE_OCTETS], const char *text);
struct store_zone create_zone(struct store_txn *t, const char *apex);
struct store_zone get_zone(struct store_txn *t, const char *apex);
/** An RRset of one record. */
void put(struct store_txn *t, const struct store_zone *zone, const char *owner, uint16_t type,
	const void *rdata, size_t len);
void put_comment(struct store_txn *t, const struct store_zone *zone, const char *owner,
	uint16_t type, const char *content);
void remove_rrset(
	struct store_txn *t, const struct store_zone *zone, const char *owner, uint16_t type);
/** Changes the zone's serial as well; one RRset goes, one comes. */
void append_journal(
	struct store_txn *t, const struct store_zone *zone, uint32_t before, uint32_t after);
unsigned count_rrsets(
	struct store_txn *t, const struct store_zone *zone, const uint8_t *from, bool below);
