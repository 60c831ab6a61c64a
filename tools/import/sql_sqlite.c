/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sql_sqlite: see sql.h. The file of gsqlite3, opened read-only: a running server may go on. */
#include "tools/import/sql.h"

#include <sqlite3.h>

#define COLUMNS_MAX 16
#define BUSY_MS 10000

static int
query(struct sql *s, const char *text, int (*row)(void *arg, const char *const *column), void *arg,
	char error[IMPORT_ERROR_OCTETS])
{
	sqlite3_stmt *statement = NULL;
	int ret = sqlite3_prepare_v2(s->connection, text, -1, &statement, NULL), end = 0;

	while (ret == SQLITE_OK || ret == SQLITE_ROW) {
		const char *column[COLUMNS_MAX] = {NULL};

		ret = sqlite3_step(statement);
		if (ret != SQLITE_ROW)
			break;
		for (int i = 0; i < sqlite3_column_count(statement) && i < COLUMNS_MAX; i++)
			column[i] = (const char *)sqlite3_column_text(statement, i);
		end = row == NULL ? 0 : row(arg, column);
		if (end != 0)
			break;
	}
	if (end == 0 && ret != SQLITE_DONE) {
		snprintf(error, IMPORT_ERROR_OCTETS, "%s", sqlite3_errmsg(s->connection));
		end = -1;
	}
	sqlite3_finalize(statement);
	return end;
}

static void
close_it(struct sql *s)
{
	sqlite3_close(s->connection);
}

int
sql_open_sqlite(struct sql *s, const char *where, char error[IMPORT_ERROR_OCTETS])
{
	sqlite3 *db = NULL;
	int ret = sqlite3_open_v2(where, &db, SQLITE_OPEN_READONLY, NULL);

	*s = (struct sql){db, query, close_it};
	if (ret == SQLITE_OK)
		sqlite3_busy_timeout(db, BUSY_MS);
	if (ret != SQLITE_OK)
		snprintf(error, IMPORT_ERROR_OCTETS, "%s: %s", where,
			db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(ret));
	else if (query(s, "BEGIN", NULL, NULL, error) == 0)
		return 0;
	sqlite3_close(db);
	return -1;
}
