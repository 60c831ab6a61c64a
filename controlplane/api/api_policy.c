/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_policy: access list and rate limits, shown and changed while queries come in. What is changed
 * here is not written anywhere, and each answer says so. */
#include "controlplane/api/request.h"
#include "controlplane/policy/policy_control.h"
#include "controlplane/reconfigure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OCTETS 80u
#define RUNTIME_ONLY                                                                   \
	"Until the control plane restarts or the configuration is reloaded; write it " \
	"into the configuration to keep it"

static const char *
source_word(const struct acl_rule *rule)
{
	return rule->runtime ? "runtime" : "configuration";
}

static void
format_rule(char out[64], const struct acl_rule *rule)
{
	struct config_prefix p = {.bits = rule->bits};

	memcpy(p.address, rule->address, sizeof p.address);
	config_format_prefix(&p, out);
}

static void
write_rule(void *arg, const struct acl_rule *rule)
{
	char text[64];

	format_rule(text, rule);
	json_open_object(arg, NULL);
	json_str(arg, "prefix", text);
	json_str(arg, "action", acl_action_word[rule->action]);
	json_str(arg, "source", source_word(rule));
	json_close_object(arg);
}

void
api_acl(struct api_request *r)
{
	enum policy_action action;

	json_open_object(&r->out, NULL);
	json_open_array(&r->out, "rules");
	action = policy_control_each(r->context->policy, write_rule, &r->out);
	json_close_array(&r->out);
	json_str(&r->out, "default", acl_action_word[action]);
	json_close_object(&r->out);
}

/* A query parameter that must be there. @return 0, or -1: the error is the answer then */
static int
need(struct api_request *r, const char *name, char text[TEXT_OCTETS])
{
	int found = api_request_query(r, name, text, TEXT_OCTETS);

	if (found == 0)
		api_request_error(r, MHD_HTTP_BAD_REQUEST, "Query parameter '%s' is missing", name);
	return found == 1 ? 0 : -1;
}

static int
parse_prefix(struct api_request *r, const char *text, struct config_prefix *out)
{
	if (config_parse_prefix(text, out) == 0)
		return 0;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"'%s' is no prefix; it must be ADDRESS or ADDRESS/LENGTH with no bit set behind "
		"LENGTH, such as 192.0.2.0/24 or 2001:db8::/32",
		text);
	return -1;
}

static int
parse_action(struct api_request *r, const char *text)
{
	char words[TEXT_OCTETS] = "";
	int action = acl_action_parse(text);

	for (unsigned i = 0, at = 0; i < POLICY_ACTIONS && at < sizeof words; i++)
		at += (unsigned)snprintf(words + at, sizeof words - at, "%s%s", i == 0 ? "" : ", ",
			acl_action_word[i]);
	if (action < 0)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"'%s' is no action; it must be one of: %s", text, words);
	return action;
}

/* The answer to a change. */
static void
answer_change(struct api_request *r, int ret)
{
	if (ret == -ENOENT) {
		api_request_error(
			r, MHD_HTTP_NOT_FOUND, "There is no rule for exactly this prefix");
		return;
	}
	if (ret == -E2BIG) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"An access list has at most %u prefixes; nothing was changed",
			ACL_RULES_MAX);
		return;
	}
	if (ret != 0) {
		api_request_error(r,
			ret == -ENOMEM || ret == -ENOSPC ? MHD_HTTP_INTERNAL_SERVER_ERROR
							 : MHD_HTTP_UNPROCESSABLE_CONTENT,
			"%s; nothing was changed", strerror(-ret));
		return;
	}
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result", "Done");
	json_str(&r->out, "lasts", RUNTIME_ONLY);
	json_close_object(&r->out);
}

void
api_acl_set(struct api_request *r)
{
	char text[TEXT_OCTETS], word[TEXT_OCTETS];
	struct config_prefix prefix;
	int found = api_request_query(r, "default", word, sizeof word), action;

	if (found < 0)
		return;
	if (found == 1) {
		action = parse_action(r, word);
		if (action >= 0)
			answer_change(r, policy_control_set_default(
						 r->context->policy, (enum policy_action)action));
		return;
	}
	if (need(r, "prefix", text) != 0 || need(r, "action", word) != 0 ||
		parse_prefix(r, text, &prefix) != 0)
		return;
	action = parse_action(r, word);
	if (action >= 0)
		answer_change(r, policy_control_set(
					 r->context->policy, &prefix, (enum policy_action)action));
}

void
api_acl_remove(struct api_request *r)
{
	char text[TEXT_OCTETS];
	struct config_prefix prefix;

	if (need(r, "prefix", text) == 0 && parse_prefix(r, text, &prefix) == 0)
		answer_change(r, policy_control_remove(r->context->policy, &prefix));
}

static void
start_acl(struct api_request *r)
{
	api_config_request(r, RECONFIGURE_ACL);
}

static void
acl_reloaded(struct api_request *r)
{
	const struct reconfigure_outcome *o = r->outcome;
	enum reconfigure_verdict verdict = o != NULL ? o->verdict : RECONFIGURE_FAILED;

	if (verdict == RECONFIGURE_DONE) {
		json_open_object(&r->out, NULL);
		json_str(&r->out, "result", "Done");
		json_close_object(&r->out);
		return;
	}
	api_request_error(r,
		verdict == RECONFIGURE_STOPPED    ? MHD_HTTP_SERVICE_UNAVAILABLE
		: verdict == RECONFIGURE_BAD_FILE ? MHD_HTTP_UNPROCESSABLE_CONTENT
						  : MHD_HTTP_INTERNAL_SERVER_ERROR,
		"%s; nothing was changed",
		verdict == RECONFIGURE_STOPPED  ? "The control plane is stopping"
		: o != NULL && o->error != NULL ? o->error
						: "Out of memory");
}

void
api_acl_reload(struct api_request *r)
{
	api_request_wait_for(r, start_acl, acl_reloaded);
}

void
api_acl_check(struct api_request *r)
{
	char text[TEXT_OCTETS];
	struct config_prefix address;
	struct acl_rule rule;

	if (need(r, "address", text) != 0)
		return;
	if (config_parse_prefix(text, &address) != 0 || address.bits != 128) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"'%s' is no address; it must be one such as 192.0.2.1 or 2001:db8::1",
			text);
		return;
	}
	json_open_object(&r->out, NULL);
	json_str(&r->out, "address", text);
	if (policy_control_match(r->context->policy, address.address, &rule)) {
		char prefix[64];
		format_rule(prefix, &rule);
		json_str(&r->out, "prefix", prefix);
		json_str(&r->out, "source", source_word(&rule));
	} else {
		json_str(&r->out, "source", "default");
	}
	json_str(&r->out, "action", acl_action_word[rule.action]);
	json_close_object(&r->out);
}

/* --- rate limits --- */

/* One setting: its name here and in the configuration, and where it is. */
static const struct rrl_setting {
	const char *name;
	uint32_t offset;
	uint8_t octets;
	uint32_t min, max;
} rrl_setting[] = {
#define AT(member) \
	offsetof(struct policy_rate_limit, member), sizeof(((struct policy_rate_limit *)0)->member)
	{"enabled", AT(enabled), 0, 1},
	{"rate", AT(rate[POLICY_ANSWERS]), 0, POLICY_RATE_MAX},
	{"nxdomain-rate", AT(rate[POLICY_NXDOMAIN]), 0, POLICY_RATE_MAX},
	{"error-rate", AT(rate[POLICY_ERRORS]), 0, POLICY_RATE_MAX},
	{"window", AT(window_ms), 1, POLICY_WINDOW_MAX_MS},
	{"slip", AT(slip), 0, 100},
	{"ipv4-prefix", AT(v4_bits), 1, 32},
	{"ipv6-prefix", AT(v6_bits), 1, POLICY_V6_BITS_MAX},
	{"limit-loopback", AT(limit_loopback), 0, 1},
#undef AT
};
#define RRL_SETTINGS (sizeof rrl_setting / sizeof rrl_setting[0])

static uint32_t
get_setting(const struct policy_rate_limit *l, const struct rrl_setting *s)
{
	const uint8_t *at = (const uint8_t *)l + s->offset;
	uint32_t wide;

	if (s->octets == 1)
		return *at;
	memcpy(&wide, at, sizeof wide);
	return wide;
}

static void
set_setting(struct policy_rate_limit *l, const struct rrl_setting *s, uint32_t value)
{
	uint8_t *at = (uint8_t *)l + s->offset;

	if (s->octets == 1)
		*at = (uint8_t)value;
	else
		memcpy(at, &value, sizeof value);
}

/* true and false, and "500ms" or "2s", as the configuration has them. */
static int
parse_setting(const struct rrl_setting *s, const char *text, uint32_t *out)
{
	unsigned long factor = 1, value;
	char *end;

	if (s->max == 1 && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
		*out = text[0] == 't';
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	value = strtoul(text, &end, 10);
	if (strcmp(s->name, "window") == 0) {
		if (strcmp(end, "s") == 0)
			factor = 1000;
		else if (strcmp(end, "ms") != 0)
			return -EINVAL;
	} else if (*end != '\0') {
		return -EINVAL;
	}
	if (value > s->max || value * factor > s->max || value * factor < s->min)
		return -EINVAL;
	*out = (uint32_t)(value * factor);
	return 0;
}

void
api_rrl(struct api_request *r)
{
	struct policy_rate_limit l;

	policy_control_limit(r->context->policy, &l);
	json_open_object(&r->out, NULL);
	for (size_t i = 0; i < RRL_SETTINGS; i++) {
		const struct rrl_setting *s = &rrl_setting[i];
		char text[24];
		if (s->max == 1) {
			json_bool(&r->out, s->name, get_setting(&l, s) != 0);
		} else if (strcmp(s->name, "window") == 0) {
			snprintf(text, sizeof text, "%ums", get_setting(&l, s));
			json_str(&r->out, s->name, text);
		} else {
			json_uint(&r->out, s->name, get_setting(&l, s));
		}
	}
	json_close_object(&r->out);
}

/* Find a query parameter that is no setting. */
static enum MHD_Result
find_stranger(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	for (size_t i = 0; i < RRL_SETTINGS; i++)
		if (strcmp(key, rrl_setting[i].name) == 0)
			return MHD_YES;
	*(const char **)arg = key;
	return MHD_NO;
}

void
api_rrl_set(struct api_request *r)
{
	const char *stranger = NULL;
	struct policy_rate_limit l;
	unsigned n = 0;

	MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, find_stranger, &stranger);
	if (stranger != NULL) {
		api_request_error(r, MHD_HTTP_BAD_REQUEST,
			"There is no setting '%.60s'; `millracectl rrl show` lists them; nothing "
			"was "
			"changed",
			stranger);
		return;
	}
	policy_control_limit(r->context->policy, &l);
	for (size_t i = 0; i < RRL_SETTINGS; i++) {
		const struct rrl_setting *s = &rrl_setting[i];
		char text[TEXT_OCTETS];
		uint32_t value;
		int found = api_request_query(r, s->name, text, sizeof text);
		if (found < 0)
			return;
		if (found == 0)
			continue;
		if (parse_setting(s, text, &value) != 0) {
			api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
				"%s: '%s' is not valid; it must be %s%u to %u%s; nothing was "
				"changed",
				s->name, text, s->max == 1 ? "true or false, or " : "", s->min,
				s->max, strcmp(s->name, "window") == 0 ? " with ms or s" : "");
			return;
		}
		set_setting(&l, s, value);
		n++;
	}
	if (n == 0) {
		api_request_error(r, MHD_HTTP_BAD_REQUEST,
			"Name what to set: rate, nxdomain-rate, error-rate, window, slip, "
			"ipv4-prefix, ipv6-prefix, limit-loopback or enabled");
		return;
	}
	answer_change(r, policy_control_set_limit(r->context->policy, &l));
}
