/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_text: the octets of a zone file in memory, and what a quick look at them tells. Any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct zone_text {
	const char *text;
	char *owned; /* of zone_memory; NULL when text belongs to the caller */
	size_t room; /* octets of owned */
	size_t len;
	const char *bad_escape; /* the first \DDD above 255, or NULL */
	uint32_t nul_line;      /* with -EILSEQ: the line of the first NUL octet; else 0 */
	unsigned n_doubtful;    /* escapes above 255 seen, in comments or not */
	bool has_include;       /* a line begins with $INCLUDE */
	bool has_relative;      /* $ORIGIN or $INCLUDE with a relative domain name */
	bool has_generic;       /* it has a \# somewhere (RFC 3597) */
};

/**
 * Read a file. It is copied, not mapped: an editor may truncate it while it is parsed.
 * CR LF line ends become LF.
 * @param octets_max  largest file; 0 = 16 GiB
 * @param[out] st  the file as it was just before it was read; NULL: not asked for
 * @return 0, -EISDIR, -EINVAL (no regular file), -EFBIG, -EILSEQ (has NUL octets: no text; nul_line
 * is set), -ENOMEM or the negative errno of open and read
 */
int zone_text_read(struct zone_text *t, const char *path, uint64_t octets_max, struct stat *st)
	__attribute__((warn_unused_result));

/** The same for octets that the caller keeps until zone_text_free(). @return 0, -EILSEQ or -ENOMEM
 */
int zone_text_take(struct zone_text *t, const char *octets, size_t len)
	__attribute__((warn_unused_result));

void zone_text_free(struct zone_text *t);

/** The line in which octet p of the text lies, from 1. */
uint32_t zone_text_line(const struct zone_text *t, const char *p);

/** Does the directive at the start of this line name a relative origin? */
bool zone_origin_is_relative(const char *line, const char *end);

/**
 * Make the origins of $ORIGIN and $INCLUDE absolute.
 * @param origin  presentation format, absolute: what holds at the start of the text
 * @return 0, -ENOMEM or -EINVAL (origin too long); the text is as it was then
 */
int zone_origin_make_absolute(struct zone_text *t, const char *origin)
	__attribute__((warn_unused_result));

/** What an error of these functions means, for a report. */
const char *zone_text_strerror(int error);
