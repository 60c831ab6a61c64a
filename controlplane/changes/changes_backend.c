/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_backend: edits of a zone whose home is not the store: read and applied in the thread of
 * its backend's instance, so that one that hangs stops nobody, told in the audit log by the writer,
 * and then loaded by the zone manager, as when others had changed it. */
#include "controlplane/backends/backends.h"
#include "controlplane/changes/changes_internal.h"
#include "controlplane/changes/edit.h"
#include "controlplane/changes/edit_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 3u /* when others change the zone at the same time */

struct backend_edit {
	struct backend_job asked; /* of the instance */
	struct change_job told;   /* of the writer */
	struct edit_job *edit;
	struct changes *changes;
	char *audit;
};

static void
end(struct backend_edit *b)
{
	edit_job_end(b->edit);
	free(b->audit);
	free(b);
}

static struct change_error *
error_of(struct backend_edit *b)
{
	return &b->edit->job.error;
}

/* --- afterwards: the audit log, and the zone is loaded --- */

/* A thread of the zone manager's: the new version is served, or was refused, which its state
 * tells. */
static void
on_loaded(void *arg)
{
	end(arg);
}

static void
load(struct backend_edit *b)
{
	struct zone_manager *zones = b->changes->o.zones;
	uint64_t ticket;

	if (zone_manager_reload_zone(zones, b->edit->edits.apex, &ticket) != 0 ||
		zone_manager_wait(zones, b->edit->edits.apex, ticket, on_loaded, b) != 0)
		end(b);
}

static int
apply_audit(struct change_job *j, struct store_txn *t)
{
	struct backend_edit *b =
		(struct backend_edit *)((char *)j - offsetof(struct backend_edit, told));

	return store_audit_append(t, b->audit);
}

/* A store without room does not undo what the backend has done. */
static void
audit_done(struct change_job *j, int result)
{
	load((struct backend_edit *)((char *)j - offsetof(struct backend_edit, told)));
}

static void
tell_and_load(struct backend_edit *b)
{
	b->told.apply = apply_audit;
	b->told.done = audit_done;
	if (b->audit == NULL || changes_submit(b->changes, &b->told) != 0)
		load(b);
}

/* --- in the instance's thread --- */

struct source {
	const struct backend_api *api;
	void *instance;
	const uint8_t *apex, *owner; /* owner: of which RRsets are wanted; NULL: all */
	int (*each)(void *to, const struct backend_rrset *rrset);
	void *to;
	char error[BACKEND_ERROR_OCTETS];
};

static int
filter(void *arg, const struct backend_rrset *rrset)
{
	struct source *s = arg;
	unsigned len;

	if (s->owner != NULL) {
		len = name_octets(s->owner);
		if (name_octets(rrset->owner) != len || memcmp(rrset->owner, s->owner, len) != 0)
			return 0;
	}
	return s->each(s->to, rrset);
}

static int
read_from(struct source *s, const uint8_t *owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	int ret;

	s->owner = owner;
	s->each = each;
	s->to = to;
	if (owner != NULL && (s->api->capabilities & BACKEND_LOOKUP) != 0)
		ret = s->api->lookup(s->instance, s->apex, owner, 0, filter, s, s->error);
	else if ((s->api->capabilities & BACKEND_STREAM) != 0)
		ret = s->api->stream(s->instance, s->apex, filter, s, s->error);
	else
		ret = -EOPNOTSUPP;
	return ret;
}

static int
read_owner(void *arg, const uint8_t *owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	return read_from(arg, owner, each, to);
}

static int
read_all(void *arg, int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	return read_from(arg, NULL, each, to);
}

static int
take_kind(void *arg, const struct backend_metadata *m)
{
	struct edit_run *run = arg;

	if (m->n > 0 && strcmp(m->kind, "SOA-EDIT-API") == 0)
		strncpy(run->soa_edit_api, m->value[0], EDIT_KIND_OCTETS - 1);
	else if (m->n > 0 && strcmp(m->kind, "SOA-EDIT") == 0)
		strncpy(run->soa_edit, m->value[0], EDIT_KIND_OCTETS - 1);
	return 0;
}

static void
take_zone(void *arg, const struct backend_zone *zone)
{
	((struct edit_run *)arg)->kind = zone->kind;
}

/* What the backend says went wrong, as the API's verdict. */
static int
refuse(struct backend_edit *b, int error, const char *text)
{
	enum change_verdict v = error == -ENOENT   ? CHANGE_NOT_FOUND
				: error == -EROFS  ? CHANGE_READ_ONLY
				: error == -EINVAL ? CHANGE_INVALID
				: error == -ENOSPC ? CHANGE_NO_SPACE
				: error == -ESTALE ? CHANGE_STALE
				: error == -EAGAIN || error == -ECONNREFUSED || error == -ETIMEDOUT
					? CHANGE_BUSY
					: CHANGE_FAILED;

	return change_refuse(error_of(b), v, "%s", text[0] != '\0' ? text : strerror(-error));
}

/* Can it keep what is asked of it? */
static int
check_abilities(struct backend_edit *b, struct edit_run *run, uint32_t can)
{
	if ((can & BACKEND_APPLY) == 0)
		return change_refuse(error_of(b), CHANGE_READ_ONLY,
			"Hosting backend does not support editing records.");
	for (const struct edited *e = run->set.first; e != NULL; e = e->next) {
		if (e->comments_differ && (can & BACKEND_COMMENTS) == 0)
			return change_refuse(error_of(b), CHANGE_READ_ONLY,
				"Hosting backend does not support editing comments.");
		for (uint32_t i = 0; e->records_differ && i < e->after.n_records; i++)
			if (e->after.record[i].disabled && (can & BACKEND_DISABLED) == 0)
				return edit_refuse(run, CHANGE_READ_ONLY, e->at->name, e->type,
					": Hosting backend does not support disabled records.");
	}
	return 0;
}

static int
apply_changes(struct backend_edit *b, struct edit_run *run, struct source *s)
{
	struct backend_change *change =
		edit_alloc(&run->set.memory, run->n_differ * sizeof *change);
	struct backend_changeset set = {
		.apex = run->edits->apex,
		.serial_before = run->out.serial_before,
		.serial_after = run->out.serial_after,
		.change = change,
		.who = run->edits->who,
	};

	if (change == NULL)
		return change_refuse(error_of(b), CHANGE_FAILED, "Out of memory");
	for (const struct edited *e = run->set.first; e != NULL; e = e->next)
		if (e->records_differ || e->comments_differ)
			change[set.n++] = (struct backend_change){.rrset = e->after,
				.has_records = e->records_differ,
				.has_comments = e->comments_differ};
	s->error[0] = '\0';
	return s->api->apply(s->instance, &set, s->error);
}

/* Once. @return 0; -ESTALE: somebody else was faster, try again */
static int
edit_once(struct backend_edit *b, struct source *s)
{
	struct edit_run run = {
		.edits = &b->edit->edits,
		.source = {.owner = read_owner, .all = read_all, .arg = s},
		.now_s = time(NULL),
		.error = error_of(b),
	};
	int ret;

	strncpy(run.soa_edit_api, changes_default_soa_edit_api(b->changes), EDIT_KIND_OCTETS - 1);
	ret = s->api->zone == NULL ? 0
				   : s->api->zone(s->instance, s->apex, take_zone, &run, s->error);
	if (ret == 0 && (s->api->capabilities & BACKEND_METADATA) != 0)
		ret = s->api->metadata_each(s->instance, s->apex, take_kind, &run, s->error);
	if (ret != 0)
		return refuse(b, ret, s->error);
	ret = edit_resolve(&run);
	if (ret == 0)
		ret = edit_check(&run);
	if (ret == 0)
		ret = edit_count_up(&run);
	if (ret == 0)
		ret = check_abilities(b, &run, s->api->capabilities);
	if (ret == 0 && run.n_differ > 0) {
		ret = apply_changes(b, &run, s);
		if (ret == 0)
			b->audit = edit_audit_row(&run);
		else if (ret != -ESTALE)
			ret = refuse(b, ret, s->error);
	}
	if (ret == 0) {
		b->edit->outcome = run.out;
		b->edit->outcome.changed = run.n_differ > 0;
	}
	edit_set_free(&run.set);
	return ret;
}

static int
run_edit(struct backend_job *j, const struct backend_api *api, void *instance)
{
	struct backend_edit *b = (struct backend_edit *)j;
	struct source s = {.api = api, .instance = instance, .apex = b->edit->edits.apex};
	int ret = -ESTALE;

	if (instance == NULL) {
		change_refuse(error_of(b), CHANGE_BUSY,
			"The zone's backend cannot be reached; ask again");
		end(b);
		return 0;
	}
	for (unsigned i = 0; ret == -ESTALE && error_of(b)->verdict == CHANGE_OK && i < TRIES; i++)
		ret = edit_once(b, &s);
	if (ret == -ESTALE)
		(void)refuse(b, ret, "The zone is being changed by somebody else; ask again");
	if (ret == 0 && b->edit->outcome.changed)
		tell_and_load(b);
	else
		end(b);
	return ret;
}

int
edit_backend_zone(struct changes *c, struct edit_job *edit, unsigned index)
{
	struct backend_edit *b = calloc(1, sizeof *b);
	int ret;

	if (b == NULL)
		return -ENOMEM;
	b->asked.run = run_edit;
	b->edit = edit;
	b->changes = c;
	ret = backends_submit_asked(c->o.backends, index, &b->asked);
	if (ret != 0)
		free(b);
	return ret;
}
