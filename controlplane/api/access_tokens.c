/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access_tokens: every token, in memory, as the store has them. They are read once; all changes
 * come through the API, which puts them here when they are durable. */
#include "config/log.h"
#include "controlplane/api/access_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u /* three hex digits of a random id */

struct token_table {
	pthread_mutex_t lock;
	bool loaded;
	struct token *bucket[BUCKETS]; /* chains in the order of ids */
	size_t n;
};

struct token_table *
token_table_create(void)
{
	struct token_table *t = calloc(1, sizeof *t);

	if (t != NULL)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
token_table_destroy(struct token_table *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct token *k = t->bucket[i], *next; k != NULL; k = next) {
			next = k->next;
			token_release(k);
		}
	}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Where the token of this id is, or would be. */
static struct token **
place_of(struct token_table *t, const char *id)
{
	unsigned index = 0;
	struct token **at;

	for (unsigned i = 0; i < 3; i++)
		index = index * 16 + (unsigned)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10) % 16;
	at = &t->bucket[index];
	while (*at != NULL && strcmp((*at)->id, id) < 0)
		at = &(*at)->next;
	return at;
}

static struct token *
find(struct token_table *t, const char *id)
{
	struct token *k = strlen(id) == TOKEN_ID_OCTETS ? *place_of(t, id) : NULL;

	return k != NULL && strcmp(k->id, id) == 0 ? k : NULL;
}

struct token *
token_table_find(struct token_table *t, const char *id)
{
	struct token *k;

	pthread_mutex_lock(&t->lock);
	k = find(t, id);
	if (k != NULL)
		token_hold(k);
	pthread_mutex_unlock(&t->lock);
	return k;
}

/* @return the one that was there */
static struct token *
take_out(struct token_table *t, const char *id)
{
	struct token **at = place_of(t, id), *k = *at;

	if (k == NULL || strcmp(k->id, id) != 0)
		return NULL;
	*at = k->next;
	t->n--;
	return k;
}

void
token_table_remove(struct token_table *t, const char *id)
{
	struct token *old;

	pthread_mutex_lock(&t->lock);
	old = take_out(t, id);
	pthread_mutex_unlock(&t->lock);
	token_release(old);
}

static struct token *
put(struct token_table *t, struct token *k)
{
	struct token *old = take_out(t, k->id), **at = place_of(t, k->id);

	k->next = *at;
	*at = k;
	t->n++;
	return old;
}

void
token_table_put(struct token_table *t, struct token *k)
{
	struct token *old;

	pthread_mutex_lock(&t->lock);
	old = put(t, k);
	pthread_mutex_unlock(&t->lock);
	token_release(old);
}

size_t
token_table_count(struct token_table *t)
{
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = t->n;
	pthread_mutex_unlock(&t->lock);
	return n;
}

struct token *
token_table_search(struct token_table *t, bool (*is)(void *arg, const struct token *k), void *arg)
{
	struct token *found = NULL;

	pthread_mutex_lock(&t->lock);
	for (unsigned i = 0; i < BUCKETS && found == NULL; i++)
		for (struct token *k = t->bucket[i]; k != NULL && found == NULL; k = k->next)
			if (is(arg, k))
				found = token_hold(k);
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* --- from the store --- */

static int
take_row(void *arg, const char *id, const char *text)
{
	struct token_table *t = arg;
	char error[TOKEN_ERROR_OCTETS];
	struct token *k;
	int ret = strspn(id, "0123456789abcdef") == TOKEN_ID_OCTETS
			  ? token_load(&k, id, text, error)
			  : -EINVAL;

	if (ret == -ENOMEM)
		return ret;
	if (ret != 0) {
		log_error("store: token %.40s: %s; it lets nobody in", id,
			strlen(id) == TOKEN_ID_OCTETS ? error : "its id is damaged");
		return 0;
	}
	token_release(put(t, k));
	return 0;
}

int
token_table_load(struct token_table *t, struct store *s)
{
	struct store_txn *txn;
	int ret = 0;

	pthread_mutex_lock(&t->lock);
	if (!t->loaded) {
		ret = store_read(s, &txn);
		if (ret == 0) {
			ret = store_row_each(txn, STORE_TOKEN, "", take_row, t);
			store_end(txn);
		}
		if (ret == -ENOENT)
			ret = 0;
		t->loaded = ret == 0;
	}
	pthread_mutex_unlock(&t->lock);
	return ret;
}
