/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_patch: a new image of a zone from the old one and the names that changed. Chunks that none
 * of them lies in are shared with the old image; in the others nodes are replaced. The cost follows
 * the number of changed names and of those that depend on them (names below a new or vanished cut
 * or DNAME; RRsets whose additional data changed), not the size of the zone. Thread: any; of one
 * zone one at a time. */
#pragma once
#include "backends/backend.h"
#include "controlplane/zones/zone_publish.h"

/* The zone as it is to be, all of it from one version. Functions return 0 or a negative errno; a
 * callback that returns one ends the function with that. What is handed out is valid until the
 * callback returns, and callbacks ask for nothing more; disabled records are not left out. */
struct zone_reader {
	/* RRsets of one owner; none: 0 as well */
	int (*rrsets)(void *arg, const uint8_t *owner,
		int (*each)(void *to, const struct backend_rrset *rrset), void *to);
	/* RRsets at and below a name, in canonical order of owners; `each` returning 1 ends it (0
	 * is returned then) */
	int (*below)(void *arg, const uint8_t *name,
		int (*each)(void *to, const struct backend_rrset *rrset), void *to);
	/* owners of RRsets (of types for which zone_rdata_target() is not negative) that name this
	 * target, or with `below` also those that name a target below it: an address at a wildcard,
	 * a cut or a new name changes what is added for names below, which need not exist. The same
	 * owner may come more than once. -EAGAIN: not known; the whole zone is to be compiled */
	int (*referrers)(void *arg, const uint8_t *target, bool below,
		int (*each)(void *to, const uint8_t *owner), void *to);
	void *arg;
	uint64_t n_records; /* of the whole zone, disabled ones left out as far as is known */
};

struct zone_patch_result {
	uint64_t image_off; /* new; not published */
	uint32_t n_nodes;   /* that were rendered */
	uint32_t n_chunks;  /* that were written */
};

/**
 * @param old_off  the image that is published; it must be the result of zone_compile() or of this
 * @param owner    n folded wire names, NAME_PAD octets readable behind each: what may differ
 * @return 0; -EAGAIN: compile the whole zone instead (it is small, or too much of it changed, or
 * its chunks have grown out of shape); -EINVAL (no SOA); -ENOSPC; -ENOMEM; what the reader returned
 */
int zone_patch(struct arena *a, uint64_t old_off, const struct zone_reader *reader,
	const uint8_t *const *owner, size_t n, struct zone_patch_result *out)
	__attribute__((warn_unused_result));

/** Publish a patched image in place of the one it was made from; only what the new one does not
 * share is freed after the grace period. On failure the new one is the caller's still.
 * @return 0; -ESTALE (another image is published in the meantime); -EINVAL; -ENOMEM */
int zone_publish_patched(struct zone_publisher *p, uint64_t old_off, uint64_t new_off)
	__attribute__((warn_unused_result));
/** Give back what a patched image that was not published does not share with the old one, which is
 * still there. */
void zone_patch_discard(struct arena *a, uint64_t old_off, uint64_t new_off);
