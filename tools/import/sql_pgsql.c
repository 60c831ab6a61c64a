/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sql_pgsql: see sql.h. gpgsql's database, by libpq; rows come one by one. */
#include "tools/import/sql.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16

static void
take_error(PGconn *c, char error[IMPORT_ERROR_OCTETS])
{
	snprintf(error, IMPORT_ERROR_OCTETS, "%s", PQerrorMessage(c));
	error[strcspn(error, "\n")] = '\0';
}

static int
take_rows(const PGresult *r, int (*row)(void *arg, const char *const *column), void *arg)
{
	int n = PQntuples(r), end = 0;

	for (int k = 0; k < n && end == 0; k++) {
		const char *column[COLUMNS_MAX] = {NULL};

		for (int i = 0; i < PQnfields(r) && i < COLUMNS_MAX; i++)
			column[i] = PQgetisnull(r, k, i) ? NULL : PQgetvalue(r, k, i);
		end = row == NULL ? 0 : row(arg, column);
	}
	return end;
}

static int
query(struct sql *s, const char *text, int (*row)(void *arg, const char *const *column), void *arg,
	char error[IMPORT_ERROR_OCTETS])
{
	PGconn *c = s->connection;
	int end = 0;

	if (PQsendQuery(c, text) != 1 || PQsetSingleRowMode(c) != 1) {
		take_error(c, error);
		return -1;
	}
	for (PGresult *r; (r = PQgetResult(c)) != NULL; PQclear(r)) {
		switch (PQresultStatus(r)) {
		case PGRES_SINGLE_TUPLE:
		case PGRES_TUPLES_OK:
			if (end == 0)
				end = take_rows(r, row, arg);
			break;
		case PGRES_COMMAND_OK:
			break;
		default:
			if (end == 0)
				take_error(c, error);
			end = -1;
		}
	}
	return end;
}

static void
close_it(struct sql *s)
{
	PQfinish(s->connection);
}

int
sql_open_pgsql(struct sql *s, const char *where, char error[IMPORT_ERROR_OCTETS])
{
	PGconn *c = PQconnectdb(where);

	*s = (struct sql){c, query, close_it};
	if (PQstatus(c) != CONNECTION_OK)
		take_error(c, error);
	else if (PQsetClientEncoding(c, "UTF8") != 0)
		take_error(c, error);
	else if (query(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, NULL, error) ==
		 0)
		return 0;
	PQfinish(c);
	return -1;
}
