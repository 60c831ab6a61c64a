/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_control: the access list and the rate limits of this moment. Starts with what the
 * configuration says; changes come from the API and last until the process ends or the
 * configuration is applied again. Thread: any, serialised inside. */
#pragma once
#include "config/config.h"
#include "controlplane/policy/acl_rules.h"
#include "controlplane/zones/zone_publish.h"

struct policy_control;

/**
 * Publish what a configuration says.
 * @param publisher  outlives it
 * @param published  called after each publication (any thread), so that somebody reclaims; may be
 *                   NULL
 * @param[out] error  on failure what is wrong, with file and line where there is one
 * @return 0, -EINVAL (a file of prefixes, or a prefix with two actions), -ENOMEM, -ENOSPC or the
 *         errno of reading a file
 */
int policy_control_create(struct policy_control **out, const struct config *c,
	struct zone_publisher *publisher, void (*published)(void *arg), void *arg,
	char error[ACL_ERROR_OCTETS]) __attribute__((warn_unused_result));
void policy_control_destroy(struct policy_control *p);

/* List and limits that are ready to be taken over. */
struct policy_plan;

/**
 * Make list and limits from a configuration: files are read, everything is checked and compiled.
 * Changes nothing. Errors as above.
 * @param[out] out  ended with policy_plan_free()
 */
int policy_plan_create(struct policy_plan **out, const struct config *c,
	char error[ACL_ERROR_OCTETS]) __attribute__((warn_unused_result));
/** NULL: nothing. */
void policy_plan_free(struct policy_plan *plan);

/**
 * Publish a plan, and put what it replaces in its place: the same call again takes it back. What
 * came from the API is gone.
 * @return 0; -ENOMEM or -ENOSPC, and nothing has changed
 */
int policy_control_swap(struct policy_control *p, struct policy_plan *plan)
	__attribute__((warn_unused_result));

/** Replace the access list by a configuration's, its files read anew; the limits stay. All or
 * nothing. Errors as policy_control_create(). */
int policy_control_apply_acl(struct policy_control *p, const struct config *c,
	char error[ACL_ERROR_OCTETS]) __attribute__((warn_unused_result));

/** Add a prefix, or change its action. @return 0, -E2BIG, -ENOMEM or -ENOSPC */
int policy_control_set(struct policy_control *p, const struct config_prefix *prefix,
	enum policy_action action) __attribute__((warn_unused_result));
/** @return also -ENOENT: there is no rule for exactly this prefix */
int policy_control_remove(struct policy_control *p, const struct config_prefix *prefix)
	__attribute__((warn_unused_result));
int policy_control_set_default(struct policy_control *p, enum policy_action action)
	__attribute__((warn_unused_result));
/** The caller has checked the ranges. */
int policy_control_set_limit(struct policy_control *p, const struct policy_rate_limit *limit)
	__attribute__((warn_unused_result));

void policy_control_limit(struct policy_control *p, struct policy_rate_limit *out);
/**
 * What becomes of queries from an address.
 * @param[out] rule  the one that decides
 * @return false when it is the default's, and then only rule->action is set
 */
bool policy_control_match(
	struct policy_control *p, const uint8_t address[16], struct acl_rule *rule);
/** Call `each` for every rule, in order of addresses, with the list locked. Returns the default. */
enum policy_action policy_control_each(
	struct policy_control *p, void (*each)(void *arg, const struct acl_rule *rule), void *arg);
