/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request: one HTTP request as its handler sees it. A handler answers at once (body, status), or
 * answers in pieces (api_request.more), or later: after a ticket of the zone manager
 * (api_request_wait) or when somebody else is done (api_request_wait_for). */
#pragma once
#include "controlplane/api/api.h"
#include "controlplane/api/json_writer.h"
#include "controlplane/api/route.h"

#include <jansson.h>
#include <sys/types.h>

struct MHD_Connection;
struct access_grant; /* access.c's: who asks, and what he may */

#define API_BODIES_MAX 32u /* what all requests' bodies together may have, in longest ones */
#define API_HEADERS_MAX 4u /* that a handler adds to its answer */
#define API_BASE "/api/v1/servers/localhost"

struct api_request {
	const struct api_context *context;
	const struct config *config; /* what holds now; context->config is of the start */
	struct MHD_Connection *connection;
	bool head; /* HEAD: the headers of a GET */
	const struct route *route;
	struct route_match match;
	struct access_grant *grant;
	char *body;         /* the whole of it, with a NUL behind; NULL: there was none */
	size_t body_octets; /* of it */
	size_t body_room;   /* taken from what all bodies may have */
	int spool;          /* descriptor of the body's file, of a route that spools, else -1 */
	uint64_t spool_octets;
	uint64_t thrown_away; /* octets of the body that arrived, and were not wanted any more */
	char *path;           /* as it was sent, without the query; NULL: a question */
	bool audited;         /* the audit log tells of it already */
	bool refused;         /* the answer is set; what still comes is thrown away */
	unsigned status;      /* HTTP; 200 at first. 204 and 304 have no body */
	const char *content_type;
	struct api_header {
		const char *name;
		char *value;
	} header[API_HEADERS_MAX];
	unsigned n_headers;
	struct json_writer out;

	/* Streamed answer: called when `out` was sent and rewound; writes the next piece, and
	 * returns false when that was the last. NULL: the answer is in `out`. */
	bool (*more)(struct api_request *r);
	bool more_ended;
	uint64_t sent_octets; /* of pieces before `out` */

	/* Streamed answer of another kind than JSON: called when octets can be sent. Writes some
	 * and returns how many; or 0 after it has suspended the connection; -1 the end; -2 an
	 * error */
	ssize_t (*read)(struct api_request *r, char *buffer, size_t max);

	/* Answered later: `start` is called when the request sleeps, and sees to it that
	 * api_request_resume() is called once; then `after` runs, which may wait once more. */
	void (*start)(struct api_request *r);
	void (*after)(struct api_request *r);
	uint64_t ticket;
	bool for_zone;                       /* only wait for the zone that parameter 0 names */
	struct reconfigure_outcome *outcome; /* owned */
	void *owned;                         /* by the request; `forget` ends it */
	void (*forget)(void *owned);

	/* for handlers that write in pieces */
	uint32_t cursor;
	bool flag;
};

/* As whose API this answers: clients read three numbers from it and decide by them what they may
 * send (octoDNS: 404 instead of 422 since 4.2, SOA-EDIT-API "DEFAULT" since 4.3; EXTEND and PRUNE
 * came with 5.0.2). What is behind the '-' is ours. */
#define API_SERVER_VERSION "5.0.2-millrace-" MILLRACE_VERSION

/* Groups of routes, each with its file; api_routes.c lists them. */
extern const struct route_group api_routes_servers, api_routes_config, /* api_routes_server.c */
	api_routes_stats;
extern const struct route_group api_routes_metadata, api_routes_cryptokeys, /* api_routes_keys.c */
	api_routes_tsigkeys, api_routes_autoprimaries, api_routes_networks, api_routes_views;
extern const struct route_group api_routes_zones;                    /* api_routes_zones.c */
extern const struct route_group api_routes_suite, api_routes_policy; /* api_routes_millrace.c */
extern const struct route_group api_routes_access;                   /* api_routes_access.c */

/** Replace the answer by {"error": "..."} with this status. */
void api_request_error(struct api_request *r, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** May it use what PowerDNS's API has not (paging, entity tags)? By the configuration, or because
 * it asks for it with the header "X-Millrace-Extensions: true". */
bool api_request_extensions(const struct api_request *r);

/** A header of the answer (Location, ETag, ...); not of an error that comes later. `name` outlives
 * the request. Control characters of the value come out as '?'. */
void api_request_header(struct api_request *r, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** The request's body, parsed: no doubled keys, no deep nesting, UTF-8. The caller lets go of it
 * (json_decref). @return NULL: it is no JSON, and 400 is the answer, with line and column */
json_t *api_request_json(struct api_request *r) __attribute__((warn_unused_result));

/** Answer by `after`, once the ticket is done (zone_manager_wait()). @param for_zone  for the zone
 * of the path only */
void api_request_wait(struct api_request *r, bool for_zone, uint64_t ticket,
	void (*after)(struct api_request *r));

/** Answer by `after`, once api_request_resume() was called. */
void api_request_wait_for(struct api_request *r, void (*start)(struct api_request *r),
	void (*after)(struct api_request *r));
/** Go on with a request that waits. Thread: any. */
void api_request_resume(struct api_request *r);

/**
 * Value of a query parameter.
 * @param[out] value  decoded
 * @return 1; 0: it is not there; -1: it makes no sense (the error is the answer then)
 */
int api_request_query(struct api_request *r, const char *name, char *value, size_t room);

/** A boolean query parameter: true, false, 1, 0, yes, no, or nothing (true). @return 0, or -1 as
 * above */
int api_request_query_bool(struct api_request *r, const char *name, bool *value);

/** The zone that parameter 0 of the path names. @return 0, or -1 (the error is the answer then) */
int api_request_zone(struct api_request *r, uint8_t apex[ZONE_WIRE_OCTETS]);

/* handlers, by file */
void api_versions(struct api_request *r); /* api_routes.c */
void api_version(struct api_request *r);
void api_docs(struct api_request *r);
void api_servers(struct api_request *r);
void api_server(struct api_request *r);
void api_settings_list(struct api_request *r); /* api_settings.c */
void api_setting_get(struct api_request *r);
void api_cache_flush(struct api_request *r);
void api_metadata_list(struct api_request *r); /* api_metadata.c */
void api_metadata_add(struct api_request *r);
void api_metadata_get(struct api_request *r);
void api_metadata_set(struct api_request *r);
void api_metadata_remove(struct api_request *r);
void api_cryptokeys_list(struct api_request *r); /* api_cryptokeys.c */
void api_cryptokey_add(struct api_request *r);
void api_cryptokey_get(struct api_request *r);
void api_cryptokey_change(struct api_request *r);
void api_tsigkeys_list(struct api_request *r); /* api_tsigkeys.c */
void api_tsigkey_add(struct api_request *r);
void api_tsigkey_get(struct api_request *r);
void api_tsigkey_change(struct api_request *r);
void api_tsigkey_remove(struct api_request *r);
void api_autoprimaries_list(struct api_request *r); /* api_autoprimaries.c */
void api_autoprimary_add(struct api_request *r);
void api_autoprimary_remove(struct api_request *r);
void api_views_list(struct api_request *r); /* api_views.c */
void api_view_get(struct api_request *r);
void api_view_add(struct api_request *r);
void api_view_remove(struct api_request *r);
void api_networks_list(struct api_request *r);
void api_network_get(struct api_request *r);
void api_network_set(struct api_request *r);
void api_zone_notify(struct api_request *r); /* api_zone_actions.c */
void api_zone_rectify(struct api_request *r);
void api_zone_retrieve(struct api_request *r); /* api_zone_retrieve.c */
void api_zones_list(struct api_request *r);    /* api_zones.c */
void api_search(struct api_request *r);        /* api_search.c */
void api_zone_get(struct api_request *r);      /* api_zone_get.c */
void api_zone_export(struct api_request *r);
/** The zone that was just made; the status stays. Takes r->owned. */
void api_zone_show_created(struct api_request *r, const uint8_t *apex);
void api_zone_create(struct api_request *r); /* api_zone_create.c */
void api_zone_patch(struct api_request *r);  /* api_zone_edit.c */
void api_zone_put(struct api_request *r);
void api_zone_delete(struct api_request *r);
void api_zone_import(struct api_request *r);  /* api_zone_import.c */
void api_zone_history(struct api_request *r); /* api_history.c */
void api_zone_diff(struct api_request *r);
void api_zone_revert(struct api_request *r); /* api_revert.c */
void api_zone_reload(struct api_request *r);
void api_reload(struct api_request *r);
/** Members that tell what the last reload of zones did; for an object that is open. */
void api_write_reload(struct api_request *r);
/** Ask reconfigure; r->outcome is its answer when the request resumes. For api_request.start. */
void api_config_request(struct api_request *r, enum reconfigure_kind kind);
void api_config_get(struct api_request *r); /* api_config.c */
void api_config_diff(struct api_request *r);
void api_config_reload(struct api_request *r);
void api_statistics(struct api_request *r); /* api_statistics.c */
void api_stats(struct api_request *r);
void api_metrics(struct api_request *r);
void api_backends(struct api_request *r); /* api_backends.c */
void api_status(struct api_request *r);   /* api_status.c */
void api_acl(struct api_request *r);      /* api_policy.c */
void api_acl_set(struct api_request *r);
void api_acl_remove(struct api_request *r);
void api_acl_reload(struct api_request *r);
void api_acl_check(struct api_request *r);
void api_rrl(struct api_request *r);
void api_rrl_set(struct api_request *r);
void api_capture(struct api_request *r);     /* api_capture.c */
void api_tokens_list(struct api_request *r); /* api_tokens.c */
void api_token_create(struct api_request *r);
void api_token_get(struct api_request *r);
void api_token_change(struct api_request *r);
void api_token_rotate(struct api_request *r);
void api_token_delete(struct api_request *r);
void api_audit(struct api_request *r); /* api_audit.c */
