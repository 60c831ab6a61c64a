/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record_text: names and RDATA as a zone file has them. Pure, any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Text that grows. */
struct text {
	char *at;
	size_t len, room;
	int error; /* -ENOMEM: something is missing */
};
void text_add(struct text *t, const char *from, size_t len);
void text_add_string(struct text *t, const char *string);
void text_free(struct text *t);

/** Relative to the origin where it lies below it, "@" for itself, else absolute. Folded names. */
void text_add_name(struct text *t, const uint8_t *name, const uint8_t *origin);
/** With its final dot; case kept. */
void text_add_absolute(struct text *t, const uint8_t *name);
/** "A", "TYPE65400". */
void text_add_type(struct text *t, uint16_t type);
/** Names in it are absolute. What has no presentation format of its own is written as RFC 3597. */
void text_add_rdata(struct text *t, uint16_t type, const uint8_t *rdata, uint16_t rdlength);
