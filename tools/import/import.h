/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import: zones of a PowerDNS installation into a running Millrace, over its HTTP API. A source
 * reads a database, or a server's API, and hands over one zone at a time; convert.c makes it what
 * the API takes; what cannot be carried over is said line by line. One thread. */
#pragma once
#include "tools/lib/http_client.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define IMPORT_ERROR_OCTETS 512u
#define IMPORT_PIECE_RECORDS 5000u /* of a zone, in one request */

struct import_record {
	char *name;     /* as PowerDNS keeps it: no final dot needed */
	char *type;     /* "" or NULL: an empty non-terminal's row */
	char *content;  /* MX and SRV without their priority if prio says it */
	long ttl, prio; /* -1: not there */
	bool disabled;
};

struct import_comment {
	char *name, *type, *account, *content;
	long modified_at;
};

struct import_metadata {
	char *kind, *value;
};

struct import_key {
	char *id;
	long flags;
	bool active;
};

/* One zone, or a piece of its records: those of a large zone come in several. Texts are the
 * source's until its next call. */
struct import_zone {
	const char *name;
	const char *kind;                                    /* NATIVE, MASTER, ... in any case */
	const char *primaries, *account, *catalog, *options; /* "" for none */
	struct import_record *record;
	struct import_comment *comment;
	struct import_metadata *metadata;
	struct import_key *key;
	size_t n_records, n_comments, n_metadata, n_keys;
	bool first, last; /* of its pieces */
};

struct import_options {
	bool dry_run;      /* read and convert, send nothing */
	bool skip_present; /* a zone that is there already is left alone, without a word */
	bool quiet;        /* no progress */
};

struct import {
	struct import_options o;
	struct http *target; /* Millrace's API; NULL with dry_run */
	FILE *report;
	const char *source; /* what messages call it */
	uint64_t n_zones, n_rrsets, n_records,
		n_left;            /* carried over; n_left: lines of the report */
	uint64_t n_zones_left;     /* zones that were not carried over */
	uint64_t n_without_effect; /* lines of the report about what came over and does nothing */
	struct import_effects *effects;
	int64_t started_ms, told_ms;
	/* of the zone at hand */
	bool refused; /* the rest of its pieces is of no use */
};

/* --- for sources --- */

/** @return 0; -1: the target cannot be reached any more (said already) */
int import_zone(struct import *im, const struct import_zone *zone);
int import_tsig(struct import *im, const char *name, const char *algorithm, const char *secret);
int import_autoprimary(
	struct import *im, const char *ip, const char *nameserver, const char *account);
/** Read a running PowerDNS by its API. @return 0; -1 with error set, or said already */
int api_import(struct import *im, struct http *from, char error[IMPORT_ERROR_OCTETS]);

/** One line: what is not carried over, and why. zone may be NULL. */
void import_report(struct import *im, const char *zone, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- effects.c: what came over, or did not, and has no effect here yet --- */

/** Empty. Ends the program when there is no memory. */
struct import_effects *import_effects_new(void);
/** NULL: nothing. */
void import_effects_free(struct import_effects *e);
/** Is this kind of metadata left out, and told by import_effects_tell()? */
bool import_effects_left_out(const char *metadata);
/** A zone came over. @param kind  "Slave", as the API has it. name is copied */
void import_effects_zone(
	struct import_effects *e, const struct import_zone *z, const char *kind, const char *name);
/** An autoprimary came over. */
void import_effects_autoprimary(struct import_effects *e, const char *ip);
/** A line for each, into im->report; counts them in n_left and n_without_effect. */
void import_effects_tell(struct import *im);

/* --- convert.c: pure --- */

/** "Example.ORG" -> "example.org." allocated; NULL: no domain name */
char *import_name(const char *text);

/**
 * RRsets of a piece of a zone as the API's JSON; records that cannot be carried over are reported.
 * @param changetype  "EXTEND", or NULL for a new zone's
 * @return a new array
 */
json_t *import_rrsets(struct import *im, const struct import_zone *zone, const char *changetype);
/** Comments alone, as changes of RRsets that are there. @return a new array */
json_t *import_comments(struct import *im, const struct import_zone *zone);
