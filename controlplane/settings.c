/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings: fills struct settings; the configuration has been checked for types and ranges before.
 */
#include "controlplane/settings.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static int
hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c + 'a' - 'A');
	at = c == '\0' ? NULL : strchr(digits, c);
	return at == NULL ? -1 : (int)(at - digits);
}

/* "0x" and hex digits, or plain text. NULL: not configured. */
static int
put_text(struct settings_text *out, const char *text, bool may_be_hex)
{
	size_t len = text == NULL ? 0 : strlen(text);

	if (len < 2 || !may_be_hex || strncmp(text, "0x", 2) != 0) {
		if (len > SETTINGS_TEXT_MAX)
			return -EINVAL;
		memcpy(out->octets, text == NULL ? "" : text, len);
		out->len = (uint8_t)len;
		return 0;
	}
	len -= 2;
	if (len % 2 != 0 || len / 2 > SETTINGS_TEXT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_digit(text[2 + 2 * i]), low = hex_digit(text[3 + 2 * i]);
		if (high < 0 || low < 0)
			return -EINVAL;
		out->octets[i] = (uint8_t)(high << 4 | low);
	}
	out->len = (uint8_t)(len / 2);
	return 0;
}

static int
put_secrets(struct settings *out, const struct config *c, const struct settings *previous)
{
	if (c->answers.cookie_secret_set) {
		memcpy(out->cookie_secret, c->answers.cookie_secret, sizeof out->cookie_secret);
	} else if (previous != NULL) {
		memcpy(out->cookie_secret, previous->cookie_secret, sizeof out->cookie_secret);
	} else if (getrandom(out->cookie_secret, sizeof out->cookie_secret, 0) !=
		   (ssize_t)sizeof out->cookie_secret) {
		return errno != 0 ? -errno : -EIO;
	}
	memcpy(out->cookie_secret_old,
		c->answers.cookie_secret_old_set ? c->answers.cookie_secret_old
						 : out->cookie_secret,
		sizeof out->cookie_secret_old);
	return 0;
}

int
settings_from_config(struct settings *out, const struct config *c, const struct settings *previous,
	const char **error)
{
	struct settings s = {.magic = SETTINGS_MAGIC};
	unsigned keepalive_ds = c->stream.idle_timeout_ms / 100;
	int ret;

	s.udp_payload_max = c->answers.udp_payload_max;
	s.tcp_keepalive_ds = keepalive_ds > UINT16_MAX ? UINT16_MAX : (uint16_t)keepalive_ds;
	s.cookies = c->answers.cookies;
	*error = "answers.nsid: at most 255 octets, as text or as 0x and pairs of hex digits";
	if (put_text(&s.nsid, c->answers.nsid, true) != 0)
		return -EINVAL;
	*error = "answers.version and answers.identity: at most 255 octets";
	if (put_text(&s.version, c->answers.version, false) != 0 ||
		put_text(&s.identity, c->answers.identity, false) != 0)
		return -EINVAL;
	*error = "no random octets for a cookie secret";
	ret = put_secrets(&s, c, previous);
	if (ret != 0)
		return ret;
	*out = s;
	return 0;
}

const struct settings *
settings_published(const struct arena *a)
{
	uint64_t off = atomic_load_explicit(&arena_header(a)->settings, memory_order_acquire);
	const struct settings *s = arena_at(a, off, sizeof *s);

	return s != NULL && s->magic == SETTINGS_MAGIC ? s : NULL;
}
