/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend_options: names, kinds, doubles and what is missing. */
#include "controlplane/backends/backend_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int __attribute__((format(printf, 2, 3)))
fail(char error[BACKEND_ERROR_OCTETS], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, BACKEND_ERROR_OCTETS, format, args);
	va_end(args);
	return -EINVAL;
}

static const struct backend_setting *
find_setting(const struct backend_api *api, const char *name)
{
	for (const struct backend_setting *s = api->settings; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static int
fail_unknown(const struct backend_api *api, const char *name, char error[BACKEND_ERROR_OCTETS])
{
	int n = snprintf(error, BACKEND_ERROR_OCTETS,
		"the backend %s has no option '%.64s'; there %s", api->name, name,
		api->settings->name ? "are" : "is none");

	for (const struct backend_setting *s = api->settings; s->name; s++) {
		if (n < 0 || (size_t)n >= BACKEND_ERROR_OCTETS)
			break;
		n += snprintf(error + n, BACKEND_ERROR_OCTETS - (size_t)n, "%s %s",
			s == api->settings ? "" : ",", s->name);
	}
	return -EINVAL;
}

static bool
is_uint(const char *text)
{
	errno = 0;
	(void)strtoull(text, NULL, 10);
	return errno == 0 && *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool
is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/' && !strstr(path, "/../");
}

static int
check_value(const struct backend_setting *s, const struct config_backend_option *o,
	const char *chroot, char error[BACKEND_ERROR_OCTETS])
{
	const char *value = o->secret ? o->secret : o->value;

	if (s->kind == BACKEND_SECRET && !o->secret)
		return fail(error,
			"the option '%s' is a secret; write it as 'secret:' instead of 'value:', "
			"so that it is never shown",
			s->name);
	if (s->kind == BACKEND_PATH && value[0] != '/')
		return fail(error,
			"'%.128s' is no absolute path; the option '%s' must begin with '/'", value,
			s->name);
	if (s->kind == BACKEND_PATH && chroot && !is_below(value, chroot))
		return fail(error,
			"'%.128s' is not below the folder '%s' of the key 'chroot'; put it there, "
			"or "
			"leave 'chroot' out",
			value, chroot);
	if (s->kind == BACKEND_UINT && !is_uint(value))
		return fail(error, "'%.128s' is no number; the option '%s' is an integer from 0 up",
			value, s->name);
	if (s->kind == BACKEND_BOOL && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return fail(error, "'%.128s' is not valid; the option '%s' is true or false", value,
			s->name);
	return 0;
}

static int
check_option(const struct backend_api *api, const struct config_backend *c, unsigned i,
	const char *chroot, char error[BACKEND_ERROR_OCTETS])
{
	const struct config_backend_option *o = &c->options[i];
	const struct backend_setting *s = find_setting(api, o->name);

	if (!s)
		return fail_unknown(api, o->name, error);
	for (unsigned k = 0; k < i && !s->repeats; k++)
		if (strcmp(c->options[k].name, o->name) == 0)
			return fail(error,
				"the option '%s' is given twice (first as options[%u]); remove one "
				"of them",
				o->name, k);
	return check_value(s, o, chroot, error);
}

static bool
is_given(const struct config_backend *c, const char *name)
{
	for (unsigned i = 0; i < c->options_count; i++)
		if (strcmp(c->options[i].name, name) == 0)
			return true;
	return false;
}

static int
check(const struct backend_api *api, const struct config_backend *c, const char *chroot, int *at,
	char error[BACKEND_ERROR_OCTETS])
{
	for (unsigned i = 0; i < c->options_count; i++) {
		*at = (int)i;
		if (check_option(api, c, i, chroot, error) != 0)
			return -EINVAL;
	}
	*at = -1;
	for (const struct backend_setting *s = api->settings; s->name; s++)
		if (s->required && !is_given(c, s->name))
			return fail(error, "the backend %s needs the option '%s': %s", api->name,
				s->name, s->help);
	return 0;
}

int
backend_options_make(struct backend_options *out, const struct backend_api *api,
	const struct config_backend *c, const char *chroot, int *at,
	char error[BACKEND_ERROR_OCTETS])
{
	struct backend_options made = {0};
	size_t n_settings = 0;
	int rc = check(api, c, chroot, at, error);

	if (rc != 0)
		return rc;
	while (api->settings[n_settings].name)
		n_settings++;
	made.option = calloc(c->options_count + n_settings + 1, sizeof *made.option);
	if (!made.option) {
		fail(error, "not enough memory");
		return -ENOMEM;
	}
	for (unsigned i = 0; i < c->options_count; i++) {
		const struct config_backend_option *o = &c->options[i];
		const char *value = o->secret ? o->secret : o->value;

		if (chroot && find_setting(api, o->name)->kind == BACKEND_PATH)
			value += strlen(chroot);
		made.option[made.n++] = (struct backend_option){o->name, value};
	}
	for (const struct backend_setting *s = api->settings; s->name; s++)
		if (s->fallback && !is_given(c, s->name))
			made.option[made.n++] = (struct backend_option){s->name, s->fallback};
	*out = made;
	return 0;
}

void
backend_options_free(struct backend_options *o)
{
	free(o->option);
	*o = (struct backend_options){0};
}
