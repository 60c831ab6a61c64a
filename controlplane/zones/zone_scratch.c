/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_scratch: one scanner that is kept, and what its small fields were when it was new. The three
 * large ones have nothing to be put back: the scanner writes them before it reads them, and says
 * how much is in them. */
#include "controlplane/zones/zone_scratch.h"

#include <libknot/descriptor.h>
#include <libzscanner/scanner.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The fields before, between and behind the large ones. */
#define FIRST_LEN offsetof(zs_scanner_t, buffer)
#define MIDDLE_AT offsetof(zs_scanner_t, path)
#define MIDDLE_LEN (offsetof(zs_scanner_t, r_data) - MIDDLE_AT)

_Static_assert(
	offsetof(zs_scanner_t, include_filename) == FIRST_LEN + sizeof((zs_scanner_t *)0)->buffer,
	"nothing lies between the two");
_Static_assert(offsetof(zs_scanner_t, r_data) + sizeof((zs_scanner_t *)0)->r_data + 8 >
		       sizeof(zs_scanner_t),
	"nothing lies behind it");

struct zone_scratch {
	zs_scanner_t *scanner;
	bool taken;
	uint8_t first[FIRST_LEN], middle[MIDDLE_LEN];
};

static zs_scanner_t *
new_scanner(void)
{
	zs_scanner_t *s = malloc(sizeof *s);

	if (s != NULL && zs_init(s, ".", KNOT_CLASS_IN, 0) != 0) {
		zs_deinit(s);
		free(s);
		return NULL;
	}
	return s;
}

static void
free_scanner(zs_scanner_t *s)
{
	if (s == NULL)
		return;
	zs_deinit(s);
	free(s);
}

struct zone_scratch *
zone_scratch_create(void)
{
	struct zone_scratch *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->scanner = new_scanner();
	if (s->scanner == NULL) {
		free(s);
		return NULL;
	}
	free(s->scanner->path); /* each gets one of its own */
	s->scanner->path = NULL;
	memcpy(s->first, s->scanner, FIRST_LEN);
	memcpy(s->middle, (const uint8_t *)s->scanner + MIDDLE_AT, MIDDLE_LEN);
	return s;
}

void
zone_scratch_destroy(struct zone_scratch *s)
{
	if (s == NULL)
		return;
	free_scanner(s->scanner);
	free(s);
}

zs_scanner_t *
zone_scratch_take(struct zone_scratch *s)
{
	if (s == NULL || s->taken)
		return new_scanner();
	s->scanner->path = strdup(".");
	if (s->scanner->path == NULL)
		return NULL;
	s->taken = true;
	return s->scanner;
}

void
zone_scratch_put(struct zone_scratch *s, zs_scanner_t *scanner)
{
	if (s == NULL || scanner != s->scanner) {
		free_scanner(scanner);
		return;
	}
	zs_deinit(scanner);
	memcpy(scanner, s->first, FIRST_LEN);
	memcpy((uint8_t *)scanner + MIDDLE_AT, s->middle, MIDDLE_LEN);
	s->taken = false;
}
