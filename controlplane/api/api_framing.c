/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_framing: where a request ends. libmicrohttpd settles what is told twice in ways of its own
 * (the last Content-Length counts; Transfer-Encoding wins; "Content-Length :" is some other
 * header), and a proxy in front may settle it differently: then one client's body is the next one's
 * request. So what leaves a doubt is refused, and the connection ends (RFC 9112 6.1, 6.3, 5.1). */
#include "controlplane/api/api_private.h"

#include <string.h>
#include <strings.h>

struct framing {
	unsigned lengths, encodings;
	bool bad_name, unknown_encoding;
};

/* A token of RFC 9110 5.6.2. */
static bool
is_token(const char *text, size_t n)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c != '\0' && strchr(others, c) != NULL)))
			return false;
	}
	return n > 0;
}

static bool
is_named(const char *key, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(key, name, n) == 0;
}

static enum MHD_Result
look_at(void *arg, enum MHD_ValueKind kind, const char *key, size_t key_octets, const char *value,
	size_t value_octets)
{
	struct framing *f = arg;

	f->bad_name |= key == NULL || !is_token(key, key_octets);
	if (key == NULL)
		return MHD_YES;
	if (is_named(key, key_octets, MHD_HTTP_HEADER_CONTENT_LENGTH))
		f->lengths++;
	if (is_named(key, key_octets, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
		f->encodings++;
		f->unknown_encoding |= value == NULL || !is_named(value, value_octets, "chunked");
	}
	return MHD_YES;
}

static int
refuse(struct api_request *r, unsigned status, const char *text)
{
	api_request_error(r, status, "%s", text);
	api_request_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	return -1;
}

int
api_framing_check(struct api_request *r, const char *version)
{
	struct framing f = {0};

	(void)MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, look_at, &f);
	if (f.bad_name)
		return refuse(
			r, MHD_HTTP_BAD_REQUEST, "A header's name has octets that none may have");
	if (f.lengths > 1)
		return refuse(r, MHD_HTTP_BAD_REQUEST, "Content-Length is given more than once");
	if (f.lengths > 0 && f.encodings > 0)
		return refuse(r, MHD_HTTP_BAD_REQUEST,
			"Content-Length and Transfer-Encoding exclude one another");
	if (f.encodings > 1 || f.unknown_encoding)
		return refuse(r, MHD_HTTP_NOT_IMPLEMENTED,
			"Transfer-Encoding must be chunked, or not be there");
	if (f.encodings > 0 && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
		return refuse(r, MHD_HTTP_BAD_REQUEST,
			"Transfer-Encoding needs HTTP/1.1"); /* RFC 9112 6.1 */
	return 0;
}
