/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/tsig: keys for transfers and updates. A secret is read from a file, never from the command
 * line, which everybody on the machine can read. */
#include "tools/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_OCTETS_MAX 4096

static char *
path_of(const char *name)
{
	char *full = ctl_absolute(name), *escaped = ctl_escape(full);
	char *path = ctl_format(CTL_API "/tsigkeys/%s", escaped);

	free(full);
	free(escaped);
	return path;
}

/* As the config file of a nameserver wants it. */
static void
print_key(const json_t *key)
{
	printf("%-10s %s\n%-10s %s\n%-10s %s\n", "name", ctl_text(key, "name"), "algorithm",
		ctl_text(key, "algorithm"), "secret", ctl_text(key, "key"));
}

int
ctl_tsig_list(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"NAME", false}, {"ALGORITHM", false}};
	struct ctl_table t = {.column = column, .n_columns = 2};
	json_t *all = ctl_ask(c, "GET", CTL_API "/tsigkeys", NULL), *key;
	size_t i;

	if (all == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(all);
	} else {
		json_array_foreach(all, i, key)
		{
			const char *cell[] = {ctl_text(key, "name"), ctl_text(key, "algorithm")};
			ctl_table_add(&t, cell);
		}
		ctl_table_sort(&t, 0);
		ctl_table_print(c, &t, NULL);
		ctl_table_free(&t);
	}
	json_decref(all);
	return CTL_OK;
}

int
ctl_tsig_show(const struct ctl *c)
{
	char *path = path_of(c->argv[0]);
	json_t *key = ctl_ask(c, "GET", path, NULL);

	free(path);
	if (key == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(key);
	else
		print_key(key);
	json_decref(key);
	return CTL_OK;
}

/* secret NULL: the server makes one. */
static int
create(const struct ctl *c, const char *algorithm, const char *secret)
{
	char *name = ctl_absolute(c->argv[0]);
	json_t *body = json_pack("{s:s, s:s, s:s}", "name", name, "algorithm", algorithm, "key",
		       secret == NULL ? "" : secret),
	       *key = ctl_ask(c, "POST", CTL_API "/tsigkeys", body);

	free(name);
	json_decref(body);
	if (key == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(key);
	else if (secret == NULL)
		print_key(key);
	json_decref(key);
	return CTL_OK;
}

int
ctl_tsig_generate(const struct ctl *c)
{
	const char *algorithm = ctl_value(c, "algorithm");

	return create(c, algorithm == NULL ? "hmac-sha256" : algorithm, NULL);
}

int
ctl_tsig_import(const struct ctl *c)
{
	const char *path = ctl_value(c, "secret-file"), *algorithm = ctl_value(c, "algorithm");
	char secret[SECRET_OCTETS_MAX] = "";
	FILE *f;

	if (path == NULL) {
		ctl_complain("--secret-file FILE is missing (- is standard input)");
		return CTL_USAGE;
	}
	f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (f == NULL) {
		ctl_complain("--secret-file %s: %s", path, strerror(errno));
		return CTL_FAILURE;
	}
	if (fgets(secret, sizeof secret, f) == NULL)
		secret[0] = '\0';
	if (f != stdin)
		fclose(f);
	secret[strcspn(secret, "\r\n")] = '\0';
	if (secret[0] == '\0') {
		ctl_complain("--secret-file %s: its first line is the secret in base64, and is "
			     "empty",
			path);
		return CTL_FAILURE;
	}
	return create(c, algorithm == NULL ? "hmac-sha256" : algorithm, secret);
}

int
ctl_tsig_delete(const struct ctl *c)
{
	char *path;
	json_t *answer;

	if (!ctl_confirm(c, "Delete the key %s?", c->argv[0]))
		return CTL_FAILURE;
	path = path_of(c->argv[0]);
	answer = ctl_ask(c, "DELETE", path, NULL);
	free(path);
	json_decref(answer);
	return answer == NULL ? CTL_FAILURE : CTL_OK;
}
