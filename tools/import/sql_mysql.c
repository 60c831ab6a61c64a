/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sql_mysql: see sql.h. gmysql's database, by libmariadb. */
#include "tools/import/sql.h"

#include <mysql.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16u

static int
query(struct sql *s, const char *text, int (*row)(void *arg, const char *const *column), void *arg,
	char error[IMPORT_ERROR_OCTETS])
{
	MYSQL *c = s->connection;
	MYSQL_RES *rows;
	MYSQL_ROW one;
	int end = 0;

	if (mysql_query(c, text) != 0)
		goto failed;
	rows = mysql_use_result(c); /* one by one */
	if (rows == NULL) {
		if (mysql_field_count(c) != 0)
			goto failed;
		return 0; /* a statement without rows */
	}
	while ((one = mysql_fetch_row(rows)) != NULL) { /* to the end, or the next query fails */
		const char *column[COLUMNS_MAX] = {NULL};

		for (unsigned i = 0; i < mysql_num_fields(rows) && i < COLUMNS_MAX; i++)
			column[i] = one[i];
		if (end == 0 && row != NULL)
			end = row(arg, column);
	}
	mysql_free_result(rows);
	if (end != 0 || mysql_errno(c) == 0)
		return end;
failed:
	snprintf(error, IMPORT_ERROR_OCTETS, "%s", mysql_error(c));
	return -1;
}

static void
close_it(struct sql *s)
{
	mysql_close(s->connection);
}

/* "host=db.example port=3306 user=pdns password=x dbname=pdns socket=/run/x": as libpq's. */
struct where {
	char *host, *user, *password, *dbname, *socket;
	unsigned port;
};

static int
parse_where(char *text, struct where *w, char error[IMPORT_ERROR_OCTETS])
{
	char *rest = text, *one;

	*w = (struct where){.dbname = (char *)"powerdns"};
	while ((one = strsep(&rest, " ")) != NULL) {
		char *value = strchr(one, '=');

		if (one[0] == '\0')
			continue;
		if (value != NULL)
			*value++ = '\0';
		if (value == NULL ||
			(strcmp(one, "host") != 0 && strcmp(one, "user") != 0 &&
				strcmp(one, "password") != 0 && strcmp(one, "dbname") != 0 &&
				strcmp(one, "socket") != 0 && strcmp(one, "port") != 0)) {
			snprintf(error, IMPORT_ERROR_OCTETS,
				"'%.60s': write host=, port=, socket=, user=, password= or "
				"dbname= and a value",
				one);
			return -1;
		}
		if (strcmp(one, "host") == 0)
			w->host = value;
		else if (strcmp(one, "user") == 0)
			w->user = value;
		else if (strcmp(one, "password") == 0)
			w->password = value;
		else if (strcmp(one, "dbname") == 0)
			w->dbname = value;
		else if (strcmp(one, "socket") == 0)
			w->socket = value;
		else
			w->port = (unsigned)strtoul(value, NULL, 10);
	}
	return 0;
}

int
sql_open_mysql(struct sql *s, const char *where, char error[IMPORT_ERROR_OCTETS])
{
	static const char *const begin[] = {
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"};
	char *copy = strdup(where);
	MYSQL *c = mysql_init(NULL);
	struct where w;
	int ret = -1;

	if (copy == NULL || c == NULL)
		abort();
	*s = (struct sql){c, query, close_it};
	mysql_options(c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (parse_where(copy, &w, error) == 0) {
		if (mysql_real_connect(
			    c, w.host, w.user, w.password, w.dbname, w.port, w.socket, 0) == NULL)
			snprintf(error, IMPORT_ERROR_OCTETS, "%s", mysql_error(c));
		else
			ret = 0;
	}
	for (size_t i = 0; i < 2 && ret == 0; i++)
		ret = query(s, begin[i], NULL, NULL, error);
	free(copy);
	if (ret != 0)
		mysql_close(c);
	return ret;
}
