/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/connect: where the control plane is: its socket here, or a server over TLS. */
#include "config/config.h"
#include "shm/paths.h"
#include "tools/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MACHINE_RUN_DIR "/run/millrace" /* of the suite that systemd or root started */
#define TOKEN_OCTETS_MAX 4096

/* Where `millrace serve` puts it for this user. */
static char *
default_run_dir(void)
{
	const char *dir = getenv("MILLRACE_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	bool named = dir != NULL && dir[0] != '\0';
	char *path;

	if (named)
		return ctl_format("%s", dir);
	if (geteuid() == 0)
		return ctl_format(MACHINE_RUN_DIR);
	if (xdg != NULL && xdg[0] == '/')
		path = ctl_format("%s/millrace", xdg);
	else
		path = ctl_format("/tmp/millrace-%u", (unsigned)geteuid());
	/* nothing of this user's own runs: the machine's, for which its group decides */
	if (access(path, F_OK) != 0 && access(MACHINE_RUN_DIR, F_OK) == 0) {
		free(path);
		path = ctl_format(MACHINE_RUN_DIR);
	}
	return path;
}

/* --socket, else the run directory of --run-dir, --config, or by default. */
static int
find_socket(struct ctl *c)
{
	const char *run_dir = ctl_value(c, "run-dir"), *config_path = ctl_value(c, "config");
	struct config *config = NULL;
	char *dir = NULL, *error = NULL;

	if (ctl_given(c, "socket")) {
		c->socket_path = ctl_format("%s", ctl_value(c, "socket"));
		return CTL_OK;
	}
	if (run_dir == NULL && config_path != NULL) {
		config = config_load_part(config_path, NULL, &error);
		if (config == NULL) {
			ctl_complain("%s", error != NULL ? error : "out of memory");
			free(error);
			return CTL_FAILURE;
		}
		run_dir = config->run_dir;
	} else if (run_dir == NULL) {
		run_dir = dir = default_run_dir();
	}
	c->socket_path = ctl_format("%s/" RUN_API, run_dir);
	free(dir);
	config_free(config);
	return CTL_OK;
}

/* A secret is never an argument, which everybody on the machine could read in ps. */
static int
read_token(struct ctl *c, const char *path)
{
	char text[TOKEN_OCTETS_MAX];
	FILE *f = fopen(path, "re");
	size_t len;

	if (f == NULL) {
		ctl_complain("--token-file %s: %s", path, strerror(errno));
		return CTL_FAILURE;
	}
	len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0') {
		ctl_complain("--token-file %s: its first line is the token, and is empty", path);
		return CTL_FAILURE;
	}
	c->token = ctl_format("%s", text);
	return CTL_OK;
}

int
ctl_connect(struct ctl *c)
{
	const char *server = ctl_value(c, "server"), *token = ctl_value(c, "token-file");
	bool local = ctl_given(c, "socket") || ctl_given(c, "run-dir");

	if (server == NULL && !local && !ctl_given(c, "config"))
		server = getenv("MILLRACE_SERVER");
	if (token == NULL && server != NULL)
		token = getenv("MILLRACE_TOKEN_FILE");
	if (token != NULL && token[0] != '\0' && read_token(c, token) != CTL_OK)
		return CTL_FAILURE;
	if (server == NULL || server[0] == '\0')
		return find_socket(c);
	if (local) {
		ctl_complain("--server is another place than --socket or --run-dir: one of them");
		return CTL_USAGE;
	}
	if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0) {
		ctl_complain("--server %s: an address such as https://ns1.example:8081", server);
		return CTL_USAGE;
	}
	c->server = server;
	return CTL_OK;
}

struct http_place
ctl_place(const struct ctl *c)
{
	if (c->server == NULL)
		return (struct http_place){.socket_path = c->socket_path, .token = c->token};
	return (struct http_place){
		.server = c->server,
		.token = c->token,
		.ca = ctl_value(c, "ca"),
		.cert = ctl_value(c, "cert"),
		.key = ctl_value(c, "key"),
	};
}

char *
ctl_url(const struct ctl *c, const char *path)
{
	struct http_place place = ctl_place(c);

	return http_url(&place, path);
}

int
ctl_prepare(const struct ctl *c, CURL *curl, struct curl_slist **headers)
{
	struct http_place place = ctl_place(c);

	http_prepare(&place, curl, headers);
	return 0;
}
