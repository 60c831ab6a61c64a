/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_tokens: tokens are made, shown, changed, rotated and revoked, by whoever has full access. A
 * change is durable, and told in the audit log, in one transaction, before it holds. */
#include "controlplane/api/access_private.h"
#include "controlplane/api/api_store.h"

#include <errno.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKENS_MAX 10000u
#define GRACE_S 3600 /* after a rotation, unless the client says other */
#define GRACE_MAX_S (30 * 86400)

enum token_change { TOKEN_MADE, TOKEN_CHANGED, TOKEN_ROTATED, TOKEN_REVOKED };

/* One change on its way. Owned by the request, and the writer's until it is done. */
struct token_job {
	struct api_job base; /* first */
	struct token_table *table;
	enum token_change what;
	struct token *before, *after; /* held; NULL: none */
	char *row_before, *row, *audit;
	char secret[TOKEN_TEXT_OCTETS]; /* "": none to show */
};

static void
forget_job(struct api_job *base)
{
	struct token_job *j = (struct token_job *)base;

	token_release(j->before);
	token_release(j->after);
	free(j->row_before);
	free(j->row);
	free(j->audit);
	OPENSSL_cleanse(j->secret, sizeof j->secret);
}

static const char *
id_of(const struct token_job *j)
{
	return j->after != NULL ? j->after->id : j->before->id;
}

/* --- the writer's thread --- */

/* Is the token as it was when this change was made from it? Else a secret that was replaced
 * meanwhile would be good again. */
static int
check_row(struct token_job *j, struct store_txn *t)
{
	const char *now = NULL;
	int ret = store_row_get(t, STORE_TOKEN, id_of(j), &now);

	if (ret != 0 && ret != -ENOENT)
		return ret;
	if (j->row_before == NULL ? ret == -ENOENT : ret == 0 && strcmp(now, j->row_before) == 0)
		return 0;
	if (ret == -ENOENT)
		return change_refuse(&j->base.job.error, CHANGE_NOT_FOUND, "Not Found");
	return change_refuse(&j->base.job.error, CHANGE_CONFLICT,
		"The token was changed by somebody else meanwhile; ask again");
}

struct same_name {
	const char *name, *id;
	char member[TOKEN_NAME_OCTETS + 16]; /* as it is in a row: nothing in a name is escaped */
	struct change_error *error;
};

/* The id is gone when this returns. */
static int
refuse_same_name(void *arg, const char *id, const char *row)
{
	struct same_name *s = arg;

	if (strcmp(id, s->id) == 0 || strstr(row, s->member) == NULL)
		return 0;
	return change_refuse(
		s->error, CHANGE_CONFLICT, "Token %s has the name '%s' already", id, s->name);
}

/* Two that are made at once may both have found their name free. */
static int
check_name(struct token_job *j, struct store_txn *t)
{
	struct same_name s = {.id = id_of(j), .error = &j->base.job.error};

	if (j->after == NULL || (j->before != NULL && strcmp(j->before->name, j->after->name) == 0))
		return 0;
	s.name = j->after->name;
	snprintf(s.member, sizeof s.member, "\"name\":\"%s\"", s.name);
	return store_row_each(t, STORE_TOKEN, "", refuse_same_name, &s);
}

static int
apply(struct change_job *job, struct store_txn *t)
{
	struct token_job *j = (struct token_job *)job;
	int ret = check_row(j, t);

	if (ret == 0)
		ret = check_name(j, t);
	if (ret != 0)
		return ret;
	ret = j->row != NULL ? store_row_put(t, STORE_TOKEN, id_of(j), j->row)
			     : store_row_remove(t, STORE_TOKEN, id_of(j));
	return ret == 0 ? store_audit_append(t, j->audit) : ret;
}

/* In the order of the changes, whether their clients are still there or not. */
static void
take_effect(struct api_job *base)
{
	struct token_job *j = (struct token_job *)base;

	if (base->result != 0)
		return;
	if (j->after != NULL)
		token_table_put(j->table, token_hold(j->after));
	else
		token_table_remove(j->table, j->before->id);
}

/* --- the API's thread --- */

static struct token_job *
new_job(struct api_request *r, struct token_table *table, enum token_change what)
{
	struct token_job *j = api_job_new(r, sizeof *j, forget_job);

	if (j != NULL) {
		j->base.done = take_effect;
		j->table = table;
		j->what = what;
	}
	return j;
}

static void
write_json(struct api_request *r, json_t *o)
{
	char *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);

	json_decref(o);
	if (text == NULL) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	json_text(&r->out, text, strlen(text));
	OPENSSL_cleanse(text, strlen(text));
	free(text);
}

static void
after_change(struct api_request *r)
{
	struct token_job *j = api_job_of(r);
	json_t *o;

	if (j == NULL)
		return;
	r->audited = true;
	if (j->after == NULL) {
		r->status = MHD_HTTP_NO_CONTENT;
		return;
	}
	o = token_show(j->after, time(NULL));
	if (o != NULL && j->secret[0] != '\0')
		json_object_set_new(o, "token", json_string(j->secret));
	if (j->what == TOKEN_MADE) {
		r->status = MHD_HTTP_CREATED;
		api_request_header(
			r, MHD_HTTP_HEADER_LOCATION, API_BASE "/millrace/tokens/%s", j->after->id);
	}
	write_json(r, o);
}

/* A row of the audit log: who, from where, which token, its limits before and after. */
static char *
audit_row(const struct token_job *j)
{
	static const char *const word[] = {
		[TOKEN_MADE] = "token-create",
		[TOKEN_CHANGED] = "token-change",
		[TOKEN_ROTATED] = "token-rotate",
		[TOKEN_REVOKED] = "token-delete",
	};
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:O?, s:O?}", "action", word[j->what], "who",
		access_who(j->base.r), "source", access_from(j->base.r), "token", id_of(j),
		"before", j->before != NULL ? j->before->scopes : NULL, "after",
		j->after != NULL ? j->after->scopes : NULL);
	char *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

static void
run(struct api_request *r, struct token_job *j)
{
	j->audit = audit_row(j);
	if (j->after != NULL)
		j->row = token_store_text(j->after);
	if (j->before != NULL)
		j->row_before = token_store_text(j->before);
	if (j->audit == NULL || (j->before != NULL && j->row_before == NULL) ||
		(j->after != NULL && j->row == NULL)) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	api_job_run(r, apply, after_change);
}

/* The token that the path names. @return held, or NULL: 404 is the answer */
static struct token *
token_of_path(struct api_request *r, struct token_table *table)
{
	const char *id = r->match.param[0];
	struct token *k =
		strspn(id, "0123456789abcdef") == strlen(id) ? token_table_find(table, id) : NULL;

	if (k == NULL)
		api_request_error(r, MHD_HTTP_NOT_FOUND, "Not Found");
	return k;
}

static bool
has_name_too(void *arg, const struct token *k)
{
	const struct same_name *s = arg;

	return strcmp(k->name, s->name) == 0 && strcmp(k->id, s->id) != 0;
}

/* A token as the body has it. @param id  "" for a new one. @return held, or NULL: the answer is set
 */
static struct token *
token_of_body(struct api_request *r, struct token_table *table, const char *id)
{
	char error[TOKEN_ERROR_OCTETS];
	json_t *body = api_request_json(r);
	struct token *k = NULL, *other;
	int ret;

	if (body == NULL)
		return NULL;
	ret = token_create(&k, body, error);
	json_decref(body);
	if (ret != 0) {
		api_request_error(r,
			ret == -ENOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR
				       : MHD_HTTP_UNPROCESSABLE_CONTENT,
			"%s", error);
		return NULL;
	}
	other = token_table_search(
		table, has_name_too, &(struct same_name){.name = k->name, .id = id});
	if (other == NULL)
		return k;
	api_request_error(
		r, MHD_HTTP_CONFLICT, "Token %s has the name '%s' already", other->id, k->name);
	token_release(other);
	token_release(k);
	return NULL;
}

static int
collect(void *arg, const struct token *k)
{
	json_t *o = token_show(k, time(NULL));

	return o != NULL && json_array_append_new(arg, o) == 0 ? 0 : -ENOMEM;
}

static bool
collect_all(void *arg, const struct token *k)
{
	return collect(arg, k) != 0;
}

void
api_tokens_list(struct api_request *r)
{
	struct token_table *table;
	json_t *list;

	if (!access_is_full(r) || (table = access_tokens(r)) == NULL)
		return;
	list = json_array();
	token_release(token_table_search(table, collect_all, list));
	write_json(r, list);
}

void
api_token_get(struct api_request *r)
{
	struct token_table *table;
	struct token *k;

	if (!access_is_full(r) || (table = access_tokens(r)) == NULL ||
		(k = token_of_path(r, table)) == NULL)
		return;
	write_json(r, token_show(k, time(NULL)));
	token_release(k);
}

/* A new secret for a token that nobody has yet. */
static int
give_secret(struct api_request *r, struct token_job *j)
{
	if (credential_make_token(j->after->id, j->secret) != 0) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "No random numbers");
		return -1;
	}
	credential_digest(j->secret, j->after->digest);
	return 0;
}

void
api_token_create(struct api_request *r)
{
	struct token_table *table;
	struct token_job *j;

	if (!access_is_full(r) || (table = access_tokens(r)) == NULL)
		return;
	if (token_table_count(table) >= TOKENS_MAX) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"There are %u tokens already; delete one first", TOKENS_MAX);
		return;
	}
	j = new_job(r, table, TOKEN_MADE);
	if (j == NULL || (j->after = token_of_body(r, table, "")) == NULL)
		return;
	j->after->created_s = time(NULL);
	if (give_secret(r, j) == 0)
		run(r, j);
}

void
api_token_change(struct api_request *r)
{
	struct token_table *table;
	struct token_job *j;

	if (!access_is_full(r) || (table = access_tokens(r)) == NULL ||
		(j = new_job(r, table, TOKEN_CHANGED)) == NULL ||
		(j->before = token_of_path(r, table)) == NULL ||
		(j->after = token_of_body(r, table, j->before->id)) == NULL)
		return;
	strcpy(j->after->id, j->before->id);
	memcpy(j->after->digest, j->before->digest, sizeof j->after->digest);
	memcpy(j->after->old_digest, j->before->old_digest, sizeof j->after->old_digest);
	j->after->old_until_s = j->before->old_until_s;
	j->after->created_s = j->before->created_s;
	atomic_store(&j->after->used_s, atomic_load(&j->before->used_s));
	run(r, j);
}

/* How long the secret before stays good: {"grace": SECONDS}. @return 0 or -1 */
static int
grace_of_body(struct api_request *r, int64_t *grace_s)
{
	json_t *body, *grace;
	bool good;

	*grace_s = GRACE_S;
	if (r->body_octets == 0)
		return 0;
	body = api_request_json(r);
	if (body == NULL)
		return -1;
	grace = json_object_get(body, "grace");
	good = json_is_object(body) && json_object_size(body) == (grace != NULL) &&
	       (grace == NULL || (json_is_integer(grace) && json_integer_value(grace) >= 0 &&
					 json_integer_value(grace) <= GRACE_MAX_S));
	if (good && grace != NULL)
		*grace_s = json_integer_value(grace);
	json_decref(body);
	if (!good)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The body must be {\"grace\": SECONDS}, with 0 to %d of them", GRACE_MAX_S);
	return good ? 0 : -1;
}

void
api_token_rotate(struct api_request *r)
{
	char error[TOKEN_ERROR_OCTETS];
	struct token_table *table;
	struct token_job *j;
	int64_t grace_s;

	if (!access_is_full(r) || (table = access_tokens(r)) == NULL ||
		grace_of_body(r, &grace_s) != 0 || (j = new_job(r, table, TOKEN_ROTATED)) == NULL ||
		(j->before = token_of_path(r, table)) == NULL)
		return;
	if (token_create(&j->after, j->before->scopes, error) != 0) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", error);
		return;
	}
	strcpy(j->after->id, j->before->id);
	j->after->created_s = j->before->created_s;
	atomic_store(&j->after->used_s, atomic_load(&j->before->used_s));
	if (grace_s > 0) {
		memcpy(j->after->old_digest, j->before->digest, sizeof j->after->old_digest);
		j->after->old_until_s = time(NULL) + grace_s;
	}
	if (give_secret(r, j) == 0)
		run(r, j);
}

void
api_token_delete(struct api_request *r)
{
	struct token_table *table;
	struct token_job *j;

	if (!access_is_full(r) || (table = access_tokens(r)) == NULL ||
		(j = new_job(r, table, TOKEN_REVOKED)) == NULL ||
		(j->before = token_of_path(r, table)) == NULL)
		return;
	run(r, j);
}
