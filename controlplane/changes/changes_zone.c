/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_zone: changes_edit_zone(): edits of a zone of whichever home, as a job of its own. */
#include "controlplane/changes/changes_internal.h"
#include "controlplane/backends/backends.h"
#include "controlplane/changes/edit_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- a copy of the edits --- */

static char *
copy_text(struct edit_memory *m, const char *text)
{
	size_t octets = text == NULL ? 1 : strlen(text) + 1;
	char *to = edit_alloc(m, octets);

	if (to != NULL && text != NULL)
		memcpy(to, text, octets);
	return to;
}

/* What it is in the store, about. */
static size_t
rrset_octets(const struct backend_rrset *set)
{
	size_t octets = name_octets(set->owner) + set->n_records * sizeof *set->record;

	for (uint32_t i = 0; i < set->n_records; i++)
		octets += set->record[i].rdlength;
	for (uint32_t i = 0; i < set->n_comments; i++)
		octets += strlen(set->comment[i].content);
	return octets;
}

static int
copy_edits(struct edit_job *e, const struct zone_edits *from)
{
	struct edit_memory *m = &e->memory;
	struct zone_edit *edit = edit_alloc(m, from->n * sizeof *edit);
	uint8_t *apex = edit_alloc(m, ZONE_WIRE_OCTETS);

	e->edits = *from;
	if (edit == NULL || apex == NULL)
		return -ENOMEM;
	memcpy(apex, from->apex, name_octets(from->apex));
	e->edits.apex = apex;
	e->edits.edit = edit;
	e->edits.who = copy_text(m, from->who);
	e->edits.origin = copy_text(m, from->origin);
	if (from->soa_edit != NULL)
		e->edits.soa_edit = copy_text(m, from->soa_edit);
	if (from->if_serial != NULL) {
		e->if_serial = *from->if_serial;
		e->edits.if_serial = &e->if_serial;
	}
	for (size_t i = 0; i < from->n; i++) {
		edit[i] = from->edit[i];
		if (!edit_copy_rrset(m, &edit[i].rrset, &from->edit[i].rrset))
			return -ENOMEM;
		e->job.octets += rrset_octets(&edit[i].rrset);
	}
	return m->failed ? -ENOMEM : 0;
}

static void
destroy(struct edit_job *e)
{
	edit_memory_free(&e->memory);
	free(e);
}

void
edit_job_end(struct edit_job *e)
{
	e->done(e->arg, &e->outcome, &e->job.error);
	destroy(e);
}

/* --- zones of the store --- */

static int
apply_stored(struct change_job *j, struct store_txn *t)
{
	struct edit_job *e = (struct edit_job *)j;

	return changes_edit(j, t, &e->edits, &e->outcome);
}

static void
done_stored(struct change_job *j, int result)
{
	edit_job_end((struct edit_job *)j);
}

static int
submit_stored(struct changes *c, struct edit_job *e)
{
	e->job.apply = apply_stored;
	e->job.done = done_stored;
	return changes_submit(c, &e->job);
}

/* --- zones of others --- */

struct place {
	enum zone_home home;
	unsigned instance;
};

static void
note_place(void *arg, const struct zone_entry *e)
{
	struct place *p = arg;

	p->home = (enum zone_home)e->home;
	p->instance = e->instance;
}

static int
submit_elsewhere(struct changes *c, struct edit_job *e, const struct place *p)
{
	int index = c->o.backends == NULL       ? -ENOENT
		    : p->home == ZONE_HOME_FILE ? backends_find(c->o.backends, BACKENDS_ZONE_FILES)
						: (int)p->instance;
	int ret = index < 0 ? -ENOENT : edit_backend_zone(c, e, (unsigned)index);

	if (ret != -ENOENT)
		return ret;
	change_refuse(&e->job.error, CHANGE_READ_ONLY,
		"Hosting backend does not support editing records.");
	edit_job_end(e);
	return 0;
}

int
changes_edit_zone(struct changes *c, const struct zone_edits *edits,
	void (*done)(void *arg, const struct edits_outcome *o, const struct change_error *e),
	void *arg)
{
	struct place place = {.home = ZONE_HOME_STORE};
	struct edit_job *e = calloc(1, sizeof *e);
	int ret;

	if (e == NULL)
		return -ENOMEM;
	ret = copy_edits(e, edits);
	if (ret == 0) {
		e->done = done;
		e->arg = arg;
		zone_manager_visit(c->o.zones, e->edits.apex, note_place, &place);
		ret = place.home == ZONE_HOME_STORE ? submit_stored(c, e)
						    : submit_elsewhere(c, e, &place);
	}
	if (ret != 0)
		destroy(e);
	return ret;
}
