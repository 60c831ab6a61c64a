/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acl_compile: from a list of prefixes to the block that workers read (shm/policy.h). */
#pragma once
#include "controlplane/policy/acl_rules.h"

/**
 * Make a block in private memory.
 * @param r               sorted
 * @param default_action  where no prefix matches
 * @param[out] out        the caller frees it; untouched on error
 * @return 0, -ENOMEM, or -E2BIG (more ranges than POLICY_RANGES_MAX)
 */
int acl_compile(struct policy **out, const struct acl_rules *r, enum policy_action default_action,
	const struct policy_rate_limit *limit) __attribute__((warn_unused_result));
