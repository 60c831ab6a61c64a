/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config: the suite's configuration file (YAML, config/millrace.yaml), read by every process at its
 * start, and again by the control plane when it is told to. Keys, types, ranges, defaults and help
 * texts are declared once, in config/schema.c. */
#pragma once
#include "config/log.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address and port, parsed from "ADDR:PORT", "[ADDR6]:PORT" or "ADDR" (port 53). */
struct config_address {
	struct sockaddr_storage sa; /* AF_INET or AF_INET6 */
};

/* What to do with packets that are not for us. */
enum config_exception {
	CONFIG_EXCEPTION_AUTO, /* tap for devices that the kernel does not have itself */
	CONFIG_EXCEPTION_TAP,
	CONFIG_EXCEPTION_NONE
};

/* A network, parsed from "ADDR/LENGTH", or "ADDR" for that address alone. */
struct config_prefix {
	uint8_t address[16]; /* IPv6, or IPv4-mapped; no bit is set behind the first `bits` */
	uint8_t bits;        /* 0..128; an IPv4 prefix's length and 96 */
};

/* A DPDK port. */
struct config_port {
	/* EAL device arguments: "0000:01:00.0", "net_af_xdp0,iface=eth1", "net_memif0,..." */
	const char *device;
	uint16_t queues;    /* receive and transmit queues; 0: one for each worker */
	uint16_t ring_size; /* descriptors a queue; 0: the driver's choice, at least 512 */
	/* ours on this port, port number included; none: any address, port 53 */
	const struct config_address *addresses;
	unsigned addresses_count;
	uint16_t mtu;                    /* octets of an IP packet; 0: the device's */
	uint32_t exception;              /* enum config_exception */
	const char *exception_interface; /* of the kernel's twin; NULL: made from device */
};

struct config_zone {
	const char *zone; /* presentation format */
	const char *file; /* a relative path of the file is resolved against its folder already */
};

/* Prefixes with one action (enum policy_action, shm/policy.h). */
struct config_acl_rule {
	uint32_t action;
	const struct config_prefix *prefixes;
	unsigned prefixes_count;
	const char *file; /* further ones; NULL: none */
};

/* What an instance of a backend is told; either value or secret. */
struct config_backend_option {
	const char *name;
	const char *value, *secret;
};

/* An instance of a backend (backends/backend.h). */
struct config_backend {
	const char *name, *type;
	const struct config_backend_option *options;
	unsigned options_count;
};

struct config {
	const char *run_dir; /* sockets, hub, arena */
	const char *user;    /* NULL: do not change; processes drop to it after start */
	const char *chroot;  /* NULL: none; no '/' at its end. See config_enter_chroot() */
	bool chroot_entered; /* the paths are those of inside */
	enum log_level log_level;
	struct {
		const char *path; /* NULL: RUN_DIR/arena; on hugetlbfs for huge pages */
		uint64_t size;    /* octets of address space (sparse) */
	} arena;
	struct {
		unsigned workers; /* worker cores; at least 1 */
		/* CPUs to pin workers to, one for each; none: not pinned unless DPDK ports exist */
		const unsigned *cores;
		unsigned cores_count;
		/* kernel UDP sockets (TCP: see stream.listen) */
		const struct config_address *listen;
		unsigned listen_count;
		const struct config_port *ports;
		unsigned ports_count;
		/* further EAL arguments; "--no-huge --in-memory --no-pci" are put in when no huge
		 * pages / no PCI device are wanted */
		const char *const *eal;
		unsigned eal_count;
		bool huge_pages; /* EAL memory from huge pages; default: if there are free ones */
		bool huge_pages_set; /* the file says so; otherwise it was found out */
	} dataplane;
	struct {
		/* TCP; default: dataplane.listen and the ports' addresses, already filled in */
		const struct config_address *listen;
		unsigned listen_count;
		unsigned connections_max;
		unsigned connections_per_client_max; /* per IPv4 address or IPv6 /64 */
		unsigned queries_per_connection_max; /* in flight */
		unsigned idle_timeout_ms;            /* RFC 7766 6.2.3 */
		unsigned read_timeout_ms;            /* a message must be complete within */
		unsigned write_timeout_ms;           /* a response must be taken within */
	} stream;
	struct {
		const struct config_zone *list;
		unsigned list_count;
		bool list_left_out;    /* there is a list, but it was not asked for */
		const char *directory; /* every file NAME.zone in it is zone NAME; may be NULL */
		bool watch;            /* reload files when they change */
		uint32_t default_ttl;  /* seconds */
		unsigned threads;      /* loading threads; 0: one for each CPU */
	} zones;
	struct {
		const char *path; /* LMDB file; NULL: see config_store_path() */
	} store;
	struct {
		unsigned timeout_ms;             /* of connecting, and between whole messages */
		unsigned time_max_ms;            /* of one transfer, of all its primaries */
		uint64_t octets_max, memory_max; /* of one transfer */
		unsigned records_max;            /* likewise */
		unsigned parallel;               /* transfers at a time */
	} transfer;
	struct {
		uint16_t udp_payload_max; /* octets, 512..4096 */
		const char *nsid;         /* text, or "0x" and hex octets; NULL: none */
		const char *version;      /* version.bind; NULL: refused */
		const char *identity;     /* id.server; NULL: refused */
		bool cookies;
		/* from 32 hex digits; not set: random at each start */
		uint8_t cookie_secret[16], cookie_secret_old[16];
		bool cookie_secret_set, cookie_secret_old_set;
	} answers;
	struct {
		uint32_t default_action; /* enum policy_action */
		const struct config_acl_rule *rules;
		unsigned rules_count;
	} acl;
	struct {
		bool enabled;
		uint32_t rate, nxdomain_rate,
			error_rate; /* responses a second and prefix; 0: no limit */
		unsigned window_ms;
		uint32_t slip;                     /* 0: none */
		uint32_t ipv4_prefix, ipv6_prefix; /* bits */
		bool limit_loopback;
	} rrl;
	struct {
		/* HTTP for /metrics and /health; none: nobody listens */
		const struct config_address *listen;
		unsigned listen_count;
		const struct config_prefix *allow_from; /* default filled in: this machine */
		unsigned allow_from_count;
	} metrics;
	struct {
		/* the HTTP API over TCP; none: only on the unix socket */
		const struct config_address *listen;
		unsigned listen_count;
		const char *key;                        /* itself or "$scrypt$..."; NULL: none */
		const struct config_prefix *allow_from; /* default filled in: this machine */
		unsigned allow_from_count;
		uint64_t max_body;   /* octets */
		uint64_t max_import; /* octets */
		unsigned connections_max, connections_per_client_max;
		unsigned timeout_ms;
		const char *tls_certificate, *tls_key; /* both or none */
		const char *tls_client_ca;             /* NULL: no certificates of clients */
		bool extensions;                       /* paging and entity tags */
		const char *cors_origin;               /* NULL: none */
	} api;
	const struct config_backend *backends;
	unsigned backends_count;
	const char *backend_directory; /* NULL: where they were installed */
	void *memory;                  /* owned: what the strings point into */
	_Atomic unsigned holders;      /* besides the first */
};

/* Who has to be started anew for a change of some keys. */
enum config_process {
	CONFIG_DATAPLANE = 1 << 0,
	CONFIG_CONTROLPLANE = 1 << 1,
	CONFIG_STREAM = 1 << 2,
	CONFIG_ALL = CONFIG_DATAPLANE | CONFIG_CONTROLPLANE | CONFIG_STREAM,
};

/**
 * Read and check a file.
 * @param path  NULL: all defaults
 * @param[out] error  on failure "FILE:LINE: key 'a.b': what is wrong; what would be right"; the
 * caller frees it
 * @return NULL on failure; free with config_free()
 */
struct config *config_load(const char *path, char **error) __attribute__((warn_unused_result));
/** The same from text in memory (fuzzing, tests). `name` stands for the path. */
struct config *config_load_text(const char *text, size_t len, const char *name, char **error)
	__attribute__((warn_unused_result));
/* A file that was read once already, so that what is read of it later is of the same version. */
struct config_rest;

/**
 * Read a file for a process that needs no list of zones, or not yet. A list that is long is left
 * out (zones.list_left_out), unread and unchecked; a short one is there, as by config_load().
 * @param[out] rest  what config_load_rest() needs, or NULL when nothing was left out. NULL: it will
 *                   not be asked for
 */
struct config *config_load_part(const char *path, struct config_rest **rest, char **error)
	__attribute__((warn_unused_result));
/** The whole of the file that config_load_part() read. Frees `rest`. Thread: any. */
struct config *config_load_rest(struct config_rest *rest, char **error)
	__attribute__((warn_unused_result));
/** The same as config_load_part() from text, however short it is (fuzzing, tests). */
struct config *config_load_text_part(const char *text, size_t len, const char *name, char **error)
	__attribute__((warn_unused_result));
/** Instead of config_load_rest(). NULL: nothing. */
void config_rest_free(struct config_rest *rest);

/** One more holder of a loaded configuration, which nobody changes any more. Thread: any. */
struct config *config_hold(const struct config *c);
/**
 * Where in the file a key is, for messages of who finds a fault later.
 * @param key  as in messages: "backends[0].options[2].value"
 * @return its line, or that of the deepest part of it that is there; 0: the file cannot be read
 */
size_t config_find_line(const char *path, const char *key);

/** Let go of it; the last holder frees it. NULL: nothing. Thread: any. */
void config_free(struct config *c);

/* --- config/compare.c --- */

/* One key whose value differs. The texts live as long as the call; secrets are not in them. */
struct config_change {
	const char *key; /* "dataplane.workers" */
	const char *before, *after;
	unsigned restart; /* processes, enum config_process; 0: a reload takes it over */
};

/**
 * Tell about every key that differs, in the order of the reference page.
 * @param processes  keys that need a restart of one of these; 0: keys that a reload takes over
 * @return how many there are
 */
unsigned config_compare(const struct config *before, const struct config *after, unsigned processes,
	void (*each)(void *arg, const struct config_change *change), void *arg);

/** A number that differs, in all likelihood, when a key differs that this process takes only at its
 * start. Never 0. */
uint64_t config_digest(const struct config *c, enum config_process process);

/* --- config/show.c --- */

enum config_kind {
	CONFIG_VALUE_UNSET,
	CONFIG_VALUE_TEXT,
	CONFIG_VALUE_NUMBER,
	CONFIG_VALUE_BOOL,
	CONFIG_VALUE_HIDDEN, /* a secret that is set; the text only says so */
};

/* Receiver of a configuration. key is NULL for entries of lists. */
struct config_visitor {
	void (*open)(void *arg, const char *key, bool list); /* a mapping, or a list */
	void (*close)(void *arg, bool list);
	void (*value)(void *arg, const char *key, enum config_kind kind, const char *text);
	void *arg;
};

/** Tell every key with the value that it has, defaults included; secrets are hidden. */
void config_visit(const struct config *c, const struct config_visitor *v);

/** Print every key with type, range, default and help: the reference page docs/configuration.md is
 * made from it. */
int config_print_reference(void);

/** Parse "ADDR:PORT", "[ADDR6]:PORT", "ADDR" or "ADDR6". @return 0 or -EINVAL */
int config_parse_address(const char *text, uint16_t default_port, struct config_address *out);
/** Write "ADDR:PORT" or "[ADDR6]:PORT". out holds at least 64 octets. */
void config_format_address(const struct config_address *a, char out[64]);

/** Parse "ADDR/LENGTH", "ADDR", both families. @return 0; -EINVAL, also for bits set behind the
 * length
 */
int config_parse_prefix(const char *text, struct config_prefix *out);
/** Write "ADDR/LENGTH". out holds at least 64 octets. */
void config_format_prefix(const struct config_prefix *p, char out[64]);
/** Is this address in it? IPv4-mapped addresses count as IPv4. Thread: any. */
bool config_prefix_has(const struct config_prefix *p, const struct sockaddr *sa);

/**
 * The file again, for a process that runs with `now` and may have changed its root folder: `path`
 * is what the file is called outside.
 * @return as config_load()
 */
struct config *config_load_again(const struct config *now, const char *path, char **error)
	__attribute__((warn_unused_result, nonnull(1, 2, 3)));
/**
 * Make the paths of this configuration what they are called below its `chroot`, which checking has
 * found to be in front of each. For the process that has just changed its root folder, and for each
 * configuration that it loads afterwards. A second time does nothing.
 */
void config_enter_chroot(struct config *c) __attribute__((nonnull(1)));

/* --- config/scrypt.c --- */

/* A password's hash as `pdnsutil hash-password` prints it: $scrypt$ln=10,p=1,r=8$SALT$HASH */
struct config_scrypt {
	uint64_t n; /* work factor, a power of two */
	uint32_t p, r;
	uint8_t salt[16], hash[32];
};
/** @return 0; -EINVAL: it is none, or costs too much (n above 32768, p or r above 16) */
int config_parse_scrypt(const char *text, struct config_scrypt *out);

/** Is it an address of this machine's loopback interface? */
bool config_address_is_loopback(const struct config_address *a);

/** Path of the arena of this configuration: arena.path, or RUN_DIR/arena. Caller frees. */
char *config_arena_path(const struct config *c);
/** Path of the store of this configuration: store.path, or where this process keeps its state.
 * Caller frees. */
char *config_store_path(const struct config *c);
/** RUN_DIR/name. Caller frees. */
char *config_run_path(const struct config *c, const char *name);
