/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/capture: writes captured packets into a file. Only whole blocks are written, so that the file
 * is good whatever ends it; at Ctrl-C the control plane is told, and what it says last is waited
 * for. */
#include "tools/ctl/ctl.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_OCTETS_MAX (1u << 20) /* no block that we are sent is larger */
#define ERROR_OCTETS_MAX 8192u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET 6u
#define STATISTICS_DROPPED 5u

struct taking {
	const struct ctl *c;
	const char *path; /* of the file */
	CURL *curl;
	FILE *to; /* NULL: not opened yet */
	curl_socket_t socket;
	bool asked_to_end, failed, quiet;
	uint64_t n_packets, n_lost, n_octets;
	size_t len; /* of the block that is not whole yet, or of an error's text */
	uint8_t block[BLOCK_OCTETS_MAX];
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	interrupted++;
	if (interrupted > 1) /* said twice: now */
		_exit(CTL_FAILURE);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* The file is made when there is something to write: a capture that is refused harms no file. */
static bool
open_file(struct taking *t)
{
	const char *path = t->path;
	int fd;

	if (strcmp(path, "-") == 0) {
		t->to = stdout;
		return true;
	}
	/* packets are nobody else's business */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	t->to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (t->to != NULL)
		return true;
	fprintf(stderr, "millracectl: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return false;
}

/* Packets lost, out of a statistics block. */
static uint64_t
lost_in(const uint8_t *block, uint32_t len)
{
	uint32_t at = 20;

	while (at + 8 <= len - 4) {
		uint16_t option[2];
		uint64_t value;
		memcpy(option, block + at, sizeof option);
		if (option[0] == STATISTICS_DROPPED && option[1] == 8 && at + 12 <= len - 4) {
			memcpy(&value, block + at + 4, sizeof value);
			return value;
		}
		at += 4u + ((option[1] + 3u) & ~3u);
	}
	return 0;
}

/* @return false after a message */
static bool
write_block(struct taking *t, uint32_t len)
{
	uint32_t type = get32(t->block);

	if (type == BLOCK_PACKET)
		t->n_packets++;
	if (type == BLOCK_STATISTICS && len >= 24)
		t->n_lost += lost_in(t->block, len);
	if (fwrite(t->block, 1, len, t->to) == len) {
		t->n_octets += len;
		return true;
	}
	fprintf(stderr, "millracectl: %s: %s\n", t->path, strerror(errno));
	return false;
}

/* Octets of the file. @return false after a message */
static bool
take_file(struct taking *t, const uint8_t *data, size_t n)
{
	if (t->to == NULL && !open_file(t))
		return false;
	while (n > 0) {
		size_t want = t->len < 8 ? 8 : get32(t->block + 4), part;
		if (want < 12 || want > BLOCK_OCTETS_MAX) {
			if (t->len >= 8) {
				fprintf(stderr, "millracectl: what the control plane sends is no "
						"pcapng file\n");
				return false;
			}
		}
		part = want - t->len < n ? want - t->len : n;
		memcpy(t->block + t->len, data, part);
		t->len += part;
		data += part;
		n -= part;
		if (t->len >= 12 && t->len == get32(t->block + 4)) {
			if (!write_block(t, (uint32_t)t->len))
				return false;
			t->len = 0;
		}
	}
	/* for whoever looks at it meanwhile */
	if (fflush(t->to) == 0)
		return true;
	fprintf(stderr, "millracectl: %s: %s\n", t->path, strerror(errno));
	return false;
}

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct taking *t = arg;
	long status = 0;

	n *= size;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 300) {
		t->failed = !take_file(t, (const uint8_t *)data, n);
		return t->failed ? 0 : n;
	}
	if (n > ERROR_OCTETS_MAX - t->len)
		return 0;
	memcpy(t->block + t->len, data, n);
	t->len += n;
	return n;
}

static int
remember_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	struct taking *t = arg;

	t->socket = fd;
	return CURL_SOCKOPT_OK;
}

/* libcurl calls this once a second, and more often while something comes. */
static int
look_up(void *arg, curl_off_t a, curl_off_t b, curl_off_t x, curl_off_t y)
{
	struct taking *t = arg;

	if (interrupted && !t->asked_to_end) {
		t->asked_to_end = true;
		/* "we send nothing more": the control plane ends the file */
		if (t->socket == CURL_SOCKET_BAD || shutdown(t->socket, SHUT_WR) != 0)
			return 1;
	}
	if (!t->quiet)
		fprintf(stderr, "\r%" PRIu64 " packets", t->n_packets);
	return 0;
}

static int
perform(struct taking *t, const char *url)
{
	CURL *curl = t->curl;
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	struct curl_slist *headers = NULL;
	CURLcode code;

	if (ctl_prepare(t->c, curl, &headers) != 0)
		return -1;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, remember_socket);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, t);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	code = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	if (!t->quiet)
		fprintf(stderr, "\r");
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status >= 300) {
		json_t *answer = json_loadb((const char *)t->block, t->len, 0, NULL);
		ctl_print_error(t->c, answer, status);
		json_decref(answer);
		return -1;
	}
	if (code == CURLE_OK)
		return t->to != NULL ? 0 : -1;
	if (t->failed)
		return -1;
	if (t->to == NULL) {
		long error = 0;
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
		ctl_say_unreachable(t->c, code, error, why);
	} else {
		fprintf(stderr,
			"millracectl: the control plane went away; %s has what was captured until "
			"then\n",
			t->path);
	}
	return -1;
}

static char *
make_url(const struct ctl *c)
{
	static const char *const number[] = {"sample", "snaplen", "count", "duration"};
	const char *expression = ctl_value(c, "filter");
	char *filter = ctl_escape(expression != NULL ? expression : ""), *path, *url;
	int len = asprintf(&path, "/api/v1/servers/localhost/millrace/capture?drops=%s&filter=%s",
		ctl_given(c, "drops-only") ? "true" : "false", filter);

	for (size_t i = 0; i < sizeof number / sizeof number[0] && len >= 0; i++) {
		char *longer;
		if (!ctl_given(c, number[i]))
			continue;
		len = asprintf(&longer, "%s&%s=%lu", path, number[i], ctl_count(c, number[i]));
		free(path);
		path = longer;
	}
	if (len < 0)
		abort();
	url = ctl_url(c, path);
	free(filter);
	free(path);
	return url;
}

int
ctl_capture(const struct ctl *c)
{
	struct sigaction a = {.sa_handler = on_signal};
	const char *path = ctl_value(c, "write");
	struct taking *t;
	char *url;
	int ret;

	if (path == NULL) {
		fprintf(stderr, "millracectl: -w FILE is missing (-w - for standard output)\n");
		return CTL_USAGE;
	}
	if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "millracectl: -w -: packets are not for a terminal\n");
		return CTL_USAGE;
	}
	t = calloc(1, sizeof *t);
	url = make_url(c);
	if (t == NULL)
		abort();
	t->c = c;
	t->path = path;
	t->curl = curl_easy_init();
	t->socket = CURL_SOCKET_BAD;
	t->quiet = !isatty(STDERR_FILENO);
	if (t->curl == NULL)
		abort();
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	ret = perform(t, url);
	if (t->to != NULL && t->to != stdout && fclose(t->to) != 0) {
		fprintf(stderr, "millracectl: %s: %s\n", path, strerror(errno));
		ret = -1;
	}
	if (t->to != NULL)
		fprintf(stderr,
			"%" PRIu64 " packets captured, %" PRIu64 " octets written, %" PRIu64
			" packets lost for want of room\n",
			t->n_packets, t->n_octets, t->n_lost);
	curl_easy_cleanup(t->curl);
	free(url);
	free(t);
	return ret == 0 ? CTL_OK : CTL_FAILURE;
}
