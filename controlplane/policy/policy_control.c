/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_control: holds the list, compiles and publishes it after each change. A change works on a
 * copy, so that one that fails leaves nothing behind. */
#include "controlplane/policy/policy_control.h"

#include "controlplane/policy/acl_compile.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is published, in the words of people. */
struct policy_state {
	struct acl_rules rules; /* sorted */
	enum policy_action default_action;
	struct policy_rate_limit limit;
};

struct policy_control {
	pthread_mutex_t lock;
	struct zone_publisher *publisher;
	void (*published)(void *arg);
	void *arg;
	struct policy_state now;
};

/* --- from the configuration --- */

static void
limit_from_config(struct policy_rate_limit *l, const struct config *c)
{
	*l = (struct policy_rate_limit){
		.rate = {[POLICY_ANSWERS] = c->rrl.rate,
			[POLICY_NXDOMAIN] = c->rrl.nxdomain_rate,
			[POLICY_ERRORS] = c->rrl.error_rate},
		.window_ms = c->rrl.window_ms,
		.enabled = c->rrl.enabled,
		.slip = (uint8_t)c->rrl.slip,
		.v4_bits = (uint8_t)c->rrl.ipv4_prefix,
		.v6_bits = (uint8_t)c->rrl.ipv6_prefix,
		.limit_loopback = c->rrl.limit_loopback,
	};
}

static int
rules_from_config(struct acl_rules *r, const struct config *c, char error[ACL_ERROR_OCTETS])
{
	struct config_prefix twice;
	int ret = 0;

	snprintf(error, ACL_ERROR_OCTETS, "out of memory");
	for (unsigned i = 0; i < c->acl.rules_count && ret == 0; i++) {
		const struct config_acl_rule *rule = &c->acl.rules[i];
		enum policy_action action = (enum policy_action)rule->action;
		for (unsigned k = 0; k < rule->prefixes_count && ret == 0; k++)
			ret = acl_rules_add(r, &rule->prefixes[k], action, false);
		if (ret == -E2BIG)
			snprintf(error, ACL_ERROR_OCTETS,
				"acl.rules[%u]: an access list has at most %u prefixes", i,
				ACL_RULES_MAX);
		if (ret == 0 && rule->file != NULL)
			ret = acl_rules_read(r, rule->file, action, error);
	}
	if (ret != 0)
		return ret;
	if (acl_rules_sort(r, &twice) != 0) {
		char text[64];
		config_format_prefix(&twice, text);
		snprintf(error, ACL_ERROR_OCTETS,
			"acl.rules: %s is listed with two actions; remove one of them", text);
		return -EINVAL;
	}
	return 0;
}

/* --- publication --- */

struct policy_plan {
	struct policy_state state;
	struct policy *block; /* compiled already, or NULL */
};

/* Publish `next`; what it replaces is in it then. With the lock held. */
static int
swap(struct policy_control *p, struct policy_state *next, struct policy **block)
{
	struct policy_state old = p->now;
	int ret = 0;

	if (*block == NULL)
		ret = acl_compile(block, &next->rules, next->default_action, &next->limit);
	if (ret == 0)
		ret = policy_publish(p->publisher, *block);
	if (ret != 0)
		return ret;
	free(*block);
	*block = NULL;
	p->now = *next;
	*next = old;
	if (p->published != NULL)
		p->published(p->arg);
	return 0;
}

/* Publish `next`, and free what it replaces, or itself on failure. With the lock held. */
static int
take_over(struct policy_control *p, struct policy_state *next)
{
	struct policy *block = NULL;
	int ret = swap(p, next, &block);

	free(block);
	acl_rules_free(&next->rules);
	return ret;
}

int
policy_plan_create(struct policy_plan **out, const struct config *c, char error[ACL_ERROR_OCTETS])
{
	struct policy_plan *plan = calloc(1, sizeof *plan);
	int ret;

	snprintf(error, ACL_ERROR_OCTETS, "out of memory");
	if (plan == NULL)
		return -ENOMEM;
	plan->state.default_action = (enum policy_action)c->acl.default_action;
	limit_from_config(&plan->state.limit, c);
	ret = rules_from_config(&plan->state.rules, c, error);
	if (ret == 0) {
		ret = acl_compile(&plan->block, &plan->state.rules, plan->state.default_action,
			&plan->state.limit);
		if (ret != 0)
			snprintf(error, ACL_ERROR_OCTETS, "the access list: %s", strerror(-ret));
	}
	if (ret != 0) {
		policy_plan_free(plan);
		return ret;
	}
	*out = plan;
	return 0;
}

void
policy_plan_free(struct policy_plan *plan)
{
	if (plan == NULL)
		return;
	acl_rules_free(&plan->state.rules);
	free(plan->block);
	free(plan);
}

int
policy_control_swap(struct policy_control *p, struct policy_plan *plan)
{
	pthread_mutex_lock(&p->lock);
	int ret = swap(p, &plan->state, &plan->block);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* The state of now, to be changed. */
static int
begin(struct policy_control *p, struct policy_state *next)
{
	pthread_mutex_lock(&p->lock);
	*next = p->now;
	return acl_rules_copy(&next->rules, &p->now.rules);
}

static int
finish(struct policy_control *p, struct policy_state *next, int ret)
{
	if (ret == 0)
		ret = take_over(p, next);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

int
policy_control_apply_acl(
	struct policy_control *p, const struct config *c, char error[ACL_ERROR_OCTETS])
{
	struct policy_state next = {.default_action = (enum policy_action)c->acl.default_action};
	/* files are read before the lock is taken */
	int ret = rules_from_config(&next.rules, c, error);

	if (ret != 0) {
		acl_rules_free(&next.rules);
		return ret;
	}
	pthread_mutex_lock(&p->lock);
	next.limit = p->now.limit;
	ret = finish(p, &next, 0);
	if (ret != 0)
		snprintf(error, ACL_ERROR_OCTETS, "the access list cannot be published: %s",
			strerror(-ret));
	return ret;
}

/* --- changes from the API --- */

int
policy_control_set(
	struct policy_control *p, const struct config_prefix *prefix, enum policy_action action)
{
	struct policy_state next;
	struct config_prefix twice;
	int ret = begin(p, &next);

	if (ret == 0) {
		struct acl_rule *rule = acl_rules_find(&next.rules, prefix);
		if (rule != NULL) {
			rule->action = (uint8_t)action;
			rule->runtime = true;
		} else {
			ret = acl_rules_add(&next.rules, prefix, action, true);
			if (ret == 0)
				ret = acl_rules_sort(&next.rules, &twice);
		}
		if (ret != 0)
			acl_rules_free(&next.rules);
	}
	return finish(p, &next, ret);
}

int
policy_control_remove(struct policy_control *p, const struct config_prefix *prefix)
{
	struct policy_state next;
	int ret = begin(p, &next);

	if (ret == 0) {
		struct acl_rules *r = &next.rules;
		struct acl_rule *rule = acl_rules_find(r, prefix);
		if (rule == NULL) {
			ret = -ENOENT;
			acl_rules_free(r);
		} else {
			memmove(rule, rule + 1,
				(r->n - (size_t)(rule - r->rule) - 1) * sizeof *rule);
			r->n--;
		}
	}
	return finish(p, &next, ret);
}

int
policy_control_set_default(struct policy_control *p, enum policy_action action)
{
	struct policy_state next;
	int ret = begin(p, &next);

	next.default_action = action;
	return finish(p, &next, ret);
}

int
policy_control_set_limit(struct policy_control *p, const struct policy_rate_limit *limit)
{
	struct policy_state next;
	int ret = begin(p, &next);

	next.limit = *limit;
	return finish(p, &next, ret);
}

/* --- questions --- */

void
policy_control_limit(struct policy_control *p, struct policy_rate_limit *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->now.limit;
	pthread_mutex_unlock(&p->lock);
}

bool
policy_control_match(struct policy_control *p, const uint8_t address[16], struct acl_rule *rule)
{
	pthread_mutex_lock(&p->lock);
	const struct acl_rule *found = acl_rules_match(&p->now.rules, address);
	if (found != NULL)
		*rule = *found;
	else
		rule->action = (uint8_t)p->now.default_action;
	pthread_mutex_unlock(&p->lock);
	return found != NULL;
}

enum policy_action
policy_control_each(
	struct policy_control *p, void (*each)(void *arg, const struct acl_rule *rule), void *arg)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->now.rules.n; i++)
		each(arg, &p->now.rules.rule[i]);
	enum policy_action action = p->now.default_action;
	pthread_mutex_unlock(&p->lock);
	return action;
}

/* --- life --- */

int
policy_control_create(struct policy_control **out, const struct config *c,
	struct zone_publisher *publisher, void (*published)(void *arg), void *arg,
	char error[ACL_ERROR_OCTETS])
{
	struct policy_control *p = calloc(1, sizeof *p);

	if (p == NULL) {
		snprintf(error, ACL_ERROR_OCTETS, "out of memory");
		return -ENOMEM;
	}
	pthread_mutex_init(&p->lock, NULL);
	p->publisher = publisher;
	p->published = published;
	p->arg = arg;
	struct policy_plan *plan = NULL;
	int ret = policy_plan_create(&plan, c, error);
	if (ret == 0) {
		ret = policy_control_swap(p, plan);
		if (ret != 0)
			snprintf(error, ACL_ERROR_OCTETS, "the access list cannot be published: %s",
				strerror(-ret));
	}
	policy_plan_free(plan);
	if (ret != 0) {
		policy_control_destroy(p);
		return ret;
	}
	*out = p;
	return 0;
}

void
policy_control_destroy(struct policy_control *p)
{
	if (p == NULL)
		return;
	pthread_mutex_destroy(&p->lock);
	acl_rules_free(&p->now.rules);
	free(p);
}
