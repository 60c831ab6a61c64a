/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/kinds: what the words in capitals stand for. */
#include "tools/ctl/verbs.h"

#include <ctype.h>
#include <string.h>

#define RR_TYPES                                                                               \
	"A AAAA AFSDB CAA CDNSKEY CDS CERT CNAME DNAME DNSKEY DS HINFO HTTPS LOC MX NAPTR NS " \
	"OPENPGPKEY PTR RP SMIMEA SOA SPF SRV SSHFP SVCB TLSA TXT URI"

#define METADATA_KINDS                                                                            \
	"ALLOW-AXFR-FROM ALLOW-DNSUPDATE-FROM ALSO-NOTIFY API-RECTIFY AXFR-MASTER-TSIG "          \
	"AXFR-SOURCE CATALOG-HASH ENABLE-LUA-RECORDS "                                            \
	"FORWARD-DNSUPDATE GSS-ACCEPTOR-PRINCIPAL GSS-ALLOW-AXFR-PRINCIPAL IXFR LUA-AXFR-SCRIPT " \
	"NOTIFY-DNSUPDATE NSEC3NARROW NSEC3PARAM PRESIGNED PUBLISH-CDNSKEY PUBLISH-CDS "          \
	"RFC1123-CONFORMANCE SIGNALING-ZONE SLAVE-RENOTIFY SOA-EDIT SOA-EDIT-API "                \
	"SOA-EDIT-DNSUPDATE "                                                                     \
	"TSIG-ALLOW-AXFR TSIG-ALLOW-DNSUPDATE"

static const struct ctl_kind kind_table[] = {
	{"ACTION", CTL_KIND_TEXT, "allow deny refuse tcp-only unlimited"},
	{"ALGORITHM", CTL_KIND_TEXT,
		"hmac-sha256 hmac-sha512 hmac-sha384 hmac-sha224 hmac-sha1 hmac-md5"},
	{"DIR", CTL_KIND_DIR, NULL},
	{"FILE", CTL_KIND_FILE, NULL},
	{"KIND", CTL_KIND_TEXT, "native primary secondary producer consumer"},
	{"METADATA", CTL_KIND_TEXT, METADATA_KINDS},
	{"N", CTL_KIND_NUMBER, NULL},
	{"NOUN", CTL_KIND_NOUN, NULL},
	{"OCTETS", CTL_KIND_NUMBER, NULL},
	{"SECONDS", CTL_KIND_NUMBER, NULL},
	{"SERIAL", CTL_KIND_NUMBER, NULL},
	{"SOA-EDIT", CTL_KIND_TEXT,
		"NONE INCREMENT-WEEKS INCEPTION-EPOCH INCEPTION-INCREMENT EPOCH"},
	{"SOA-EDIT-API", CTL_KIND_TEXT, "DEFAULT INCREASE EPOCH SOA-EDIT SOA-EDIT-INCREASE OFF"},
	{"TYPE", CTL_KIND_TEXT, RR_TYPES},
	{"WHAT", CTL_KIND_TEXT, "all zone record comment"},
	{"VERB", CTL_KIND_VERB, NULL},
	{"YES-OR-NO", CTL_KIND_TEXT, "yes no"},
	{"ZONE", CTL_KIND_ZONE, NULL},
};
static const struct ctl_kind any_text = {"", CTL_KIND_TEXT, NULL};

const struct ctl_kind *
ctl_kind_of(const char *piece)
{
	size_t len = 0;

	piece += strspn(piece, "[");
	while (isupper((unsigned char)piece[len]) || piece[len] == '-')
		len++;
	for (size_t i = 0; i < sizeof kind_table / sizeof kind_table[0]; i++)
		if (strlen(kind_table[i].name) == len &&
			strncmp(kind_table[i].name, piece, len) == 0)
			return &kind_table[i];
	return &any_text;
}

bool
ctl_piece(const char *arguments, int n, char *out, size_t room)
{
	const char *at = arguments, *last = NULL;
	size_t last_len = 0;

	for (int i = 0; i <= n; i++) {
		size_t len;
		at += strspn(at, " ");
		len = strcspn(at, " ");
		if (len == 0) {
			if (last == NULL || memmem(last, last_len, "...", 3) == NULL)
				return false;
			break;
		}
		last = at;
		last_len = len;
		at += len;
	}
	if (last_len >= room)
		return false;
	memcpy(out, last, last_len);
	out[last_len] = '\0';
	return true;
}
