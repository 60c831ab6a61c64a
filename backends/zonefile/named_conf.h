/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_conf: the zone statements of BIND's configuration, as PowerDNS's bind backend reads them:
 * options { directory; also-notify }, zone { file; type; masters or primaries; also-notify } and
 * include. All else is skipped, whatever is in it. Bounded; any thread. */
#pragma once
#include "backends/backend.h"
#include "shm/name.h"

#include <stddef.h>
#include <stdint.h>

#define NAMED_WORD_MAX 4095u         /* octets of a word */
#define NAMED_FILE_MAX (64ull << 20) /* octets of a file */
#define NAMED_FILES_MAX 1000u        /* all that are included */
#define NAMED_DEPTH_MAX 20u          /* of includes */
#define NAMED_ADDRESSES_MAX 100u     /* of a zone's primaries, and of also-notify */
#define NAMED_LIST_MAX 16384u        /* octets of addresses */
#define NAMED_ZONES_MAX 10000000u

struct named_zone {
	uint8_t *apex; /* folded, NAME_PAD readable behind it */
	char *path;    /* absolute, or relative to the process if the first file's path is */
	enum backend_kind kind;
	char *primaries;   /* "192.0.2.1,[2001:db8::1]:5300" or "" */
	char *also_notify; /* likewise; the options' in front */
	const char *file;  /* where it stands; one of named_conf.file */
	uint32_t line;
};

struct named_conf {
	struct named_zone *zone;
	size_t n, room;
	char **file; /* all that were read, in order */
	unsigned n_files;
	char *also_notify; /* of options */
	char *directory;   /* of options; NULL: none */
};

/* Where the texts come from, and what is skipped is told. */
struct named_source {
	/* allocated text; 0 or negative errno */
	int (*read)(void *arg, const char *path, char **text, size_t *len);
	/* one line, with file and line; NULL: nobody listens */
	void (*note)(void *arg, const char *text);
	void *arg;
};

/**
 * @param error  BACKEND_ERROR_OCTETS: "FILE:LINE: what is wrong; what would be right"
 * @return 0; -EINVAL; -ENOMEM; what reading failed with. The caller frees it in every case
 */
int named_conf_read(struct named_conf *c, const char *path, const struct named_source *source,
	char *error) __attribute__((warn_unused_result));
void named_conf_free(struct named_conf *c);

/** A regular file whole, for named_source.read. @return 0, -EFBIG, -EISDIR, -EINVAL, -ENOMEM or
 * what failed */
int named_conf_read_file(void *arg, const char *path, char **text, size_t *len);
