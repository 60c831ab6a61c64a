/* SPDX-License-Identifier: GPL-3.0-or-later */
/* work: one query on its way through the engine. Internal to dataplane/answer. */
#pragma once
#include "dataplane/answer/answer.h"
#include "shm/image.h"
#include "shm/prefetch.h"
#include "shm/settings.h"
#include "shm/views.h"
#include "shm/zone_directory.h"

#define DNS_HEADER 12u
#define DNS_UDP_MIN 512u /* RFC 1035 4.2.1: what every client takes */
#define CHAIN_MAX 32u    /* CNAMEs and DNAMEs followed for one query */
#define CHAIN_OCTETS_MAX (0x3fff - IMAGE_POINTER_MAX - 2 * (12 + NAME_OCTETS_MAX))
#define COOKIE_MAX 40u /* RFC 7873 4: client and server cookie */
#define OPT_FIXED 11u  /* octets of an OPT without options */
#define EDE_OCTETS 6u  /* of the option of RFC 8914, without text */
#define EDE_NONE 0xffffu

#define CUT_GUESSES 64u   /* zones, by their address, whose cuts are remembered */
#define CUT_TRUST_MAX 31u /* one for each name that was below that cut, */
#define CUT_TRUST_LOSS 4u /* so many less for each that was not; */
#define CUT_TRUST_USE 8u  /* from here on names are looked up there first */

enum dns_type {
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_TXT = 16,
	TYPE_DNAME = 39,
	TYPE_OPT = 41,
	TYPE_DS = 43,
	TYPE_TSIG = 250,
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_ANY = 255,
};

enum dns_class { CLASS_IN = 1, CLASS_CH = 3, CLASS_ANY = 255 };

enum dns_rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_YXDOMAIN = 6,
	RCODE_NOTAUTH = 9,
	RCODE_BADVERS = 16,
};

/* RFC 8914 */
enum dns_ede { EDE_OTHER = 0, EDE_NOT_READY = 14, EDE_PROHIBITED = 18, EDE_NOT_AUTHORITATIVE = 20 };

/* A folded name, with its labels and the hash of each of its suffixes. */
struct work_name {
	uint8_t len;    /* octets */
	uint8_t labels; /* without root */
	uint8_t label[NAME_LABELS_MAX +
		      1]; /* offset of label i, leftmost first; [labels]: the root's */
	uint64_t hash[NAME_LABELS_MAX + 1]; /* [k]: of the suffix with k labels */
	uint8_t wire[NAME_OCTETS_MAX + 1 + NAME_PAD];
};

enum work_state {
	WORK_DROP,   /* no response */
	WORK_DONE,   /* rcode is set; nothing to look up */
	WORK_LOOKUP, /* question in class IN: goes through the zones */
	WORK_SENT,   /* the response is complete */
};

/* What is cleared for each query. */
struct work_flags {
	uint8_t state;      /* enum work_state */
	bool opt;           /* the query has an OPT */
	bool nsid;          /* it asks for our NSID */
	bool keepalive;     /* it asks for edns-tcp-keepalive */
	bool do_bit;        /* DO, copied into the response */
	bool aa, tc;        /* of the response */
	bool echo;          /* the question was understood, and is sent back */
	uint8_t cookie_len; /* 0: no COOKIE option */
	uint8_t opcode;
	uint16_t rcode;      /* 12 bits */
	uint16_t an, ns, ar; /* RRs in the response */
	bool bad_option;     /* an option of the OPT is malformed, all else is well */
	uint8_t reserved;
	uint32_t at; /* where the next octet of the response goes */
	uint64_t reserved_too;
};
_Static_assert(sizeof(struct work_flags) == 32, "cleared by two stores");

struct work {
	struct answer_query *q;
	struct work_flags f;
	const struct image *zone;          /* the zone that answers; NULL: none of ours */
	const struct image_node *node;     /* the node with exactly this name, or NULL */
	const struct image_answer *answer; /* RRset of qtype at that node, unchecked, or NULL */
	/* NS of the cut at which or below which the name is, unchecked, or NULL: not known. The cut
	 * is `node`, or else `parent` */
	const struct image_answer *referral;
	struct image_chunk chunk;        /* of the whole name; base NULL: not looked up */
	uint8_t find_labels;             /* of the suffix that is looked up first: most often all */
	const struct image_node *parent; /* node of the name's last parent_labels labels, or NULL */
	struct image_chunk parent_chunk; /* and its chunk; both only if */
	bool parent_known;               /* the parent was looked up */
	uint8_t parent_labels;
	uint32_t question_end; /* offset behind the question */
	uint32_t limit;        /* octets of the largest response */
	uint16_t qtype, qclass;
	const struct view *view; /* of the client, or NULL; only if the context has views */
	uint16_t ede;            /* EDE_NONE or an info code */
	struct work_name name;   /* the name now being looked up: QNAME, then targets of CNAMEs */
	uint8_t cookie[COOKIE_MAX];
};

/* Where the octets of the name that is being answered for lie in the message. */
struct work_place {
	uint32_t base;  /* its first octet: 12 for the question, else in the RDATA of a CNAME */
	uint32_t split; /* octets of it that lie there; UINT32_MAX: all */
	uint32_t tail;  /* where those behind the split lie: in the question */
};

/** Where octet x of the name lies. */
static inline uint32_t
work_place_of(const struct work_place *p, uint32_t x)
{
	return x < p->split ? p->base + x : p->tail + (x - p->split);
}

/* How many labels the names have at which a zone was cut lately. */
struct cut_guess {
	uint8_t labels, trust;
};

struct answer_context {
	const struct arena *arena;
	struct counters *counters;
	const struct settings *settings; /* of this burst */
	const struct zone_directory *directory;
	const struct views *views; /* NULL: nobody has a view, and nothing is looked up for one */
	const struct zone_directory *variants; /* set with views */
	const struct image *last_zone;         /* found last in this burst, or NULL */
	uint64_t last_hash;                    /* of its apex */
	const struct image *apex_zone; /* whose apex was looked up last in this burst, or NULL */
	const struct image_node *apex_node;
	struct image_chunk apex_chunk;
	uint64_t seed;
	uint32_t now_s;
	struct cut_guess cut[CUT_GUESSES]; /* see work_find_labels() */
	struct work_name question;         /* while a chain is followed */
	struct work work[ANSWER_BURST];
};

/**
 * Parse a query: header, question, OPT. Sets w->state, and all that the query asks for.
 * Reads at most q->len octets (folding reads up to 31 more of the buffer, within its room).
 */
void work_parse(struct answer_context *c, struct work *w);

/** Start with a query: nothing is known of it. The name and the cookie are set when they are found.
 */
static inline void
work_reset(struct work *w)
{
	memset(&w->f, 0, sizeof w->f);
	w->zone = NULL;
	w->node = NULL;
	w->answer = NULL;
	w->referral = NULL;
	w->chunk.base = NULL;
	w->parent_known = false;
	w->ede = EDE_NONE;
}

/**
 * Split the name at octet 12 of a message into labels. Sets label, labels and len of n.
 * @param len  octets of the message, at least 17
 * @return offset behind the root label; 0 when it is malformed (compressed too), or when type and
 *         class do not fit behind it
 */
static inline unsigned
work_name_labels(struct work_name *n, const uint8_t *dns, unsigned len)
{
	unsigned at = DNS_HEADER, labels = 0, octets;
	/* where a label may not start: root, type and class must fit behind, and into 255 octets */
	unsigned end =
		len - 4 < DNS_HEADER + NAME_OCTETS_MAX ? len - 4 : DNS_HEADER + NAME_OCTETS_MAX;

	while ((octets = dns[at]) != 0) {
		if (__builtin_expect(octets > LABEL_OCTETS_MAX || at + octets + 1 >= end, 0))
			return 0;
		n->label[labels++] = (uint8_t)(at - DNS_HEADER);
		at += octets + 1;
	}
	n->label[labels] = (uint8_t)(at - DNS_HEADER);
	n->labels = (uint8_t)labels;
	n->len = (uint8_t)(at + 1 - DNS_HEADER);
	return at + 1;
}

/** Fold the name at octet 12 of a message. Most take less than 64 octets: so many are folded
 * without asking; the buffer holds them (ANSWER_ROOM_MIN). */
static inline void
work_name_fold(struct work_name *n, const uint8_t *dns)
{
	name_fold(n->wire, dns + DNS_HEADER, 64);
	if (__builtin_expect(n->len > 64, 0))
		name_fold(n->wire + 64, dns + DNS_HEADER + 64, n->len - 64u);
}

/** Hash each suffix of a name whose labels and folded octets are set. */
static inline void
work_name_hash(struct work_name *n, uint64_t seed)
{
	n->hash[0] = seed;
	for (unsigned k = 1; k <= n->labels; k++)
		n->hash[k] = seed = name_hash_extend(seed, n->wire + n->label[n->labels - k]);
}

/** Count a query of this type. */
void work_count_type(struct answer_context *c, uint16_t type);

/** Find the closest zone for w->name, as the client sees zones (w->view); for DS at an apex the
 * zone above it, if that is ours too. */
const struct image *work_find_zone(struct answer_context *c, const struct work *w);

static inline struct cut_guess *
work_cut_guess(struct answer_context *c, const struct image *zone)
{
	return &c->cut[((uintptr_t)zone / ARENA_ALIGN) % CUT_GUESSES];
}

/**
 * The suffix of the name to look up first, by its labels: the name itself, or where the zone was
 * cut lately. Below a cut there are no nodes, so for a zone that is mostly delegations one look-up
 * is enough where the name, then its parent, would take two. A wrong guess costs one more.
 */
static inline uint8_t
work_find_labels(struct answer_context *c, const struct work *w)
{
	const struct cut_guess *g = work_cut_guess(c, w->zone);

	if (g->trust < CUT_TRUST_USE || g->labels >= w->name.labels ||
		g->labels <= w->zone->apex_labels)
		return w->name.labels;
	return g->labels;
}

/** A name was below a cut of so many labels. */
static inline void
work_cut_learn(struct answer_context *c, const struct image *zone, unsigned labels)
{
	struct cut_guess *g = work_cut_guess(c, zone);

	if (g->labels == labels)
		g->trust = (uint8_t)(g->trust + (g->trust < CUT_TRUST_MAX));
	else if (g->trust != 0)
		g->trust--;
	else
		*g = (struct cut_guess){.labels = (uint8_t)labels, .trust = 1};
}

/** The guess was wrong. */
static inline void
work_cut_unlearn(struct answer_context *c, const struct image *zone)
{
	struct cut_guess *g = work_cut_guess(c, zone);

	g->trust = (uint8_t)(g->trust < CUT_TRUST_LOSS ? 0 : g->trust - CUT_TRUST_LOSS);
}

/**
 * The RRset of this type at a node, unchecked but for its offset, or NULL. Its lines are asked for,
 * unless they came with the node's.
 */
static inline const struct image_answer *
work_ask_answer(const struct image_chunk *chunk, const struct image_node *node, uint16_t type,
	unsigned lines)
{
	const struct image_type *t = image_node_types(node);

	for (unsigned i = 0; i < node->n_types; i++) {
		if (t[i].type != type || t[i].variant != 0)
			continue;
		if (t[i].answer % 2 != 0 ||
			(uint64_t)t[i].answer + sizeof(struct image_answer) > chunk->len)
			return NULL;
		const uint8_t *answer = chunk->base + t[i].answer;
		if (answer - (const uint8_t *)node >= 64 * (1 + (int)IMAGE_NODE_LINES))
			for (unsigned l = 0; l < lines; l++)
				prefetch_line(answer + 64 * l);
		return (const struct image_answer *)answer;
	}
	return NULL;
}

/** Look up what names that are no nodes, and aliases, need next; see ahead.c. */
void work_ahead(struct answer_context *c, struct work *const w[], unsigned n);

/** Answer a question that was looked up (w->zone, chunk, node, answer): RFC 1034 4.3.2 and what
 * became of it. */
void work_resolve(struct answer_context *c, struct work *w);

/** Answer a question in class CH. */
void work_chaos(struct answer_context *c, struct work *w);

/** Complete the message: header, OPT; sets q->out_len and counts the response. */
void work_finish(struct answer_context *c, struct work *w);

/** Octets that the OPT of the response will take; 0 without EDNS. */
uint32_t work_opt_octets(const struct answer_context *c, const struct work *w);

/**
 * Append an answer of an image to the response.
 * @param place       where the name that it answers for lies in the message
 * @param name_len    octets of that name
 * @param rendered    octets of the name that the answer was rendered for (see enum image_fix)
 * @return false when what must fit does not: then w->tc is set and nothing was appended
 */
bool work_put_answer(struct answer_context *c, struct work *w, const struct image_answer *a,
	const struct work_place *place, unsigned name_len, unsigned rendered);

/** Give up on this query: SERVFAIL. */
void work_servfail(struct work *w, uint16_t ede);

static inline uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/** Octets of a UDP response to a client that takes `payload`: RFC 6891 6.2.3 to 6.2.5. */
static inline uint32_t
work_udp_limit(const struct settings *s, unsigned payload)
{
	return payload < DNS_UDP_MIN          ? DNS_UDP_MIN
	       : payload < s->udp_payload_max ? payload
					      : s->udp_payload_max;
}

/** Write an OPT without options. Returns its octets. */
static inline uint32_t
work_put_plain_opt(uint8_t *p, uint16_t payload_max, bool do_bit)
{
	p[0] = 0;
	put16(p + 1, TYPE_OPT);
	put16(p + 3, payload_max);
	put16(p + 5, 0);
	put16(p + 7, do_bit ? 0x8000 : 0); /* RFC 3225 3: DO is copied */
	put16(p + 9, 0);
	return OPT_FIXED;
}

/** Most answers are shorter than what a call of memcpy costs. Touches nothing outside len octets.
 */
static inline void
work_copy(uint8_t *restrict to, const uint8_t *restrict from, uint32_t len)
{
	if (len < 16 || len > 128) {
		memcpy(to, from, len);
		return;
	}
	for (uint32_t i = 0; i + 16 < len; i += 16)
		memcpy(to + i, from + i, 16);
	memcpy(to + len - 16, from + len - 16, 16);
}
