/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_edit: a zone in an editor. What was edited is compared with what was fetched, shown, and
 * sent as one change under the condition that the zone is still what was fetched. A change that
 * somebody else makes meanwhile is never overwritten, and what was written is never thrown away. */
#include "tools/ctl/zone_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HTTP_CONFLICT 409
#define HTTP_STALE 412

/* --- what is on the server --- */

int
fetched_get(const struct ctl *c, const char *zone, struct fetched *out)
{
	char *path = ctl_zone_path(zone, "");
	struct http_reply reply;
	int ret = ctl_exchange(c, "GET", path, NULL, NULL, &reply);

	*out = (struct fetched){0};
	free(path);
	if (ret == 0 && reply.status >= 300) {
		ctl_print_error(c, reply.json, reply.status);
		ret = -1;
	}
	if (ret == 0) {
		char *name = ctl_absolute(zone);
		ret = rrsets_from_json(&out->zone, name, json_object_get(reply.json, "rrsets"));
		free(name);
		out->serial = (uint32_t)ctl_uint(reply.json, "serial");
		out->etag = reply.etag == NULL ? NULL : ctl_format("%s", reply.etag);
	}
	http_reply_free(&reply);
	return ret;
}

void
fetched_free(struct fetched *f)
{
	rrsets_free(&f->zone);
	free(f->etag);
	*f = (struct fetched){0};
}

enum send_result { SEND_DONE, SEND_STALE, SEND_REFUSED /* after a message */ };

/* A server without ETags: look once more, as late as can be. */
static enum send_result
check_serial(const struct ctl *c, const char *zone, const struct fetched *base)
{
	struct fetched now;
	enum send_result ret = SEND_DONE;

	if (fetched_get(c, zone, &now) != 0)
		return SEND_REFUSED;
	if (now.serial != base->serial)
		ret = SEND_STALE;
	fetched_free(&now);
	return ret;
}

/* Make the zone into `wanted`, if it is still what was fetched. */
static enum send_result
send_wanted(const struct ctl *c, const char *zone, const struct fetched *base,
	const struct rrsets *wanted)
{
	json_t *body = rrsets_patch(&base->zone, wanted);
	enum send_result ret = base->etag == NULL ? check_serial(c, zone, base) : SEND_DONE;
	char *path = ctl_zone_path(zone, "");
	struct http_reply reply = {0};

	if (ret == SEND_DONE && ctl_exchange(c, "PATCH", path, body, base->etag, &reply) != 0)
		ret = SEND_REFUSED;
	else if (ret == SEND_DONE && reply.status == HTTP_STALE)
		ret = SEND_STALE;
	else if (ret == SEND_DONE && reply.status >= 300) {
		ctl_print_error(c, reply.json, reply.status);
		ret = SEND_REFUSED;
	}
	http_reply_free(&reply);
	json_decref(body);
	free(path);
	return ret;
}

/* --- the file --- */

static int
make_file(struct edit *e)
{
	const char *dir = getenv("TMPDIR");
	char safe[128];
	size_t n = 0;
	int fd;

	/* a name that a zone's cannot make leave the folder */
	for (const char *at = e->zone; *at != '\0' && n + 1 < sizeof safe; at++)
		safe[n++] = *at == '/' || *at == '\\' ? '_' : *at;
	while (n > 0 && safe[n - 1] == '.')
		n--;
	safe[n] = '\0';
	e->path = ctl_format(
		"%s/millrace-%s-XXXXXX.zone", dir != NULL && dir[0] == '/' ? dir : "/tmp", safe);
	fd = mkstemps(e->path, 5); /* mode 0600 */
	if (fd < 0) {
		ctl_complain("%s: %s", e->path, strerror(errno));
		return -1;
	}
	close(fd);
	return 0;
}

/* @param theirs  what a merge could not decide is told beside it; or NULL */
static int
write_file(struct edit *e, const struct rrsets *z, const struct merge *m)
{
	FILE *f = fopen(e->path, "we");

	if (f == NULL) {
		ctl_complain("%s: %s", e->path, strerror(errno));
		return -1;
	}
	fprintf(f,
		"; zone %s, serial %u\n"
		"; Lines that begin with \";\" are not kept. The serial is counted up by itself.\n",
		e->zone, e->base.serial);
	if (m != NULL)
		merge_write_notes(f, m);
	rrsets_write(f, z);
	if (fclose(f) == 0)
		return 0;
	ctl_complain("%s: %s", e->path, strerror(errno));
	return -1;
}

static int
run_editor(const char *path)
{
	const char *editor = getenv("VISUAL");
	int status;
	pid_t pid;

	if (editor == NULL || editor[0] == '\0')
		editor = getenv("EDITOR");
	if (editor == NULL || editor[0] == '\0')
		editor = access("/usr/bin/editor", X_OK) == 0 ? "editor" : "vi";
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* as git does: an editor may have options */
		char *command = ctl_format("%s \"$1\"", editor);
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ||
		WEXITSTATUS(status) != 0) {
		ctl_complain("the editor '%s' failed; nothing was changed", editor);
		return -1;
	}
	return 0;
}

/* --- the course of it --- */

static enum step
fail(const struct edit *e, const char *why)
{
	ctl_complain("%s; what you wrote is in %s", why, e->path);
	return STEP_FAILED;
}

/* Edit until it is a zone. */
static enum step
edit_once(struct edit *e)
{
	rrsets_free(&e->wanted);
	if (run_editor(e->path) != 0)
		return fail(e, "not edited");
	if (rrsets_from_file(&e->wanted, e->zone, e->path) == 0)
		return STEP_SHOW;
	if (!ctl_may_ask())
		return fail(e, "the zone is refused, and nothing was changed");
	if (ctl_choose("ea", "The zone is refused. [e]dit again or [a]bort? ") == 'e')
		return STEP_EDIT;
	return fail(e, "nothing was changed");
}

static enum step
show_and_ask(struct edit *e)
{
	const struct ctl *c = e->c;
	char *title = ctl_format("%s serial %u", e->zone, e->base.serial);
	size_t n;

	if (c->json)
		n = rrsets_compare(&e->base.zone, &e->wanted, merge_ignore, NULL);
	else
		n = rrsets_print_diff(c, &e->base.zone, &e->wanted, title, "as edited");
	free(title);
	fflush(stdout);
	if (n == 0) {
		fprintf(stderr, "Nothing is different, and nothing was changed.\n");
		unlink(e->path);
		return STEP_END;
	}
	if (ctl_given(c, "yes"))
		return STEP_SEND;
	if (!ctl_may_ask())
		return fail(e, "nobody to confirm it: --yes; nothing was changed");
	switch (ctl_choose("yen", "Apply? [y]es, [e]dit again, [N]o: ")) {
	case 'y':
		return STEP_SEND;
	case 'e':
		return STEP_EDIT;
	default:
		return fail(e, "nothing was changed");
	}
}

/* The server has something newer: take it as the new base, and put our change upon it. */
static enum step
merge_in(struct edit *e)
{
	struct fetched theirs;
	struct merge m;
	enum step next;

	if (fetched_get(e->c, e->zone, &theirs) != 0)
		return fail(e, "the zone changed meanwhile, and cannot be read anew");
	merge_zones(&m, &e->base.zone, &e->wanted, &theirs.zone);
	fetched_free(&e->base);
	e->base = theirs;
	if (write_file(e, &m.merged, &m) != 0) {
		merge_free(&m);
		return STEP_FAILED;
	}
	fprintf(stderr,
		"Merged upon serial %u; %zu RRsets were changed by both: yours are in the "
		"file, theirs beside them as comments.\n",
		e->base.serial, m.n_conflicts);
	next = m.n_conflicts > 0 ? STEP_EDIT : STEP_SHOW;
	rrsets_free(&e->wanted);
	e->wanted = m.merged;
	m.merged = (struct rrsets){0};
	merge_free(&m);
	return next;
}

static enum step
send_it(struct edit *e)
{
	struct fetched now;

	switch (send_wanted(e->c, e->zone, &e->base, &e->wanted)) {
	case SEND_DONE:
		unlink(e->path);
		if (fetched_get(e->c, e->zone, &now) != 0)
			return STEP_END;
		if (e->c->json)
			ctl_print_json_new(json_pack("{s:s, s:I, s:I, s:o}", "zone", e->zone,
				"serial_before", (json_int_t)e->base.serial, "serial",
				(json_int_t)now.serial, "changes",
				rrsets_diff_json(&e->base.zone, &e->wanted)));
		else
			printf("%s: serial %u, was %u\n", e->zone, now.serial, e->base.serial);
		fetched_free(&now);
		return STEP_END;
	case SEND_STALE:
		if (!ctl_may_ask())
			return fail(e, "somebody else changed the zone meanwhile: nothing was "
				       "overwritten");
		if (ctl_choose("ma",
			    "Somebody else changed the zone meanwhile. [m]erge or [a]bort? ") ==
			'm')
			return STEP_MERGE;
		return fail(e, "nothing was changed");
	default:
		if (ctl_may_ask() && ctl_choose("ea", "[e]dit again or [a]bort? ") == 'e')
			return STEP_EDIT;
		return fail(e, "nothing was changed");
	}
}

int
ctl_zone_edit(const struct ctl *c)
{
	struct edit e = {.c = c, .zone = ctl_absolute(c->argv[0])};
	enum step step = STEP_FAILED;

	if (fetched_get(c, e.zone, &e.base) == 0 && make_file(&e) == 0 &&
		write_file(&e, &e.base.zone, NULL) == 0)
		step = STEP_EDIT;
	while (step != STEP_END && step != STEP_FAILED)
		step = step == STEP_EDIT    ? edit_once(&e)
		       : step == STEP_SHOW  ? show_and_ask(&e)
		       : step == STEP_MERGE ? merge_in(&e)
					    : send_it(&e);
	fetched_free(&e.base);
	rrsets_free(&e.wanted);
	free(e.path);
	free(e.zone);
	return step == STEP_END ? CTL_OK : CTL_FAILURE;
}
