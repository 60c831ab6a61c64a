/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_load: zone file -> zone_model. Thread: any; different zones may be loaded at the same time.
 */
#pragma once
#include "controlplane/zones/zone_model.h"
#include "controlplane/zones/zone_report.h"
#include "controlplane/zones/zone_scratch.h"

struct zone_load_options {
	uint64_t seed;              /* arena_header.seed */
	uint32_t default_ttl;       /* when the file has no $TTL and the RR none: as BIND, the SOA
				       minimum, else this */
	unsigned include_depth_max; /* $INCLUDE nesting; 0 = 20 */
	uint64_t generate_max;      /* RRs one $GENERATE may make; 0 = 1,000,000 */
	uint64_t octets_max;        /* of records in memory; 0 = 16 GiB - 4 */
	/* Called for the file of each $INCLUDE, readable or not, also when the zone is refused in
	 * the end. May be NULL. */
	void (*included)(void *arg, const char *path);
	void *included_arg;
	/* Called now and then while the file is read: how many of its lines are, of how many. May
	 * be NULL. */
	void (*progress)(void *arg, uint32_t line, uint32_t n_lines);
	void *progress_arg;
	struct stat *as_read; /* zone_load_file(): of the file, just before it was read; NULL: not
				 asked for. Untouched when it cannot be read */
	struct zone_scratch *scratch; /* of the calling thread, which loads zone after zone; NULL:
					 memory is taken for this zone alone */
};

/**
 * Parse, index and check a zone file.
 * @param path    zone file (RFC 1035 5, $ORIGIN, $TTL, $INCLUDE, $GENERATE)
 * @param apex    wire name of the zone, folded or not
 * @param[out] out  untouched unless 0 is returned; the caller destroys it
 * @param report  findings are added; with at least one error the result is -EINVAL
 * @return 0, -EINVAL, -ENOMEM, or the negative errno of opening or reading (also in the report)
 */
int zone_load_file(struct zone_model *out, const char *path, const uint8_t *apex,
	const struct zone_load_options *options, struct zone_report *report)
	__attribute__((warn_unused_result));

/** The same from a buffer; $INCLUDE is an error. `path` names it in messages. For fuzzing, tests
 * and the API. */
int zone_load_text(struct zone_model *out, const char *text, size_t len, const char *path,
	const uint8_t *apex, const struct zone_load_options *options, struct zone_report *report)
	__attribute__((warn_unused_result));
