/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend: the C ABI between the control plane and a place where zones come from: LMDB, zone files,
 * a database. A backend is a shared object, loaded by name (`lmdb` is backend_lmdb.so), that
 * exports millrace_backend(). The control plane opens any number of instances of it and calls each
 * from one thread of that instance's own, so a backend needs no locks, and one that hangs stops
 * nobody else. docs/backends.md is the manual for writers of backends; tests/backend holds every
 * backend to it.
 *
 * All names are wire format, uncompressed, and folded (ASCII letters are lower case). RDATA is wire
 * format, uncompressed, case kept. Integers are in host order. What a function gets is valid until
 * it returns; what it hands to a callback is valid until the callback returns. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKEND_ABI_VERSION 1u
#define BACKEND_ERROR_OCTETS 512u

/* --- what zones are made of --- */

struct backend_record {
	const uint8_t *rdata;
	uint16_t rdlength;
	bool disabled; /* kept, shown by the API, not served */
};

struct backend_comment {
	const char *content, *account; /* UTF-8; account may be "" */
	uint32_t modified_at;          /* seconds since 1970 */
};

struct backend_rrset {
	const uint8_t *owner;
	uint16_t type; /* host order */
	uint32_t ttl;  /* seconds; 0..2^31-1 */
	uint32_t n_records, n_comments;
	const struct backend_record *record; /* no two with the same RDATA */
	const struct backend_comment *comment;
};

/* As PowerDNS's API calls them. The older words (Primary, Secondary) are told apart by the API. */
enum backend_kind {
	BACKEND_NATIVE,
	BACKEND_PRIMARY,   /* "Master" */
	BACKEND_SECONDARY, /* "Slave" */
	BACKEND_PRODUCER,
	BACKEND_CONSUMER,
	BACKEND_KINDS
};

/* What is known of a zone beside its records. Texts are UTF-8, "" for none, never NULL. */
struct backend_zone {
	const uint8_t *apex;
	enum backend_kind kind;
	const char *primaries; /* "192.0.2.1,[2001:db8::1]:5300" */
	const char *account;
	const char *catalog; /* presentation format, final dot */
	const char *options; /* JSON, of catalog zones */
	uint32_t serial, notified_serial;
	uint32_t last_check; /* seconds since 1970; of a secondary */
	uint64_t
		version; /* changes whenever records or properties do; 0: the backend cannot tell */
	const char *path; /* of the zone's file, where the backend has one, for messages; or "" */
};

/* --- changesets --- */

/* One RRset of a changeset, as it is to be. EXTEND and PRUNE of the API are resolved before. */
struct backend_change {
	struct backend_rrset rrset; /* n_records 0: the RRset is to be gone */
	bool has_records;           /* false: only the comments change */
	bool has_comments; /* false: the comments stay; true: they are replaced, by none too */
};

/* Checked against the zone that it will make: applied as a whole or not at all. The SOA with its
 * new serial is one of the changes. */
struct backend_changeset {
	const uint8_t *apex;
	uint32_t serial_before, serial_after;
	size_t n;
	const struct backend_change *change;
	const char *who; /* for logs and comments in files: "api token certbot", ... */
};

/* --- metadata and keys, as PowerDNS has them --- */

struct backend_metadata {
	const char *kind; /* "ALLOW-AXFR-FROM", "X-..." */
	size_t n;
	const char *const *value;
};

struct backend_tsig {
	const uint8_t *name;
	const char *algorithm; /* "hmac-sha256" */
	const char *secret;    /* base64 */
};

struct backend_key {
	uint32_t id; /* 0 when it is added: the backend chooses */
	uint16_t flags;
	bool active, published;
	const char *content; /* BIND private-key format 1.2 */
};

/* --- the backend --- */

enum backend_capability {
	BACKEND_LIST = 1u << 0,     /* list(): zones can be enumerated */
	BACKEND_STREAM = 1u << 1,   /* stream(): all records of a zone can be enumerated */
	BACKEND_LOOKUP = 1u << 2,   /* lookup(): too large or dynamic to be listed */
	BACKEND_APPLY = 1u << 3,    /* apply(): records can be changed */
	BACKEND_CREATE = 1u << 4,   /* create(), remove(), update(): zones can be */
	BACKEND_DISABLED = 1u << 5, /* keeps disabled records */
	BACKEND_COMMENTS = 1u << 6, /* keeps comments of RRsets */
	BACKEND_METADATA = 1u << 7, /* metadata_*() */
	BACKEND_KEYS = 1u << 8,     /* keys_*() */
	BACKEND_TSIG = 1u << 9,     /* tsig_*() */
	BACKEND_WATCH = 1u << 10,   /* poll(): tells of changes that others made */
	BACKEND_ZONE_FILE =
		1u << 11 /* zone_file(): a zone is a file that the host can read faster */
};

enum backend_setting_kind {
	BACKEND_TEXT,   /* any */
	BACKEND_PATH,   /* absolute; below the root folder if that was changed */
	BACKEND_UINT,   /* decimal, up to 2^64-1 */
	BACKEND_BOOL,   /* "true" or "false" */
	BACKEND_SECRET, /* any; the configuration does not show it */
};

struct backend_setting {
	const char *name; /* NULL ends the list */
	enum backend_setting_kind kind;
	bool required;
	const char *fallback; /* NULL: none */
	const char *help;     /* a sentence for docs and messages */
	bool repeats;         /* may be given more than once */
};

/* What the configuration says. The host has checked that every one is in the backend's list and
 * fits its kind, that none is missing, and, but for `repeats`, that none is there twice. A setting
 * with a fallback that is not in the configuration is there with it. */
struct backend_option {
	const char *name, *value;
};

enum backend_log_level {
	BACKEND_LOG_ERROR,
	BACKEND_LOG_WARNING,
	BACKEND_LOG_INFO,
	BACKEND_LOG_DEBUG
};

/* What the control plane offers a backend. Any thread. */
struct backend_host {
	uint32_t abi_version;
	const char *instance; /* its name in the configuration */
	void (*log)(const struct backend_host *h, enum backend_log_level level, const char *text);
	void *arg; /* the host's own */
	/* Zone files that the host loads itself (its configuration's section `zones`), for a
	 * backend that edits them there. NULL: it has none. -ENOENT: no such zone; the path is
	 * absolute. */
	int (*zone_file)(
		const struct backend_host *h, const uint8_t *apex, char *path, size_t room);
	int (*zone_files)(const struct backend_host *h,
		int (*each)(void *arg, const uint8_t *apex, const char *path), void *arg);
};

/* Functions return 0 or a negative errno, and on failure write one line into `error`
 * (BACKEND_ERROR_OCTETS, NUL included): what is wrong, where, and what would be right; no newline.
 * On success they leave it alone. What `each` returns other than 0 ends the walk and is returned as
 * it is, with `error` left alone.
 * -ENOENT: no such zone, key, ... -EEXIST: there is one. -EAGAIN: not now; the host tries again.
 * -ENOSPC: no room. -EROFS: this zone cannot be changed. -EINVAL: it is not acceptable, or what the
 * source has is not a zone (see error). -ESTALE: it has changed meanwhile. -ECONNREFUSED and the
 * like: the source cannot be reached.
 * A function whose capability is not told may be NULL; zone() comes with LIST or STREAM.
 *
 * One instance is called by one thread at a time, by one and the same as a rule, from open() to
 * close(); other instances of the same backend by other threads at the same time. Callbacks do not
 * call back into the backend. A process that calls may be killed at any time: what apply() and its
 * like write must be whole in every moment. */
struct backend_api {
	uint32_t abi_version; /* BACKEND_ABI_VERSION that it was built with */
	const char *name, *description;
	uint32_t capabilities;
	const struct backend_setting *settings;

	/** Options are valid during the call, the host until close(). It may take as long as the
	 * backend's own timeouts; when it fails the host tries again later. */
	int (*open)(void **instance, const struct backend_host *host,
		const struct backend_option *option, size_t n, char *error);
	void (*close)(void *instance);

	/** Every zone, in no special order. `each` returning other than 0 ends it with that. */
	int (*list)(void *instance, int (*each)(void *arg, const struct backend_zone *zone),
		void *arg, char *error);
	/** One zone's properties. */
	int (*zone)(void *instance, const uint8_t *apex,
		void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error);
	/** Every RRset of a zone, disabled records and comments included, each RRset once, as one
	 * consistent version. */
	int (*stream)(void *instance, const uint8_t *apex,
		int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error);
	/** RRsets of one owner; type 0: all. */
	int (*lookup)(void *instance, const uint8_t *apex, const uint8_t *owner, uint16_t type,
		int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error);
	/** Path of the zone's file, absolute; -ENAMETOOLONG: it has no room. */
	int (*zone_file)(void *instance, const uint8_t *apex, char *path, size_t room, char *error);

	/** All of it or nothing. Durable when it returns 0. -ESTALE: serial_before is not the
	 * zone's any more; of a zone without SOA it is not looked at. Names, RDATA and what may
	 * stand beside what in a zone have been checked by the caller; a backend may check again,
	 * and refuse what it cannot keep (-EINVAL), such as disabled records without
	 * BACKEND_DISABLED. */
	int (*apply)(void *instance, const struct backend_changeset *changeset, char *error);
	/** -EEXIST: there is one. The zone has no records until apply(); serial, version and path
	 * are not looked at. */
	int (*create)(void *instance, const struct backend_zone *zone, char *error);
	/** With all that belongs to it. */
	int (*remove)(void *instance, const uint8_t *apex, char *error);
	/** Properties; serial, version and path are not looked at. */
	int (*update)(void *instance, const struct backend_zone *zone, char *error);

	int (*metadata_each)(void *instance, const uint8_t *apex,
		int (*each)(void *arg, const struct backend_metadata *m), void *arg, char *error);
	/** n 0: the kind is removed. */
	int (*metadata_set)(
		void *instance, const uint8_t *apex, const struct backend_metadata *m, char *error);

	int (*keys_each)(void *instance, const uint8_t *apex,
		int (*each)(void *arg, const struct backend_key *key), void *arg, char *error);
	int (*key_add)(void *instance, const uint8_t *apex, const struct backend_key *key,
		uint32_t *id, char *error);
	/** Flags active and published; content is not looked at. */
	int (*key_set)(
		void *instance, const uint8_t *apex, const struct backend_key *key, char *error);
	int (*key_remove)(void *instance, const uint8_t *apex, uint32_t id, char *error);

	int (*tsig_each)(void *instance, int (*each)(void *arg, const struct backend_tsig *key),
		void *arg, char *error);
	/** Adds it or replaces the one of this name. */
	int (*tsig_set)(void *instance, const struct backend_tsig *key, char *error);
	int (*tsig_remove)(void *instance, const uint8_t *name, char *error);

	/** What others changed since the last call (the first time: since open()), each zone once,
	 * new and removed ones too; NULL as apex: look at all. What came through this instance need
	 * not be told. The host calls it every second or so. */
	int (*poll)(void *instance, void (*changed)(void *arg, const uint8_t *apex), void *arg,
		char *error);
	/** Can zones be read and changed now? At once, or within the backend's own timeouts. */
	int (*health)(void *instance, char *error);
};

/* The one symbol that a backend exports. */
typedef const struct backend_api *(*backend_entry)(void);
#define BACKEND_ENTRY "millrace_backend"
const struct backend_api *millrace_backend(void);
