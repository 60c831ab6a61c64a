/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_import: zone files into the store, many at a time: the control plane commits what comes
 * together together. A zone is there as a whole or not at all. Large files are sent as they are,
 * one at a time, and read over there; small ones are read here, so that they may include others,
 * and that it works with PowerDNS's API too. */
#include "config/progress.h"
#include "tools/ctl/rrsets.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define PARALLEL 16u
#define ERROR_OCTETS_MAX 65536u
#define HTTP_CONFLICT 409
#define HTTP_NOT_FOUND 404
#define WAIT_MS 1000
#define LARGE_OCTETS (128u << 10) /* of a file: as JSON it is ten times as long at most */

/* One zone on its way. */
struct upload {
	CURL *curl; /* NULL: nothing is under way here */
	struct curl_slist *headers;
	const char *file;
	char *zone, *body;
	size_t n_records;
	char *answer;
	size_t answer_octets;
	bool replacing;
	FILE *in;              /* a large file that is sent; NULL: it is none */
	uint64_t octets, sent; /* of the file; that the progress has counted */
	struct import *import;
};

struct import {
	const struct ctl *c;
	CURLM *multi;
	struct upload up[PARALLEL];
	char **file;
	size_t n_files, room, next;
	struct progress progress;
	uint64_t created, replaced, failed, records;
	json_t *told; /* with --json: an object for each zone */
	bool unreachable;
	bool by_octets;     /* a file is large: progress counts octets, else zones */
	bool sends_large;   /* one is under way */
	bool has_no_import; /* the server does not know how to take one */
};

/* --- which files --- */

static void
add_file(struct import *im, char *path)
{
	if (im->n_files == im->room) {
		im->room = im->room == 0 ? 64 : im->room * 2;
		im->file = reallocarray(im->file, im->room, sizeof *im->file);
		if (im->file == NULL)
			abort();
	}
	im->file[im->n_files++] = path;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As the key zones.directory takes them. */
static int
add_folder(struct import *im, const char *path)
{
	DIR *d = opendir(path);
	size_t first = im->n_files;
	struct dirent *e;

	if (d == NULL) {
		ctl_complain("%s: %s", path, strerror(errno));
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		if (e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".zone") == 0)
			add_file(im, ctl_format("%s/%s", path, e->d_name));
	}
	closedir(d);
	if (im->n_files > first)
		qsort(im->file + first, im->n_files - first, sizeof *im->file, compare_paths);
	return 0;
}

static int
collect(struct import *im)
{
	const struct ctl *c = im->c;

	for (int i = 0; i < c->argc; i++) {
		struct stat st;
		if (stat(c->argv[i], &st) != 0) {
			ctl_complain("%s: %s", c->argv[i], strerror(errno));
			return -1;
		}
		if (!S_ISDIR(st.st_mode))
			add_file(im, ctl_format("%s", c->argv[i]));
		else if (add_folder(im, c->argv[i]) != 0)
			return -1;
	}
	if (ctl_given(c, "origin") && im->n_files != 1) {
		ctl_complain("--origin goes with one file");
		return -1;
	}
	return 0;
}

/* --- one zone --- */

static void
tell(struct import *im, const struct upload *u, const char *result, size_t records,
	const char *error)
{
	const char *file = u->file, *zone = u->zone;

	if (error != NULL) {
		im->failed++;
		progress_hide(&im->progress);
		ctl_complain("%s: %s", file, error);
	} else {
		im->records += records;
	}
	if (im->told != NULL)
		json_array_append_new(
			im->told, json_pack("{s:s, s:s, s:s, s:I, s:s*}", "file", file, "zone",
					  zone == NULL ? "" : zone, "result", result, "records",
					  (json_int_t)records, "error", error));
	progress_add(&im->progress, !im->by_octets        ? 1
				    : u->octets > u->sent ? u->octets - u->sent
							  : 0);
}

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct upload *u = arg;
	size_t len = size * n, room = ERROR_OCTETS_MAX - u->answer_octets;

	if (u->answer == NULL && (u->answer = malloc(ERROR_OCTETS_MAX)) == NULL)
		abort();
	if (len < room)
		room = len;
	memcpy(u->answer + u->answer_octets, data,
		room); /* only errors are read, and begin early */
	u->answer_octets += room;
	return len;
}

static void
end(struct import *im, struct upload *u)
{
	if (u->in != NULL) {
		fclose(u->in);
		im->sends_large = false;
	}
	curl_easy_cleanup(u->curl);
	curl_slist_free_all(u->headers);
	free(u->zone);
	free(u->body);
	free(u->answer);
	*u = (struct upload){0};
}

/* Hand the body over: to make the zone, or to put it in the place of what is there. */
static int
begin(struct import *im, struct upload *u)
{
	char *path = u->replacing ? ctl_zone_path(u->zone, "")
				  : ctl_format(CTL_API "/zones?rrsets=false"),
	     *url = ctl_url(im->c, path);

	if (u->curl == NULL && (u->curl = curl_easy_init()) == NULL)
		abort();
	curl_slist_free_all(u->headers);
	u->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (u->headers == NULL || ctl_prepare(im->c, u->curl, &u->headers) != 0)
		abort();
	curl_easy_setopt(u->curl, CURLOPT_URL, url);
	curl_easy_setopt(u->curl, CURLOPT_CUSTOMREQUEST, u->replacing ? "PUT" : "POST");
	curl_easy_setopt(u->curl, CURLOPT_POSTFIELDS, u->body);
	curl_easy_setopt(u->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(u->body));
	curl_easy_setopt(u->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(u->curl, CURLOPT_WRITEDATA, u);
	curl_easy_setopt(u->curl, CURLOPT_PRIVATE, u);
	u->answer_octets = 0;
	free(path);
	free(url);
	return curl_multi_add_handle(im->multi, u->curl) == CURLM_OK ? 0 : -1;
}

/* --- a large file, as it is --- */

static uint64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* @return NULL: it is not large, or has to be read here */
static FILE *
open_large(const struct import *im, const char *path)
{
	FILE *in = im->has_no_import || size_of(path) <= LARGE_OCTETS ? NULL : fopen(path, "re");

	if (in != NULL && rrsets_includes_others(in)) {
		fclose(in);
		in = NULL;
	}
	return in;
}

static size_t
give(char *to, size_t size, size_t n, void *arg)
{
	struct upload *u = arg;
	size_t got = fread(to, 1, size * n, u->in);

	if (got == 0 && ferror(u->in))
		return CURL_READFUNC_ABORT;
	u->sent += got;
	progress_add(&u->import->progress, got);
	return got;
}

/* It was sent for nothing, or is sent again. */
static int
go_back(void *arg, curl_off_t offset, int origin)
{
	struct upload *u = arg;

	if (origin != SEEK_SET || fseeko(u->in, offset, SEEK_SET) != 0)
		return CURL_SEEKFUNC_FAIL;
	u->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void
begin_large(struct import *im, struct upload *u)
{
	const char *kind = ctl_value(im->c, "kind"), *account = ctl_value(im->c, "account");
	char *escaped = ctl_escape(account == NULL ? "" : account), *id = http_zone_id(u->zone);
	char *path = ctl_format(CTL_API "/millrace/zones/%s/import?kind=%s%s%s%s", id,
		     kind == NULL ? "Native" : ctl_kind_to_api(kind),
		     account == NULL ? "" : "&account=", escaped,
		     ctl_given(im->c, "create-only") ? "&create-only=true" : ""),
	     *url = ctl_url(im->c, path);

	im->sends_large = true;
	u->import = im;
	u->curl = curl_easy_init();
	u->headers = curl_slist_append(NULL, "Content-Type: text/plain");
	if (u->curl == NULL || u->headers == NULL || ctl_prepare(im->c, u->curl, &u->headers) != 0)
		abort();
	curl_easy_setopt(u->curl, CURLOPT_URL, url);
	curl_easy_setopt(u->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(u->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)u->octets);
	curl_easy_setopt(u->curl, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(u->curl, CURLOPT_READDATA, u);
	curl_easy_setopt(u->curl, CURLOPT_SEEKFUNCTION, go_back);
	curl_easy_setopt(u->curl, CURLOPT_SEEKDATA, u);
	curl_easy_setopt(u->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(u->curl, CURLOPT_WRITEDATA, u);
	curl_easy_setopt(u->curl, CURLOPT_PRIVATE, u);
	free(escaped);
	free(id);
	free(path);
	free(url);
	if (curl_multi_add_handle(im->multi, u->curl) != CURLM_OK)
		abort();
}

/* Read the file and send it as JSON. */
static void
begin_small(struct import *im, struct upload *u)
{
	const char *kind = ctl_value(im->c, "kind"), *account = ctl_value(im->c, "account");
	struct rrsets z;
	json_t *body;

	if (rrsets_from_file(&z, u->zone, u->file) != 0) {
		tell(im, u, "refused", 0, "the zone is refused");
		end(im, u);
		return;
	}
	u->n_records = rrsets_records(&z);
	body = json_pack("{s:s, s:s, s:[], s:o}", "name", z.zone, "kind",
		kind == NULL ? "Native" : ctl_kind_to_api(kind), "nameservers", "rrsets",
		rrsets_json(&z, NULL));
	if (account != NULL)
		json_object_set_new(body, "account", json_string(account));
	rrsets_free(&z);
	u->body = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (u->body == NULL || begin(im, u) != 0)
		abort();
}

/* Take the next file. */
static void
start(struct import *im, struct upload *u)
{
	u->file = im->file[im->next++];
	u->octets = size_of(u->file);
	u->zone = ctl_given(im->c, "origin") ? ctl_absolute(ctl_value(im->c, "origin"))
					     : rrsets_zone_of_file(u->file);
	if (u->zone == NULL) {
		tell(im, u, "refused", 0, "its name is not a zone's: give one with --origin");
		end(im, u);
		return;
	}
	u->in = open_large(im, u->file);
	if (u->in != NULL)
		begin_large(im, u);
	else
		begin_small(im, u);
}

/* The server has no such route: PowerDNS, or an older Millrace. */
static void
do_without(struct import *im, struct upload *u)
{
	im->has_no_import = true;
	im->sends_large = false;
	fclose(u->in);
	u->in = NULL;
	u->answer_octets = 0;
	curl_easy_cleanup(u->curl);
	u->curl = NULL;
	begin_small(im, u);
}

/* "zone:LINE: ..." as it is said of a file that is read here. */
static void
say_findings(struct import *im, const char *file, const json_t *answer)
{
	const json_t *finding, *all = json_object_get(answer, "findings");
	size_t i, n = (size_t)ctl_uint(answer, "warnings");

	if (json_array_size(all) > 0)
		progress_hide(&im->progress);
	json_array_foreach(all, i, finding)
	{
		const char *text = ctl_text(finding, "text");
		if (strncmp(text, "zone:", 5) == 0)
			fprintf(stderr, "%s: %s%s\n", ctl_text(finding, "severity"), file,
				text + 4);
		else
			fprintf(stderr, "%s: %s\n", ctl_text(finding, "severity"), text);
	}
	if (n > json_array_size(all))
		fprintf(stderr, "warning: %s: %zu more warnings\n", file, n - json_array_size(all));
}

/* What the answer to a large one tells. */
static void
note_large(struct import *im, struct upload *u)
{
	json_t *answer = json_loadb(u->answer == NULL ? "" : u->answer, u->answer_octets, 0, NULL);

	u->replacing = json_is_false(json_object_get(answer, "created"));
	u->n_records = (size_t)ctl_uint(answer, "records");
	say_findings(im, u->file, answer);
	json_decref(answer);
}

/* Not the kind nor the account of a zone that is there: only its records. */
static void
replace(struct import *im, struct upload *u)
{
	json_t *body = json_loads(u->body, 0, NULL), *rrsets = json_object();

	json_object_set(rrsets, "rrsets", json_object_get(body, "rrsets"));
	free(u->body);
	u->body = json_dumps(rrsets, JSON_COMPACT);
	json_decref(body);
	json_decref(rrsets);
	u->replacing = true;
	if (u->body == NULL || begin(im, u) != 0)
		abort();
}

static void
finish(struct import *im, struct upload *u, CURLcode code)
{
	long status = 0, error = 0;
	json_t *answer;

	curl_multi_remove_handle(im->multi, u->curl);
	curl_easy_getinfo(u->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(u->curl, CURLINFO_OS_ERRNO, &error);
	if (code != CURLE_OK) {
		progress_hide(&im->progress);
		if (!im->unreachable)
			ctl_say_unreachable(im->c, (int)code, error, "");
		im->unreachable = true;
		tell(im, u, "failed", 0, "there was no answer");
	} else if (status == HTTP_NOT_FOUND && u->in != NULL) {
		do_without(im, u);
		return;
	} else if (u->in == NULL && status == HTTP_CONFLICT && !u->replacing &&
		   !ctl_given(im->c, "create-only")) {
		replace(im, u);
		return;
	} else if (status >= 300) {
		answer = json_loadb(u->answer == NULL ? "" : u->answer, u->answer_octets, 0, NULL);
		tell(im, u, "failed", 0,
			ctl_text(answer, "error")[0] != '\0' ? ctl_text(answer, "error")
							     : "the control plane refused");
		json_decref(answer);
	} else {
		if (u->in != NULL)
			note_large(im, u);
		*(u->replacing ? &im->replaced : &im->created) += 1;
		tell(im, u, u->replacing ? "replaced" : "created", u->n_records, NULL);
	}
	end(im, u);
}

/* Is there another file, and its time? A large one waits for the one before it. */
static bool
may_start(const struct import *im)
{
	return im->next < im->n_files && !im->unreachable &&
	       !(im->sends_large && size_of(im->file[im->next]) > LARGE_OCTETS);
}

static void
run(struct import *im)
{
	int running = 0, left;
	CURLMsg *m;

	do {
		for (size_t i = 0; i < PARALLEL; i++)
			while (im->up[i].curl == NULL && may_start(im))
				start(im, &im->up[i]);
		curl_multi_perform(im->multi, &running);
		while ((m = curl_multi_info_read(im->multi, &left)) != NULL) {
			struct upload *u;
			if (m->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &u);
			finish(im, u, m->data.result);
		}
		running = 0;
		for (size_t i = 0; i < PARALLEL; i++)
			running += im->up[i].curl != NULL;
		if (running > 0)
			curl_multi_poll(im->multi, NULL, 0, WAIT_MS, NULL);
	} while (running > 0 || (im->next < im->n_files && !im->unreachable));
}

static void
summarise(const struct import *im)
{
	double s = progress_seconds(&im->progress);

	if (im->told != NULL) {
		ctl_print_json(im->told);
		return;
	}
	printf("%s zones: %s created, %s replaced, %s failed; %s records, %.1f s\n",
		ctl_number(im->n_files), ctl_number(im->created), ctl_number(im->replaced),
		ctl_number(im->failed), ctl_number(im->records), s);
	if (im->next < im->n_files)
		ctl_complain("%s files were not tried", ctl_number(im->n_files - im->next));
}

int
ctl_zone_import(const struct ctl *c)
{
	struct import *im = calloc(1, sizeof *im);
	uint64_t octets = 0;
	int ret = CTL_USAGE;

	if (im == NULL)
		abort();
	im->c = c;
	im->told = c->json ? json_array() : NULL;
	im->multi = curl_multi_init();
	if (im->multi == NULL)
		abort();
	if ((!ctl_given(c, "kind") || ctl_kind_to_api(ctl_value(c, "kind")) != NULL) &&
		collect(im) == 0) {
		for (size_t i = 0; i < im->n_files; i++) {
			octets += size_of(im->file[i]);
			im->by_octets |= size_of(im->file[i]) > LARGE_OCTETS;
		}
		progress_start(&im->progress, im->by_octets ? "octets" : "zones",
			im->by_octets ? octets : im->n_files);
		run(im);
		progress_hide(&im->progress);
		summarise(im);
		ret = im->failed == 0 && !im->unreachable ? CTL_OK : CTL_FAILURE;
	}
	curl_multi_cleanup(im->multi);
	for (size_t i = 0; i < im->n_files; i++)
		free(im->file[i]);
	free(im->file);
	json_decref(im->told);
	free(im);
	return ret;
}
