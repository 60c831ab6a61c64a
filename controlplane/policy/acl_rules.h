/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acl_rules: prefixes with their actions, from the configuration, from files, from the API. A list
 * belongs to one thread at a time. */
#pragma once
#include "config/config.h"
#include "shm/policy.h"

#define ACL_RULES_MAX 1000000u
#define ACL_ERROR_OCTETS 512u

struct acl_rule {
	uint8_t address[16]; /* as in struct config_prefix */
	uint8_t bits;
	uint8_t action; /* enum policy_action */
	bool runtime;   /* from the API, so it ends with the process */
};

struct acl_rules {
	struct acl_rule *rule;
	size_t n, room;
	bool sorted; /* by address, then length */
};

void acl_rules_free(struct acl_rules *r);

/** @return 0 or -ENOMEM; untouched then */
int acl_rules_copy(struct acl_rules *out, const struct acl_rules *r)
	__attribute__((warn_unused_result));

/** Append a rule. @return 0, -ENOMEM, or -E2BIG (ACL_RULES_MAX) */
int acl_rules_add(struct acl_rules *r, const struct config_prefix *prefix,
	enum policy_action action, bool runtime) __attribute__((warn_unused_result));

/** Sort, and drop repetitions. @return 0, or -EEXIST: *twice has two different actions */
int acl_rules_sort(struct acl_rules *r, struct config_prefix *twice)
	__attribute__((warn_unused_result));

/** The rule of exactly this prefix in a sorted list, or NULL. */
struct acl_rule *acl_rules_find(const struct acl_rules *r, const struct config_prefix *prefix);

/** The rule with the longest prefix around an address in a sorted list; NULL: the default. */
const struct acl_rule *acl_rules_match(const struct acl_rules *r, const uint8_t address[16]);

/**
 * Add the prefixes of a text: one a line; blanks around it, empty lines, and what follows '#' or
 * ';' do not count.
 * @param name  of the file, for messages
 * @param[out] error  on failure "NAME:LINE: what is wrong; what would be right"
 * @return 0, -EINVAL, -E2BIG or -ENOMEM
 */
int acl_rules_parse(struct acl_rules *r, const char *text, size_t len, const char *name,
	enum policy_action action, char error[ACL_ERROR_OCTETS])
	__attribute__((warn_unused_result));

/** The same from a file. @return also the errno of reading it, negative */
int acl_rules_read(struct acl_rules *r, const char *path, enum policy_action action,
	char error[ACL_ERROR_OCTETS]) __attribute__((warn_unused_result));

/** Words of enum policy_action. */
extern const char *const acl_action_word[POLICY_ACTIONS];
/** @return the action, or -1 */
int acl_action_parse(const char *word);
