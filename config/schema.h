/* SPDX-License-Identifier: GPL-3.0-or-later */
/* schema: the one list of configuration keys. The cyaml schema, the conversion, the defaults, the
 * checks' ranges, the error messages and docs/configuration.md are all made from these rows.
 * Private to config/. */
#pragma once
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* schema_key.change: taken over by a reload. Otherwise bits of enum config_process. */
#define SCHEMA_LIVE 0x80u

enum schema_type {
	SCHEMA_SECTION,   /* mapping with keys of its own */
	SCHEMA_TEXT,      /* min..max octets */
	SCHEMA_PATH,      /* absolute path, min..max octets */
	SCHEMA_FILE,      /* path; a relative one starts at the configuration file's folder */
	SCHEMA_ZONE,      /* domain name in presentation format */
	SCHEMA_ADDRESS,   /* ADDR:PORT, struct config_address; max: the default port */
	SCHEMA_PREFIX,    /* ADDR/LENGTH, struct config_prefix */
	SCHEMA_UINT,      /* integer min..max, `octets` wide */
	SCHEMA_BOOL,      /* true or false */
	SCHEMA_SIZE,      /* "64GiB", uint64_t octets, min..max */
	SCHEMA_DURATION,  /* "500ms", unsigned milliseconds, min..max */
	SCHEMA_SECRET,    /* 32 hex digits, 16 octets; the bool at set_offset becomes true */
	SCHEMA_PASSWORD,  /* min..max octets that nobody is shown */
	SCHEMA_NSID,      /* text, or 0x and hex digits */
	SCHEMA_LOG_LEVEL, /* enum log_level */
	SCHEMA_CHOICE,    /* one of `choices`, the index as uint32_t */
	SCHEMA_TYPES
};

struct schema_key {
	const char *name; /* as in the file; NULL ends a table */
	enum schema_type type;
	bool list;       /* a sequence of these */
	bool required;   /* its section is not complete without */
	uint8_t change;  /* what it takes: SCHEMA_LIVE, or who must be restarted; 0 in sections that
			    are no lists, and in entries of lists, for which their list says it */
	uint16_t octets; /* SCHEMA_UINT: width; lists: of one entry */
	uint32_t offset; /* in struct config, or in the entry of the list of sections around it */
	uint32_t set_offset; /* lists: the unsigned count; else a bool that becomes true, or 0: none
			      */
	uint32_t entries_max;          /* lists: most entries */
	const struct schema_key *keys; /* SCHEMA_SECTION */
	const char *const *choices;    /* SCHEMA_CHOICE: words; NULL ends them */
	uint64_t min, max;
	const char *fallback;  /* default, written as in the file; NULL: not set */
	const char *otherwise; /* what not set means, for the reference */
	const char *example;   /* for messages, where the type alone gives none */
	const char *powerdns;  /* PowerDNS's name of the same setting */
	const char *help;
};

/** The keys of the top level. */
extern const struct schema_key schema_root[];

/** Number of keys in a table. */
unsigned schema_count(const struct schema_key *keys);
/** The key of that name, or NULL. */
const struct schema_key *schema_find(const struct schema_key *keys, const char *name);
/** What would be right for one value: "an integer from 1 to 64", ... */
void schema_describe(const struct schema_key *key, char *out, size_t len);
/**
 * What would be right instead of an unknown key: "did you mean 'listen'?" or the list of the keys.
 */
void schema_suggest(const struct schema_key *keys, const char *name, char *out, size_t len);
/** "10s", "500ms": a duration as the file writes it. */
void schema_format_duration(uint64_t ms, char *out, size_t len);
/** "64GiB": likewise a size. */
void schema_format_size(uint64_t octets, char *out, size_t len);
