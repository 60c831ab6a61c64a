/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend_load: dlopen(3), and what is looked at before anything of it is called. */
#include "controlplane/backends/backend_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loaded {
	struct loaded *next;
	const struct backend_api *api;
	char type[];
};
static struct loaded *all_loaded;

static void __attribute__((format(printf, 2, 3)))
fail(char error[BACKEND_ERROR_OCTETS], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, BACKEND_ERROR_OCTETS, format, args);
	va_end(args);
}

/* FOLDER/backend_TYPE.so, if it is there. */
static bool
is_there(char path[PATH_MAX], const char *folder, const char *below, const char *type)
{
	int n = snprintf(path, PATH_MAX, "%s/%sbackend_%s.so", folder, below, type);

	return n > 0 && n < PATH_MAX && access(path, F_OK) == 0;
}

/* @param[out] path  of the file; if it is not there, where it should have been */
static bool
find_file(char path[PATH_MAX], const struct config *config, const char *type)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (config->backend_directory && is_there(path, config->backend_directory, "", type))
		return true;
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		if (is_there(path, self, "../backends/", type))
			return true;
	}
	if (is_there(path, MILLRACE_BACKEND_DIR, "", type))
		return true;
	if (config->backend_directory)
		(void)is_there(path, config->backend_directory, "", type);
	return false;
}

const char *
backend_fault(const struct backend_api *a)
{
	const struct {
		uint32_t capability;
		bool there;
		const char *fault;
	} needs[] = {
		{0, a->name && a->description && a->settings, "it tells no name or no settings"},
		{0, a->open && a->close && a->health, "it lacks open(), close() or health()"},
		{BACKEND_LIST, a->list && a->zone, "it tells LIST and lacks list() or zone()"},
		{BACKEND_STREAM, a->stream && a->zone,
			"it tells STREAM and lacks stream() or zone()"},
		{BACKEND_LOOKUP, a->lookup, "it tells LOOKUP and lacks lookup()"},
		{BACKEND_APPLY, a->apply, "it tells APPLY and lacks apply()"},
		{BACKEND_CREATE, a->create && a->remove && a->update,
			"it tells CREATE and lacks create(), remove() or update()"},
		{BACKEND_METADATA, a->metadata_each && a->metadata_set,
			"it tells METADATA and lacks metadata_each() or metadata_set()"},
		{BACKEND_KEYS, a->keys_each && a->key_add && a->key_set && a->key_remove,
			"it tells KEYS and lacks a function for them"},
		{BACKEND_TSIG, a->tsig_each && a->tsig_set && a->tsig_remove,
			"it tells TSIG and lacks a function for it"},
		{BACKEND_WATCH, a->poll, "it tells WATCH and lacks poll()"},
		{BACKEND_ZONE_FILE, a->zone_file, "it tells ZONE_FILE and lacks zone_file()"},
	};

	for (unsigned i = 0; i < sizeof needs / sizeof *needs; i++)
		if ((a->capabilities & needs[i].capability) == needs[i].capability &&
			!needs[i].there)
			return needs[i].fault;
	return NULL;
}

/* One line, whatever dlerror() says. */
static void
fail_dl(const char *path, char error[BACKEND_ERROR_OCTETS])
{
	const char *why = dlerror();

	fail(error, "%s cannot be loaded: %s", path, why ? why : "unknown error");
	for (char *p = error; *p; p++)
		if (*p == '\n')
			*p = ' ';
}

static int
load_file(const struct backend_api **out, const char *path, const char *type,
	char error[BACKEND_ERROR_OCTETS])
{
	/* NOW: a symbol that is missing is found here, not in the middle of a change */
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	const struct backend_api *api;
	backend_entry entry;
	const char *fault;

	if (!handle) {
		fail_dl(path, error);
		return -ELIBACC;
	}
	*(void **)&entry = dlsym(handle, BACKEND_ENTRY);
	api = entry ? entry() : NULL;
	if (!api) {
		fail(error, "%s is no backend: it has no function " BACKEND_ENTRY "()", path);
		return -ELIBACC;
	}
	if (api->abi_version != BACKEND_ABI_VERSION) {
		fail(error,
			"%s was built for version %u of the backends' interface, this control "
			"plane has version %u; install the backend that belongs to it",
			path, api->abi_version, BACKEND_ABI_VERSION);
		return -ELIBACC;
	}
	fault = backend_fault(api);
	if (!fault && strcmp(api->name, type) != 0)
		fault = "it has another name than its file";
	if (fault) {
		fail(error, "%s is not usable: %s", path, fault);
		return -ELIBACC;
	}
	*out = api;
	return 0;
}

/* What there is instead, for the message. */
static void
fail_missing(const char *path, const char *type, char error[BACKEND_ERROR_OCTETS])
{
	fail(error,
		"there is no backend '%s': %s does not exist; is its package installed, or the key "
		"'backend-directory' wrong?",
		type, path);
}

int
backend_load(const struct backend_api **out, const struct config *config, const char *type,
	char error[BACKEND_ERROR_OCTETS])
{
	const struct backend_api *api = NULL;
	size_t len = strlen(type) + 1;
	char path[PATH_MAX];
	struct loaded *l;
	int rc;

	for (l = all_loaded; l; l = l->next) {
		if (strcmp(l->type, type) == 0) {
			*out = l->api;
			return 0;
		}
	}
	l = malloc(sizeof *l + len);
	if (!l) {
		fail(error, "not enough memory");
		return -ENOMEM;
	}
	rc = find_file(path, config, type) ? load_file(&api, path, type, error) : -ENOENT;
	if (rc == -ENOENT)
		fail_missing(path, type, error);
	if (rc != 0) {
		free(l);
		return rc;
	}
	l->api = api;
	memcpy(l->type, type, len);
	l->next = all_loaded;
	all_loaded = l;
	*out = api;
	return 0;
}
