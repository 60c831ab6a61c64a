/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reconfigure_read: the file is read and checked, and compared with what runs, by a thread of
 * libuv's pool while everything goes on. Changes nothing but the outcome of its request; but for
 * the access list alone, which is taken over here. */
#include "controlplane/reconfigure_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct reconfigure_process reconfigure_process[RECONFIGURE_PROCESSES] = {
	{CONFIG_DATAPLANE, HUB_DATAPLANE, "millrace-dataplane"},
	{CONFIG_CONTROLPLANE, HUB_CONTROLPLANE, "millrace-controlplane"},
	{CONFIG_STREAM, HUB_STREAM, "millrace-stream"},
};

uint32_t
reconfigure_elapsed_us(uint64_t since_ns)
{
	return (uint32_t)((uv_hrtime() - since_ns) / 1000);
}

void
reconfigure_name_processes(unsigned processes, char *out, size_t len)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < RECONFIGURE_PROCESSES && at < len; i++)
		if ((processes & reconfigure_process[i].bit) != 0)
			at += (size_t)snprintf(out + at, len - at, "%s%s", at > 0 ? " and " : "",
				reconfigure_process[i].name);
}

void
reconfigure_outcome_free(struct reconfigure_outcome *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < o->n_changes; i++) {
		free(o->change[i].key);
		free(o->change[i].before);
		free(o->change[i].after);
	}
	free(o->change);
	free(o->error);
	free(o);
}

/* --- comparing --- */

/* Remember a change; the same key of another process adds that process to it. */
static void
add_change(struct reconfigure_outcome *o, const struct config_change *c, unsigned restart)
{
	struct reconfigure_change *more, *new;

	o->restart |= restart;
	for (size_t i = 0; i < o->n_changes; i++) {
		if (strcmp(o->change[i].key, c->key) == 0) {
			o->change[i].restart |= restart;
			return;
		}
	}
	more = realloc(o->change, (o->n_changes + 1) * sizeof *more);
	if (more == NULL) {
		o->verdict = RECONFIGURE_FAILED;
		return;
	}
	o->change = more;
	new = &more[o->n_changes++];
	*new = (struct reconfigure_change){
		strdup(c->key), strdup(c->before), strdup(c->after), restart};
	if (new->key == NULL || new->before == NULL || new->after == NULL) {
		/* a change without its name cannot be told */
		free(new->key);
		free(new->before);
		free(new->after);
		o->n_changes--;
		o->verdict = RECONFIGURE_FAILED;
	}
}

struct collector {
	struct reconfigure_outcome *outcome;
	unsigned restart;
};

static void
collect(void *arg, const struct config_change *c)
{
	const struct collector *l = arg;

	add_change(l->outcome, c, l->restart);
}

/* What a process told in the hub, or 0. */
static uint64_t
digest_of(const struct reconfigure *r, size_t i)
{
	const struct hub *h = r->o.hub;

	switch (reconfigure_process[i].role) {
	case HUB_DATAPLANE:
		return atomic_load(&h->instance[hub_current_seat(h)].config_digest);
	case HUB_STREAM:
		return atomic_load(&h->stream.config_digest);
	case HUB_CONTROLPLANE: /* its start is when we began */
		return config_digest(r->started[i], reconfigure_process[i].bit);
	case HUB_RECURSOR:
	case HUB_ROLES:
		break;
	}
	return 0;
}

/* What a running process would have to be restarted for. */
static void
compare_process(struct reconfigure *r, size_t i)
{
	const struct reconfigure_process *p = &reconfigure_process[i];
	struct collector l = {r->outcome, p->bit};
	uint64_t digest = digest_of(r, i);

	if (p->role != HUB_CONTROLPLANE && hub_role_pid(r->o.hub, p->role) == 0)
		return; /* it will read the file when it starts */
	if (digest == config_digest(r->next, p->bit))
		return;
	if (config_compare(r->started[i], r->next, p->bit, collect, &l) == 0 && digest != 0) {
		/* it was restarted with a file that we never read */
		struct config_change c = {.key = p->name,
			.before = "(started with a version of the file that was never reloaded)",
			.after = "(this version)"};
		add_change(r->outcome, &c, p->bit);
	}
}

/* The stream process has room for as many connections as it was told at its start. */
static void
compare_room(struct reconfigure *r)
{
	uint32_t started = atomic_load(&r->o.hub->stream.connections_max);

	if (started == 0 || r->next->stream.connections_max <= started ||
		hub_role_pid(r->o.hub, HUB_STREAM) == 0)
		return;
	for (size_t i = 0; i < r->outcome->n_changes; i++) {
		if (strcmp(r->outcome->change[i].key, "stream.connections-max") != 0)
			continue;
		r->outcome->change[i].restart |= CONFIG_STREAM;
		r->outcome->restart |= CONFIG_STREAM;
	}
}

/* The list of what runs again. Here and not by whoever asks: nothing else can take over another
 * configuration in between, which this list would then undo. */
static void
read_acl(struct reconfigure *r)
{
	char error[ACL_ERROR_OCTETS];
	int ret = policy_control_apply_acl(r->o.policy, r->running, error);

	if (ret == 0)
		return;
	r->outcome->verdict =
		ret == -ENOMEM || ret == -ENOSPC ? RECONFIGURE_FAILED : RECONFIGURE_BAD_FILE;
	r->outcome->error = strdup(error);
}

/* The access list's own files are part of the configuration. */
static void
plan_policy(struct reconfigure *r)
{
	char error[ACL_ERROR_OCTETS];

	if (policy_plan_create(&r->policy, r->next, error) == 0)
		return;
	r->outcome->error = strdup(error);
	if (r->outcome->error == NULL) {
		config_free(r->next);
		r->next = NULL; /* refused, without a word */
	}
}

static void
ask_others(struct reconfigure *r)
{
	char error[RECONFIGURE_ERROR_OCTETS];

	if (r->o.check == NULL || r->o.check(r->next, error) == 0)
		return;
	r->outcome->error = strdup(error);
	if (r->outcome->error == NULL) {
		config_free(r->next);
		r->next = NULL; /* refused, without a word */
	}
}

void
reconfigure_read(uv_work_t *work)
{
	struct reconfigure *r = work->data;
	struct collector live = {r->outcome, 0};
	uint64_t since_ns = uv_hrtime();

	if (r->current->kind == RECONFIGURE_ACL) {
		read_acl(r);
		return;
	}
	(void)hub_refresh(r->o.hub); /* for processes that have started since */
	r->next = config_load_again(r->running, r->o.path, &r->outcome->error);
	if (r->next != NULL)
		plan_policy(r);
	if (r->next != NULL && r->outcome->error == NULL)
		ask_others(r);
	if (r->next == NULL || r->outcome->error != NULL) {
		r->outcome->verdict = RECONFIGURE_BAD_FILE;
	} else {
		config_compare(r->running, r->next, 0, collect, &live);
		for (size_t i = 0; i < RECONFIGURE_PROCESSES; i++)
			compare_process(r, i);
		compare_room(r);
	}
	r->outcome->read_us = reconfigure_elapsed_us(since_ns);
}
