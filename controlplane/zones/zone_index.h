/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_index: the parts of the index of names. Internal to the loader. */
#pragma once
#include "controlplane/zones/zone_build.h"

/** Order of names: hash, then octets, then place in the file. */
int zone_index_compare(
	const struct zone_model *z, const struct zone_name *a, const struct zone_name *b);

/** Sort names. @return 0 or -ENOMEM */
int zone_index_sort(struct zone_build *b, struct zone_name *name, uint32_t n)
	__attribute__((warn_unused_result));

/** Build bucket[] over the sorted names, for zone_model_find(). @return 0 or -ENOMEM */
int zone_index_buckets(struct zone_model *z) __attribute__((warn_unused_result));

/** Occlusion, empty non-terminals, wildcard children, for the sorted names. @return 0 or -ENOMEM */
int zone_index_tree(struct zone_build *b) __attribute__((warn_unused_result));
