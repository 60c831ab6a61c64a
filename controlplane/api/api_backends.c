/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_backends: instances of backends, and how they are. */
#include "controlplane/api/request.h"

static const struct {
	enum backend_capability bit;
	const char *word;
} capability[] = {{BACKEND_LIST, "list"}, {BACKEND_STREAM, "stream"}, {BACKEND_LOOKUP, "lookup"},
	{BACKEND_APPLY, "apply"}, {BACKEND_CREATE, "create"}, {BACKEND_DISABLED, "disabled"},
	{BACKEND_COMMENTS, "comments"}, {BACKEND_METADATA, "metadata"}, {BACKEND_KEYS, "keys"},
	{BACKEND_TSIG, "tsig"}, {BACKEND_WATCH, "watch"}, {BACKEND_ZONE_FILE, "zone-file"}};

static void
write_backend(struct json_writer *w, const struct backends_state *s)
{
	json_open_object(w, NULL);
	json_str(w, "name", s->name);
	json_str(w, "type", s->api->name);
	json_str(w, "description", s->api->description);
	json_bool(w, "open", s->open);
	json_str(w, "error", s->error);
	json_open_array(w, "capabilities");
	for (size_t i = 0; i < sizeof capability / sizeof capability[0]; i++)
		if ((s->api->capabilities & capability[i].bit) != 0)
			json_str(w, NULL, capability[i].word);
	json_close_array(w);
	json_uint(w, "queued", s->queued);
	json_uint(w, "running_ms", s->running_ms < 0 ? 0 : (uint64_t)s->running_ms);
	json_uint(w, "calls", s->calls_total);
	json_uint(w, "failures", s->failures_total);
	json_uint(w, "opens", s->opens_total);
	json_close_object(w);
}

void
api_backends(struct api_request *r)
{
	struct backends *b = r->context->backends;
	unsigned n = b == NULL ? 0 : backends_count(b);

	json_open_array(&r->out, NULL);
	for (unsigned i = 0; i < n; i++) {
		struct backends_state s;
		if (backends_state(b, i, &s) == 0 && s.api != NULL)
			write_backend(&r->out, &s);
	}
	json_close_array(&r->out);
}
