/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_compare: what a zone of the store and what was transferred differ in, found outside the
 * writer, so that what the writer has to do follows the change and not the zone. One thread at a
 * time. */
#pragma once
#include "controlplane/store/store.h"
#include "controlplane/transfer/transfer_content.h"

struct transfer_difference {
	struct zone_edit *edit; /* NULL: use the content's RRsets, and `whole` */
	size_t n;
	bool whole;       /* the RRsets are all of the zone: it holds whatever is there by then */
	uint64_t version; /* of the zone that was compared, if not whole */
	uint64_t zone;    /* its id */
	char *names;      /* of the edits */
};

/**
 * @param content  finished; outlives the difference
 * @param whole    do not compare; the writer is to replace everything
 * @return 0 (transfer_difference_end() it), or a negative errno: -ENOENT no such zone
 */
int transfer_compare(struct store *store, const uint8_t *apex,
	const struct transfer_content *content, bool whole, struct transfer_difference *out)
	__attribute__((warn_unused_result));
void transfer_difference_end(struct transfer_difference *d);
