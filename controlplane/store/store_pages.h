/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_pages: are the pages of an LMDB file (format 1, 64 bits, our byte order) what LMDB believes
 * them to be? LMDB follows page numbers and offsets without looking; after this it may read a file
 * that somebody handed us, or that a disk damaged, without leaving the map. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct store_pages {
	const uint8_t *file; /* mapped, as it lies on the disk */
	size_t len;
	void (*found)(void *arg, const char *text); /* each fault, one line */
	void *arg;
	uint64_t n_found;
	uint64_t n_pages; /* in use */
};

/** @return 0, -EPROTO (faults were found), -ENOMEM */
int store_pages_check(struct store_pages *p) __attribute__((warn_unused_result));
