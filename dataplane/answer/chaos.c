/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chaos: version and identity in class CH, as every name server since BIND answers them (RFC 4892).
 */
#include "dataplane/answer/work.h"

static const struct {
	const char *wire;
	uint8_t len;
	bool version; /* otherwise identity */
} chaos_name[] = {
	{"\7version\4bind", 14, true},
	{"\7version\6server", 16, true},
	{"\2id\6server", 11, false},
	{"\10hostname\4bind", 15, false},
};

void
work_chaos(struct answer_context *c, struct work *w)
{
	const struct settings_text *text = NULL;

	for (unsigned i = 0; i < sizeof chaos_name / sizeof *chaos_name; i++)
		if (w->name.len == chaos_name[i].len &&
			memcmp(w->name.wire, chaos_name[i].wire, w->name.len) == 0)
			text = chaos_name[i].version ? &c->settings->version
						     : &c->settings->identity;
	if (text == NULL || text->len == 0 || (w->qtype != TYPE_TXT && w->qtype != TYPE_ANY)) {
		w->f.rcode = RCODE_REFUSED;
		return;
	}
	uint32_t octets = 12u + 1 + text->len;
	w->f.at = w->question_end;
	if (w->f.at + octets + work_opt_octets(c, w) > w->limit) {
		w->f.tc = true;
		return;
	}
	uint8_t *p = w->q->dns + w->f.at;
	put16(p, 0xc000 | DNS_HEADER);
	put16(p + 2, TYPE_TXT);
	put16(p + 4, CLASS_CH);
	memset(p + 6, 0, 4);
	put16(p + 10, 1u + text->len);
	p[12] = text->len;
	memcpy(p + 13, text->octets, text->len);
	w->f.at += octets;
	w->f.an = 1;
	w->f.rcode = RCODE_NOERROR;
}
