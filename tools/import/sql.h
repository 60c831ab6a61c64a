/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sql: as much of a database as reading PowerDNS's tables takes. One thread. */
#pragma once
#include "tools/import/import.h"

struct sql {
	void *connection;
	int (*query)(struct sql *s, const char *text,
		int (*row)(void *arg, const char *const *column), void *arg,
		char error[IMPORT_ERROR_OCTETS]);
	void (*close)(struct sql *s);
};

/* Each opens a connection and begins a transaction that sees one version of everything.
 * @return 0, or -1 with error set */
int sql_open_sqlite(struct sql *s, const char *where, char error[IMPORT_ERROR_OCTETS]);
int sql_open_pgsql(struct sql *s, const char *where, char error[IMPORT_ERROR_OCTETS]);
int sql_open_mysql(struct sql *s, const char *where, char error[IMPORT_ERROR_OCTETS]);

/**
 * Rows one by one as they come; a column that is NULL is a null pointer. `row` returning other than
 * 0 ends it.
 * @return 0; -1 with error set; or what row returned
 */
static inline int
sql_query(struct sql *s, const char *text, int (*row)(void *arg, const char *const *column),
	void *arg, char error[IMPORT_ERROR_OCTETS])
{
	return s->query(s, text, row, arg, error);
}

/** Read PowerDNS's tables and hand all of it over; closes the connection. */
int sql_import(struct import *im, struct sql *s, char error[IMPORT_ERROR_OCTETS]);
