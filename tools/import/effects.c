/* SPDX-License-Identifier: GPL-3.0-or-later */
/* effects: what a PowerDNS does with zones and Millrace does not yet. A line of the report for
 * each, with how many zones it concerns and the first of them: there may be a million. */
#include "tools/import/import.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXAMPLES 3

enum match { OF_KIND, OF_CATALOG, OF_METADATA, OF_AUTOPRIMARY };

/* In the order of the report. */
static const struct effect {
	enum match match;
	const char *word; /* kind of zones in the API's spelling, or of metadata */
	bool left_out;    /* not carried over at all */
	const char *text; /* behind "NUMBER zones (NAMES)" */
} effect[] = {
	{OF_KIND, "Master", false,
		"of kind Primary: their secondaries are not told of changes (`zone notify` does), "
		"and "
		"cannot transfer them from here"},
	{OF_KIND, "Slave", false,
		"of kind Secondary: they are not refreshed by their SOA's timers or by NOTIFY, and "
		"never expire; `zone retrieve` gets one when it is asked to"},
	{OF_KIND, "Producer", false,
		"of kind Producer: served as they are; no catalog is made of their members, and "
		"CATALOG-HASH is left out"},
	{OF_KIND, "Consumer", false,
		"of kind Consumer: made without their records, which `zone retrieve` gets; no "
		"zones are made or removed for their members"},
	{OF_CATALOG, "catalog", false, "in a catalog: kept, without effect yet"},
	{OF_METADATA, "ALSO-NOTIFY", false,
		"with ALSO-NOTIFY: NOTIFY is sent when asked for (`zone notify`), not after "
		"changes"},
	{OF_METADATA, "ALLOW-AXFR-FROM", false, NULL},
	{OF_METADATA, "TSIG-ALLOW-AXFR", false, NULL},
	{OF_METADATA, "GSS-ALLOW-AXFR-PRINCIPAL", false, NULL},
	{OF_METADATA, "GSS-ACCEPTOR-PRINCIPAL", false, NULL},
	{OF_METADATA, "IXFR", false, NULL},
	{OF_METADATA, "SLAVE-RENOTIFY", false, NULL},
	{OF_METADATA, "ALLOW-DNSUPDATE-FROM", false, NULL},
	{OF_METADATA, "TSIG-ALLOW-DNSUPDATE", false, NULL},
	{OF_METADATA, "FORWARD-DNSUPDATE", false, NULL},
	{OF_METADATA, "NOTIFY-DNSUPDATE", false, NULL},
	{OF_METADATA, "SOA-EDIT-DNSUPDATE", false, NULL},
	{OF_METADATA, "PUBLISH-CDNSKEY", false, NULL},
	{OF_METADATA, "PUBLISH-CDS", false, NULL},
	{OF_METADATA, "RFC1123-CONFORMANCE", false, NULL},
	{OF_METADATA, "SIGNALING-ZONE", false, NULL},
	{OF_METADATA, "ENABLE-LUA-RECORDS", true, NULL},
	{OF_METADATA, "LUA-AXFR-SCRIPT", true, NULL},
	{OF_METADATA, "NSEC3NARROW", true, NULL},
	{OF_METADATA, "NSEC3PARAM", true, NULL},
	{OF_AUTOPRIMARY, "", false, "kept, without effect yet: no zones are made for them"},
};
#define N_EFFECTS (sizeof effect / sizeof effect[0])

struct import_effects {
	struct tally {
		uint64_t n;
		char *example[EXAMPLES];
	} tally[N_EFFECTS];
};

struct import_effects *
import_effects_new(void)
{
	struct import_effects *e = calloc(1, sizeof *e);

	if (e == NULL)
		abort();
	return e;
}

void
import_effects_free(struct import_effects *e)
{
	for (size_t i = 0; e != NULL && i < N_EFFECTS; i++)
		for (size_t k = 0; k < EXAMPLES; k++)
			free(e->tally[i].example[k]);
	free(e);
}

bool
import_effects_left_out(const char *metadata)
{
	for (size_t i = 0; i < N_EFFECTS; i++)
		if (effect[i].match == OF_METADATA && strcmp(effect[i].word, metadata) == 0)
			return effect[i].left_out;
	return false;
}

static bool
concerns(const struct effect *e, const struct import_zone *z, const char *kind)
{
	switch (e->match) {
	case OF_KIND:
		return strcmp(e->word, kind) == 0;
	case OF_CATALOG:
		return z->catalog[0] != '\0';
	case OF_METADATA:
		for (size_t i = 0; i < z->n_metadata; i++)
			if (strcmp(z->metadata[i].kind, e->word) == 0 &&
				z->metadata[i].value[0] != '\0')
				return true;
		return false;
	case OF_AUTOPRIMARY:
		break;
	}
	return false;
}

static void
count(struct tally *t, const char *name)
{
	if (t->n < EXAMPLES && (t->example[t->n] = strdup(name)) == NULL)
		abort();
	t->n++;
}

void
import_effects_zone(
	struct import_effects *e, const struct import_zone *z, const char *kind, const char *name)
{
	for (size_t i = 0; i < N_EFFECTS; i++)
		if (concerns(&effect[i], z, kind))
			count(&e->tally[i], name);
}

void
import_effects_autoprimary(struct import_effects *e, const char *ip)
{
	for (size_t i = 0; i < N_EFFECTS; i++)
		if (effect[i].match == OF_AUTOPRIMARY)
			count(&e->tally[i], ip);
}

void
import_effects_tell(struct import *im)
{
	for (size_t i = 0; i < N_EFFECTS; i++) {
		const struct effect *f = &effect[i];
		const struct tally *t = &im->effects->tally[i];
		const char *of = f->match == OF_AUTOPRIMARY
					 ? (t->n == 1 ? "autoprimary" : "autoprimaries")
				 : t->n == 1 ? "zone"
					     : "zones";

		if (t->n == 0)
			continue;
		fprintf(im->report, "%s: %s: %llu %s (", im->source,
			f->left_out ? "left out" : "without effect", (unsigned long long)t->n, of);
		for (size_t k = 0; k < EXAMPLES && k < t->n; k++)
			fprintf(im->report, "%s%s", k > 0 ? ", " : "", t->example[k]);
		fprintf(im->report, "%s) ", t->n > EXAMPLES ? ", ..." : "");
		if (f->text != NULL)
			fprintf(im->report, "%s\n", f->text);
		else
			fprintf(im->report, "with %s: %s\n", f->word,
				f->left_out ? "this version does nothing with it"
					    : "kept, without effect yet");
		if (f->left_out)
			im->n_left++;
		else
			im->n_without_effect++;
	}
}
