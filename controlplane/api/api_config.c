/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_config: the configuration that holds, what the file would change, and taking it over. */
#include "controlplane/api/request.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

/* --- show --- */

static void
show_open(void *arg, const char *key, bool list)
{
	if (list)
		json_open_array(arg, key);
	else
		json_open_object(arg, key);
}

static void
show_close(void *arg, bool list)
{
	if (list)
		json_close_array(arg);
	else
		json_close_object(arg);
}

static void
show_value(void *arg, const char *key, enum config_kind kind, const char *text)
{
	switch (kind) {
	case CONFIG_VALUE_UNSET:
		json_str(arg, key, NULL);
		break;
	case CONFIG_VALUE_NUMBER:
		json_uint(arg, key, strtoull(text, NULL, 10));
		break;
	case CONFIG_VALUE_BOOL:
		json_bool(arg, key, text[0] == 't');
		break;
	case CONFIG_VALUE_TEXT:
	case CONFIG_VALUE_HIDDEN:
		json_str(arg, key, text);
		break;
	}
}

void
api_config_get(struct api_request *r)
{
	struct config *c = reconfigure_running(r->context->reconfigure);
	struct config_visitor v = {show_open, show_close, show_value, &r->out};

	json_open_object(&r->out, NULL);
	json_str(&r->out, "file", r->context->config_path);
	json_open_object(&r->out, "config");
	config_visit(c, &v);
	json_close_object(&r->out);
	json_close_object(&r->out);
	config_free(c);
}

/* --- outcomes --- */

static void
write_processes(struct json_writer *w, unsigned processes)
{
	json_open_array(w, "restart");
	for (unsigned bit = 1; bit <= CONFIG_ALL; bit <<= 1) {
		char name[64];
		if ((processes & bit) == 0)
			continue;
		reconfigure_name_processes(bit, name, sizeof name);
		json_str(w, NULL, name);
	}
	json_close_array(w);
}

static void
write_outcome(struct json_writer *w, const struct reconfigure_outcome *o)
{
	bool applied = o->verdict == RECONFIGURE_DONE || o->verdict == RECONFIGURE_PARTLY;

	json_open_array(w, "changes");
	for (size_t i = 0; i < o->n_changes; i++) {
		const struct reconfigure_change *c = &o->change[i];
		json_open_object(w, NULL);
		json_str(w, "key", c->key);
		json_str(w, "before", c->before);
		json_str(w, "after", c->after);
		json_bool(w, "applied", applied && c->restart == 0);
		write_processes(w, c->restart);
		json_close_object(w);
	}
	json_close_array(w);
	write_processes(w, o->restart);
	json_uint(w, "read_us", o->read_us);
	json_uint(w, "apply_us", o->apply_us);
}

/* {"error", "errors", "changes", ...} */
static void
write_refusal(struct api_request *r, unsigned status, const char *error)
{
	const struct reconfigure_outcome *o = r->outcome;

	r->status = status;
	json_open_object(&r->out, NULL);
	json_str(&r->out, "error", error);
	json_open_array(&r->out, "errors");
	if (o->error != NULL)
		json_str(&r->out, NULL, o->error);
	for (size_t i = 0; i < o->n_changes; i++) {
		const struct reconfigure_change *c = &o->change[i];
		char names[128], line[2048];
		if (c->restart == 0)
			continue;
		reconfigure_name_processes(c->restart, names, sizeof names);
		snprintf(line, sizeof line, "%s: %s -> %s: needs a restart of %s", c->key,
			c->before, c->after, names);
		json_str(&r->out, NULL, line);
	}
	json_close_array(&r->out);
	write_outcome(&r->out, o);
	json_close_object(&r->out);
}

/* @return true when it was refused, and that is the answer */
static bool
answer_refusal(struct api_request *r)
{
	const struct reconfigure_outcome *o = r->outcome;

	switch (o == NULL ? RECONFIGURE_FAILED : o->verdict) {
	case RECONFIGURE_DONE:
	case RECONFIGURE_PARTLY:
		return false;
	case RECONFIGURE_RESTART:
		write_refusal(r, MHD_HTTP_CONFLICT,
			"The configuration was not taken over, nothing has changed: keys need a "
			"restart");
		break;
	case RECONFIGURE_BAD_FILE:
		write_refusal(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The configuration was refused, nothing has changed");
		break;
	case RECONFIGURE_FAILED:
		if (o != NULL && o->error != NULL)
			write_refusal(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
				"The configuration was not taken over, nothing has changed");
		else
			api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		break;
	case RECONFIGURE_STOPPED:
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"The control plane is stopping; ask the next one");
		break;
	}
	return true;
}

/* Main loop's thread. */
static void
done(void *arg, struct reconfigure_outcome *o)
{
	struct api_request *r = arg;

	r->outcome = o;
	api_request_resume(r);
}

void
api_config_request(struct api_request *r, enum reconfigure_kind kind)
{
	reconfigure_request(r->context->reconfigure, kind, done, r);
}

/* --- diff --- */

static void
start_diff(struct api_request *r)
{
	api_config_request(r, RECONFIGURE_DIFF);
}

static void
diff_done(struct api_request *r)
{
	/* that a reload would be refused is an answer here */
	if (r->outcome != NULL && r->outcome->verdict == RECONFIGURE_RESTART)
		r->outcome->verdict = RECONFIGURE_DONE;
	if (answer_refusal(r))
		return;
	json_open_object(&r->out, NULL);
	json_str(&r->out, "file", r->context->config_path);
	write_outcome(&r->out, r->outcome);
	json_close_object(&r->out);
}

void
api_config_diff(struct api_request *r)
{
	api_request_wait_for(r, start_diff, diff_done);
}

/* --- reload --- */

static void
write_reloaded(struct api_request *r, bool zones)
{
	const struct reconfigure_outcome *o = r->outcome;

	json_open_object(&r->out, NULL);
	json_str(&r->out, "result",
		o->verdict == RECONFIGURE_PARTLY
			? "Configuration taken over, but for what needs a restart"
		: o->n_changes > 0 ? "Configuration taken over"
				   : "Configuration unchanged");
	write_outcome(&r->out, o);
	if (zones)
		api_write_reload(r);
	json_close_object(&r->out);
}

static void
zones_reloaded(struct api_request *r)
{
	write_reloaded(r, true);
}

static void
reload_done(struct api_request *r)
{
	bool wait = true;

	if (answer_refusal(r) || api_request_query_bool(r, "wait", &wait) != 0)
		return;
	if (wait)
		api_request_wait(r, false, r->outcome->ticket, zones_reloaded);
	else
		write_reloaded(r, false);
}

static void
start_whole(struct api_request *r)
{
	api_config_request(r, RECONFIGURE_WHOLE);
}

static void
start_partial(struct api_request *r)
{
	api_config_request(r, RECONFIGURE_PARTIAL);
}

void
api_config_reload(struct api_request *r)
{
	bool partial = false, wait = true;

	/* both are looked at before anything is done */
	if (api_request_query_bool(r, "partial", &partial) == 0 &&
		api_request_query_bool(r, "wait", &wait) == 0)
		api_request_wait_for(r, partial ? start_partial : start_whole, reload_done);
}
