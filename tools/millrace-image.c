/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace-image: looks into an arena: which zones are published, what their images hold, whether
 * they are well-formed. Maps it read-only, takes no part in grace periods: what it shows of a zone
 * that is being replaced may be rubbish (it says so rather than crash: everything is checked as it
 * is read). */
#include "shm/image_find.h"
#include "shm/zone_directory.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <jansson.h>
#include <libknot/libknot.h>

struct tool {
	struct arena arena;
	bool json;
	int status;
};

static const char usage[] =
	"Usage: millrace-image --arena PATH COMMAND\n"
	"Look into the shared memory that millrace answers from. Read-only.\n\n"
	"Commands:\n"
	"  list                 zones that are published, and variants of zones\n"
	"  show ZONE            one zone's image: size, chunks, how full its hash table is\n"
	"  dump ZONE [NAME]     its nodes and pre-rendered answers\n"
	"  verify [ZONE]        check images octet by octet; exit status 1 if one is damaged\n\n"
	"Options:\n"
	"  -a, --arena PATH     the arena's file (RUN_DIR/arena)\n"
	"  -j, --json           list as JSON\n"
	"  -h, --help           this text\n"
	"  -V, --version        version of the program\n";

static const char *
name_text(const uint8_t *wire, char text[KNOT_DNAME_TXT_MAXLEN + 1])
{
	if (knot_dname_to_str(text, wire, KNOT_DNAME_TXT_MAXLEN + 1) == NULL)
		return "(name that is none)";
	return text;
}

/* The apex, or the whole name of a node, copied out so that it ends well whatever is there. */
static const char *
image_name(const struct image *im, const struct image_node *n, char text[KNOT_DNAME_TXT_MAXLEN + 1])
{
	uint8_t wire[2 * (NAME_OCTETS_MAX + 1)] = {0};
	unsigned stored = n == NULL ? 0 : (unsigned)n->name_len - im->apex_len;

	if (n != NULL)
		memcpy(wire, image_node_name(n), stored);
	memcpy(wire + stored, im->apex, im->apex_len);
	if (knot_dname_wire_check(wire, wire + stored + im->apex_len, NULL) <= 0)
		return "(name that is none)";
	return name_text(wire, text);
}

/* How a zone is called: "example.org..internal" if it is a variant. */
static const char *
zone_name(const struct image *im, char text[KNOT_DNAME_TXT_MAXLEN + ZONE_VARIANT_LABEL + 2])
{
	const uint8_t *variant = image_variant(im);
	const char *apex = image_name(im, NULL, text);

	if (variant == NULL || apex != text)
		return apex;
	sprintf(text + strlen(text), ".%.*s", variant[0] - 1, (const char *)variant + 2);
	return text;
}

static int
list_zone(struct tool *t, const struct image *im, json_t *rows)
{
	char text[KNOT_DNAME_TXT_MAXLEN + ZONE_VARIANT_LABEL + 2];
	const char *state = im->flags & IMAGE_UNAVAILABLE ? "unavailable" : "served";

	if (rows == NULL) {
		printf("%-40s %11u %10llu %10llu %12llu  %s\n", zone_name(im, text), im->serial,
			(unsigned long long)im->n_names, (unsigned long long)im->n_records,
			(unsigned long long)im->octets, state);
		return 0;
	}
	return json_array_append_new(
		rows, json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "zone", zone_name(im, text),
			      "serial", (json_int_t)im->serial, "names", (json_int_t)im->n_names,
			      "records", (json_int_t)im->n_records, "octets",
			      (json_int_t)im->octets, "state", state));
}

static int
verify_zone(struct tool *t, const struct image *im)
{
	char text[KNOT_DNAME_TXT_MAXLEN + ZONE_VARIANT_LABEL + 2];
	const char *why = "";

	if (image_verify(&t->arena, (uint64_t)((const uint8_t *)im - t->arena.base), &why) == 0)
		return 0;
	printf("%s: damaged: %s\n", zone_name(im, text), why);
	t->status = 1;
	return 1;
}

struct looking {
	struct tool *t;
	json_t *rows;
	bool verify;
	unsigned n, bad;
};

/* List or verify each zone of a directory, which may be NULL. */
static void
look_at_zones(struct looking *l, const struct zone_directory *d)
{
	for (uint64_t b = 0; d != NULL && b <= d->bucket_mask; b++)
		for (unsigned i = 0; i < ZONE_SLOTS; i++) {
			uint64_t off = d->bucket[b].slot[i] & ZONE_SLOT_OFFSET;
			if (off <= ZONE_SLOT_REMOVED)
				continue;
			const struct image *im = image_at(&l->t->arena, off);
			l->n++;
			if (im == NULL || image_apex(im) == NULL) {
				fprintf(stderr, "image at %llu is damaged\n",
					(unsigned long long)off);
				l->t->status = 1;
				l->bad++;
			} else if (l->verify) {
				l->bad += (unsigned)verify_zone(l->t, im);
			} else {
				list_zone(l->t, im, l->rows);
			}
		}
}

static void
each_zone(struct tool *t, bool verify)
{
	struct looking l = {.t = t, .rows = t->json ? json_array() : NULL, .verify = verify};

	if (!verify && l.rows == NULL)
		printf("%-40s %11s %10s %10s %12s  %s\n", "zone", "serial", "names", "records",
			"octets", "state");
	look_at_zones(&l, zone_directory_current(&t->arena));
	look_at_zones(&l, zone_directory_variants(&t->arena));
	if (verify)
		printf("%u zones, %u damaged\n", l.n, l.bad);
	if (l.rows != NULL) {
		json_dumpf(l.rows, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(l.rows);
	}
}

/* Records of one section of an answer, by libknot: from a message as it is rendered. */
static void
dump_section(const knot_pkt_t *pkt, knot_section_t id, const char *label)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, id);
	size_t size = 1 << 16;
	char *text = malloc(size);

	for (uint16_t i = 0; text != NULL && i < s->count; i++)
		if (knot_rrset_txt_dump(knot_pkt_rr(s, i), &text, &size, &KNOT_DUMP_STYLE_DEFAULT) >
			0)
			printf("    %-10s %s", label, text);
	free(text);
}

static void
dump_answer(const struct image *im, const struct image_node *n, const struct image_answer *a)
{
	static uint8_t msg[12 + 255 + 4 + 65535];
	struct image_counts c = image_answer_counts(a);
	unsigned stored = (unsigned)n->name_len - im->apex_len;
	uint16_t counts[4] = {1, c.an, c.ns, c.ar};

	printf("    %u octets, %u must fit, %u pointers, %u cuts%s\n", a->len, image_answer_must(a),
		c.n_fix, a->n_cut, a->flags & ANSWER_TOO_BIG ? ": too big for a message" : "");
	memset(msg, 0, 12);
	msg[2] = 0x80;
	for (unsigned i = 0; i < 4; i++) {
		msg[4 + 2 * i] = (uint8_t)(counts[i] >> 8);
		msg[5 + 2 * i] = (uint8_t)counts[i];
	}
	memcpy(msg + 12, image_node_name(n), stored);
	memcpy(msg + 12 + stored, im->apex, im->apex_len);
	memcpy(msg + 12 + n->name_len, "\0\xff\0\1", 4);
	if (12u + n->name_len + 4 + a->len > 65535)
		return;
	memcpy(msg + 12 + n->name_len + 4, image_answer_octets(a), a->len);
	knot_pkt_t *pkt = knot_pkt_new(msg, (uint16_t)(12 + n->name_len + 4 + a->len), NULL);
	if (pkt != NULL && knot_pkt_parse(pkt, 0) == 0) {
		dump_section(pkt, KNOT_ANSWER, "answer");
		dump_section(pkt, KNOT_AUTHORITY, "authority");
		dump_section(pkt, KNOT_ADDITIONAL, "additional");
	} else {
		printf("    (does not parse)\n");
	}
	knot_pkt_free(pkt);
}

static void
dump_node(const struct image *im, const struct image_chunk *c, const struct image_node *n)
{
	char text[KNOT_DNAME_TXT_MAXLEN + 1], type[32];

	printf("%s%s%s%s%s\n", image_name(im, n, text), n->flags & NODE_CUT ? "  cut" : "",
		n->flags & NODE_DNAME ? "  dname" : "", n->flags & NODE_CNAME ? "  cname" : "",
		n->flags & NODE_WILDCARD_CHILD ? "  has-wildcard" : "");
	for (unsigned i = 0; i < n->n_types; i++) {
		const struct image_type *t = &image_node_types(n)[i];
		const struct image_answer *a = image_answer_at(c->base, c->len, t->answer);
		if (knot_rrtype_to_string(t->type, type, sizeof type) < 0)
			type[0] = '\0';
		printf("  %s\n", type);
		if (a == NULL)
			printf("    (outside its chunk)\n");
		else
			dump_answer(im, n, a);
	}
}

/* Show (or dump) all chunks of a zone. */
static void
walk_zone(struct tool *t, const struct image *im, bool dump)
{
	char text[KNOT_DNAME_TXT_MAXLEN + 1];
	uint64_t buckets = 0, nodes = 0, spilled = 0, types = 0, largest = 0;
	uint64_t n_chunks = im->flags & IMAGE_UNAVAILABLE ? 0 : 1ull << (im->chunk_bits & 31);

	for (uint64_t i = 0; i < n_chunks; i++) {
		uint64_t hash = im->chunk_bits == 0 ? 0 : i << (64 - im->chunk_bits);
		struct image_chunk c = image_chunk_of(&t->arena, im, hash);
		if (c.base == NULL) {
			fprintf(stderr, "chunk %llu is damaged\n", (unsigned long long)i);
			t->status = 1;
			continue;
		}
		largest = c.len > largest ? c.len : largest;
		for (uint64_t b = 0; b <= c.bucket_mask; b++, buckets++) {
			const struct image_bucket *k = (const struct image_bucket *)c.base + b;
			spilled += k->spill != 0;
			for (unsigned s = 0; s < IMAGE_SLOTS; s++) {
				const struct image_node *n =
					image_node_at(&c, k->node[s] & ~IMAGE_NODE_LINES);
				if (k->node[s] == 0 || n == NULL)
					continue;
				nodes++;
				types += n->n_types;
				if (dump)
					dump_node(im, &c, n);
			}
		}
	}
	if (dump)
		return;
	printf("zone      %s\nstate     %s\nserial    %u\nrecords   %llu\nnames     %llu, %llu "
	       "RRsets\n"
	       "octets    %llu: header block %u, largest chunk %llu\nchunks    %llu\n"
	       "buckets   %llu, %.1f names each, %.1f %% with names that spill\n",
		image_name(im, NULL, text),
		im->flags & IMAGE_UNAVAILABLE ? "unavailable" : "served", im->serial,
		(unsigned long long)im->n_records, (unsigned long long)nodes,
		(unsigned long long)types, (unsigned long long)im->octets, im->block_len,
		(unsigned long long)largest, (unsigned long long)n_chunks,
		(unsigned long long)buckets, buckets == 0 ? 0 : (double)nodes / (double)buckets,
		buckets == 0 ? 0 : 100.0 * (double)spilled / (double)buckets);
}

/* A name as typed, folded; false when it is none. */
static bool
parse_name(const char *text, uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD])
{
	memset(name, 0, NAME_OCTETS_MAX + 1 + NAME_PAD);
	if (knot_dname_from_str(name, text, NAME_OCTETS_MAX) == NULL)
		return false;
	knot_dname_to_lower(name);
	return true;
}

/* "example.org..internal" -> the label of its key, and the zone's name. False: it names none. */
static bool
parse_zone(char *text, uint8_t label[ZONE_VARIANT_LABEL])
{
	char *dots = strstr(text, "..");
	size_t len = dots == NULL ? 0 : strlen(dots + 2);

	label[0] = 0;
	if (dots == NULL)
		return true;
	if (len == 0 || len > ZONE_VARIANT_MAX)
		return false;
	label[0] = (uint8_t)(len + 1);
	label[1] = ZONE_VARIANT_MARK;
	memcpy(label + 2, dots + 2, len);
	dots[1] = '\0';
	return zone_variant_is_label(label);
}

static const struct image *
find_zone(struct tool *t, const char *zone)
{
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD];
	uint8_t label[ZONE_VARIANT_LABEL + NAME_HASH_AHEAD] = {0};
	const struct zone_directory *d;
	const struct image *im = NULL;
	char *text = strdup(zone);

	if (text == NULL || !parse_zone(text, label) || !parse_name(text, name)) {
		fprintf(stderr, "%s: not a domain name\n", zone);
		free(text);
		return NULL;
	}
	free(text);
	uint64_t hash = name_hash(arena_header(&t->arena)->seed, name);
	d = label[0] == 0 ? zone_directory_current(&t->arena) : zone_directory_variants(&t->arena);
	if (d != NULL && label[0] == 0)
		im = zone_directory_find(&t->arena, d, hash, name, name_octets(name));
	else if (d != NULL)
		im = zone_directory_find_variant(&t->arena, d, name_hash_extend(hash, label), name,
			name_octets(name), label);
	if (im == NULL)
		fprintf(stderr, "%s: not published; 'list' shows what is\n", zone);
	return im;
}

static int
dump_name(struct tool *t, const struct image *im, const char *text)
{
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD];
	unsigned len;

	if (!parse_name(text, name) || (len = name_octets(name)) < im->apex_len ||
		memcmp(name + len - im->apex_len, im->apex, im->apex_len) != 0) {
		fprintf(stderr, "%s: not a name in this zone\n", text);
		return 1;
	}
	uint64_t hash = name_hash(arena_header(&t->arena)->seed, name);
	struct image_chunk c = image_chunk_of(&t->arena, im, hash);
	const struct image_node *n = c.base == NULL ? NULL : image_find(&c, hash, name, len);
	if (n == NULL) {
		printf("%s: no node: it does not exist, or lies below a cut or a DNAME\n", text);
		return 1;
	}
	dump_node(im, &c, n);
	return 0;
}

static int
run(struct tool *t, int argc, char **argv)
{
	const char *command = argv[0];
	const struct image *im;

	if (strcmp(command, "list") == 0 && argc == 1) {
		each_zone(t, false);
		return t->status;
	}
	if (strcmp(command, "verify") == 0 && argc == 1) {
		each_zone(t, true);
		return t->status;
	}
	bool show = strcmp(command, "show") == 0 && argc == 2;
	bool dump = strcmp(command, "dump") == 0 && (argc == 2 || argc == 3);
	if (!show && !dump && !(strcmp(command, "verify") == 0 && argc == 2)) {
		fputs(usage, stderr);
		return 2;
	}
	im = find_zone(t, argv[1]);
	if (im == NULL)
		return 1;
	if (!show && !dump)
		return verify_zone(t, im);
	if (argc == 3)
		return dump_name(t, im, argv[2]);
	walk_zone(t, im, dump);
	return t->status;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"arena", required_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {0}};
	const char *path = NULL;
	struct tool t = {0};

	for (int o; (o = getopt_long(argc, argv, "a:jhV", options, NULL)) != -1;) {
		switch (o) {
		case 'a':
			path = optarg;
			break;
		case 'j':
			t.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("millrace-image " MILLRACE_VERSION);
			return 0;
		default:
			return 2;
		}
	}
	if (path == NULL || optind == argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (arena_attach(&t.arena, path) != 0) {
		fprintf(stderr, "%s\n", arena_error());
		return 1;
	}
	int status = run(&t, argc - optind, argv + optind);
	arena_close(&t.arena);
	return status;
}
