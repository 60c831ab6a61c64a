/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_compile: zone_model -> image in the arena (format: shm/image.h). Thread: any. */
#pragma once
#include "controlplane/zones/zone_model.h"
#include "shm/arena.h"

/**
 * Compile a checked zone. Nothing is published.
 * @param[out] image_off  arena offset of the new image
 * @return 0; -ENOSPC (arena full); -ENOMEM; -EINVAL (no SOA)
 */
int zone_compile(struct arena *a, const struct zone_model *z, uint64_t *image_off)
	__attribute__((warn_unused_result));

/** An image that stands for a configured zone without data: queries get SERVFAIL
 * (IMAGE_UNAVAILABLE). @param key  its apex, or that of a variant (shm/zone_key.h) */
int zone_compile_unavailable(struct arena *a, const uint8_t *key, uint64_t *image_off)
	__attribute__((warn_unused_result));

/** Give back the blocks of an image that nobody reads any more. */
void zone_image_free(struct arena *a, uint64_t image_off);
