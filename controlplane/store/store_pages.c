/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_pages: a walk over all trees of an LMDB file that trusts nothing in it. */
#include "controlplane/store/store_pages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the format: what LMDB 0.9 calls MDB_page, MDB_node, MDB_db and MDB_meta --- */

#define MAGIC 0xbeefc0deu
#define VERSION 1u
#define HEAD 16u /* of a page: number 8, pad 2, flags 2, lower 2, upper 2 (or pages 4) */
#define NODE 8u  /* of a node: lo 2, hi 2, flags 2, key size 2 */
#define DB 48u   /* pad 4, flags 2, depth 2, branches, leaves, overflows, entries, root 8 each */
#define META_MAGIC HEAD
#define META_VERSION (HEAD + 4u)
#define META_DBS (HEAD + 24u) /* free list, main */
#define META_LAST (META_DBS + 2 * DB)
#define META_TXN (META_LAST + 8u)
#define PAGE_LEAST 512u
#define PAGE_MOST 65536u
#define KEY_MOST 511u
#define DEPTH_MOST 32u
#define NONE UINT64_MAX

#define P_BRANCH 1u
#define P_LEAF 2u
#define P_OVERFLOW 4u
#define P_SUBPAGE 0x40u
#define P_KIND (P_BRANCH | P_LEAF | P_OVERFLOW | 0x20u | P_SUBPAGE)
#define N_BIG 1u
#define N_TREE 2u
#define N_DUP 4u
#define D_DUPSORT 4u
#define D_INTEGER 8u
#define D_KNOWN (D_DUPSORT | D_INTEGER)

struct walk {
	struct store_pages *p;
	size_t page_octets;
	uint64_t last;  /* page number */
	uint8_t *seen;  /* a bit a page */
	const char *db; /* its name, for messages */
};

/* One tree, as MDB_db tells it, and what was counted. */
struct tree {
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
	uint64_t n_branches, n_leaves, n_overflows, n_entries;
	bool names, dups, frees; /* what its values are */
	const uint8_t *key;      /* the one before */
	size_t key_len;
	bool has_key;
};

static int fault(struct walk *w, uint64_t page, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int
fault(struct walk *w, uint64_t page, const char *format, ...)
{
	char text[256], line[320];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	snprintf(
		line, sizeof line, "page %llu, tree %s: %s", (unsigned long long)page, w->db, text);
	w->p->n_found++;
	if (w->p->found != NULL)
		w->p->found(w->p->arg, line);
	return -EPROTO;
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Take pages into use: they are in the file, and nobody else has them. */
static const uint8_t *
take(struct walk *w, uint64_t page, uint64_t n)
{
	if (page < 2 || page > w->last || n > w->last - page + 1 ||
		(page + n) * w->page_octets > w->p->len) {
		fault(w, page, "lies outside the file, which is cut off or damaged");
		return NULL;
	}
	for (uint64_t i = page; i < page + n; i++) {
		if (w->seen[i / 8] & 1u << i % 8) {
			fault(w, i, "is used twice");
			return NULL;
		}
		w->seen[i / 8] |= (uint8_t)(1u << i % 8);
	}
	w->p->n_pages += n;
	return w->p->file + page * w->page_octets;
}

static int check_tree(struct walk *w, struct tree *t);

static struct tree
tree_at(const uint8_t *p)
{
	return (struct tree){.flags = get16(p + 4),
		.depth = get16(p + 6),
		.branches = get64(p + 8),
		.leaves = get64(p + 16),
		.overflows = get64(p + 24),
		.entries = get64(p + 32),
		.root = get64(p + 40)};
}

/* --- nodes --- */

/* How a key compares with the one before it. */
static int
order(const struct tree *t, const uint8_t *key, size_t len)
{
	int d;

	if (t->flags & D_INTEGER) {
		uint64_t a = get64(t->key), b = get64(key);
		return a < b ? -1 : a > b;
	}
	d = memcmp(t->key, key, len < t->key_len ? len : t->key_len);
	return d != 0 ? d : t->key_len < len ? -1 : t->key_len > len;
}

/* Keys ascend over the whole tree. */
static int
check_key(struct walk *w, struct tree *t, uint64_t page, const uint8_t *key, size_t len)
{
	if (len == 0 || len > KEY_MOST)
		return fault(w, page, "a key of %zu octets", len);
	if (t->flags & D_INTEGER && len != 8)
		return fault(w, page, "a number of %zu octets", len);
	if (t->has_key && order(t, key, len) >= 0)
		return fault(w, page, "keys are not in order");
	t->has_key = true;
	t->key = key;
	t->key_len = len;
	return 0;
}

/* A page within a value: the few values of one key. */
static int
check_subpage(struct walk *w, struct tree *t, uint64_t page, const uint8_t *p, size_t len)
{
	struct tree values = {.flags = 0, .dups = true};
	unsigned lower, upper;

	if (len < HEAD || (get16(p + 10) & P_KIND) != (P_LEAF | P_SUBPAGE))
		return fault(w, page, "a list of values is none");
	lower = get16(p + 12);
	upper = get16(p + 14);
	if (lower < HEAD + 2 || lower % 2 != 0 || lower > upper || upper > len)
		return fault(w, page, "a list of values is damaged");
	for (unsigned i = 0; i < (lower - HEAD) / 2; i++) {
		unsigned at = get16(p + HEAD + 2 * i);
		if (at < upper || at % 2 != 0 || at + NODE > len ||
			at + NODE + (size_t)get16(p + at + 6) > len)
			return fault(w, page, "a list of values leaves its place");
		if (get16(p + at) != 0 || get16(p + at + 2) != 0 || get16(p + at + 4) != 0)
			return fault(w, page, "a value in a list is damaged");
		int ret = check_key(w, &values, page, p + at + NODE, get16(p + at + 6));
		if (ret != 0)
			return ret;
	}
	t->n_entries += (lower - HEAD) / 2;
	return 0;
}

static int
check_overflow(struct walk *w, struct tree *t, uint64_t page, const uint8_t *value, size_t size)
{
	uint64_t first = get64(value), n = (HEAD - 1 + size) / w->page_octets + 1;
	const uint8_t *p = take(w, first, n);

	if (p == NULL)
		return -EPROTO;
	if (get64(p) != first || (get16(p + 10) & P_KIND) != P_OVERFLOW || get32(p + 12) != n)
		return fault(w, page, "a long value is not where it should be");
	t->n_overflows += n;
	return 0;
}

/* Numbers of free pages, the largest first. */
static int
check_free(struct walk *w, uint64_t page, const uint8_t *value, size_t size)
{
	uint64_t n = size < 8 ? NONE : get64(value), before = NONE;

	if (size % 8 != 0 || n > size / 8 - 1)
		return fault(w, page, "a list of free pages is damaged");
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t free = get64(value + 8 * i);
		if (free < 2 || free > w->last || free >= before)
			return fault(w, page, "a list of free pages is damaged");
		if (w->seen[free / 8] & 1u << free % 8)
			return fault(w, free, "is free and used");
		w->seen[free / 8] |= (uint8_t)(1u << free % 8);
		before = free;
	}
	return 0;
}

/* A tree whose root lies in a value: a named database, or the many values of one key. */
static int
check_inner(struct walk *w, struct tree *t, uint64_t page, const uint8_t *value, size_t size,
	bool dups, const uint8_t *key, size_t key_len)
{
	char name[64];
	struct tree inner;
	struct walk in = *w;
	int ret;

	if (size != DB)
		return fault(w, page, "a tree in it is damaged");
	inner = tree_at(value);
	inner.dups = dups;
	if (dups && inner.flags != 0)
		return fault(w, page, "the values of a key have flags %#x", inner.flags);
	if (!dups) {
		snprintf(name, sizeof name, "%.*s", key_len < 40 ? (int)key_len : 40,
			(const char *)key);
		in.db = name;
		if (inner.flags & ~D_DUPSORT)
			return fault(&in, page, "unknown flags %#x", inner.flags);
	}
	ret = check_tree(&in, &inner);
	t->n_entries += dups ? inner.n_entries : 1;
	return ret;
}

static int
check_leaf_node(struct walk *w, struct tree *t, uint64_t page, const uint8_t *node, size_t room)
{
	size_t size = get16(node) | (size_t)get16(node + 2) << 16, key_len = get16(node + 6);
	unsigned flags = get16(node + 4);
	const uint8_t *value = node + NODE + key_len;
	int ret;

	if (NODE + key_len + (flags & N_BIG ? 8 : size) > room)
		return fault(w, page, "an entry leaves its page");
	ret = check_key(w, t, page, node + NODE, key_len);
	if (ret != 0)
		return ret;
	if (t->dups && (flags != 0 || size != 0))
		return fault(w, page, "a value among many is damaged");
	switch (flags) {
	case 0:
		t->n_entries++;
		if (t->frees)
			return check_free(w, page, value, size);
		return 0;
	case N_BIG:
		t->n_entries++;
		ret = check_overflow(w, t, page, value, size);
		if (ret == 0 && t->frees)
			ret = check_free(
				w, page, w->p->file + get64(value) * w->page_octets + HEAD, size);
		return ret;
	case N_TREE:
		if (!t->names)
			break;
		return check_inner(w, t, page, value, size, false, node + NODE, key_len);
	case N_DUP:
		if (!(t->flags & D_DUPSORT))
			break;
		return check_subpage(w, t, page, value, size);
	case N_DUP | N_TREE:
		if (!(t->flags & D_DUPSORT))
			break;
		return check_inner(w, t, page, value, size, true, NULL, 0);
	default:
		break;
	}
	return fault(w, page, "an entry has flags %#x", flags);
}

/* --- pages --- */

static int
check_page(struct walk *w, struct tree *t, uint64_t page, unsigned depth)
{
	const uint8_t *p = take(w, page, 1);
	unsigned lower, upper, n, kind = depth < t->depth ? P_BRANCH : P_LEAF;
	int ret = 0;

	if (p == NULL)
		return -EPROTO;
	if (get64(p) != page)
		return fault(w, page, "says that it is page %llu", (unsigned long long)get64(p));
	if ((get16(p + 10) & P_KIND) != kind)
		return fault(w, page, "is of another kind (%#x)", get16(p + 10));
	lower = get16(p + 12);
	upper = get16(p + 14);
	if (lower < HEAD || lower % 2 != 0 || lower > upper || upper > w->page_octets)
		return fault(w, page, "its bounds are damaged");
	n = (lower - HEAD) / 2;
	if (n < (kind == P_BRANCH ? 2u : 1u))
		return fault(w, page, "is empty");
	if (kind == P_BRANCH)
		t->n_branches++;
	else
		t->n_leaves++;
	for (unsigned i = 0; i < n && ret == 0; i++) {
		unsigned at = get16(p + HEAD + 2 * i);
		if (at < upper || at % 2 != 0 || at + NODE > w->page_octets) {
			ret = fault(w, page, "an entry leaves its page");
		} else if (kind == P_LEAF) {
			ret = check_leaf_node(w, t, page, p + at, w->page_octets - at);
		} else {
			uint64_t child = get16(p + at) | (uint64_t)get16(p + at + 2) << 16 |
					 (uint64_t)get16(p + at + 4) << 32;
			size_t key_len = get16(p + at + 6);
			if (at + NODE + key_len > w->page_octets || key_len > KEY_MOST ||
				(i > 0 && (key_len == 0 || (t->flags & D_INTEGER && key_len != 8))))
				return fault(w, page, "a key leaves its page");
			if (i > 0 && t->has_key && order(t, p + at + NODE, key_len) >= 0)
				return fault(w, page, "keys are not in order");
			ret = check_page(w, t, child, depth + 1);
		}
	}
	return ret;
}

static int
check_tree(struct walk *w, struct tree *t)
{
	int ret;

	if (t->root == NONE)
		return t->entries == 0 && t->depth == 0
			       ? 0
			       : fault(w, 0, "has no root, but %llu entries",
					 (unsigned long long)t->entries);
	if (t->depth == 0 || t->depth > DEPTH_MOST)
		return fault(w, t->root, "depth %u", t->depth);
	ret = check_page(w, t, t->root, 1);
	if (ret != 0)
		return ret;
	if (t->n_entries != t->entries)
		return fault(w, t->root, "%llu entries, not %llu", (unsigned long long)t->n_entries,
			(unsigned long long)t->entries);
	if (t->n_branches != t->branches || t->n_leaves != t->leaves ||
		t->n_overflows != t->overflows)
		return fault(w, t->root, "its pages are not as many as it says");
	return 0;
}

/* --- the file --- */

static bool
is_meta(const struct walk *w, const uint8_t *p)
{
	return get32(p + META_MAGIC) == MAGIC && get32(p + META_VERSION) == VERSION &&
	       get16(p + 10) & 8u && get32(p + META_DBS) == w->page_octets;
}

/* The meta page of the last commit. */
static const uint8_t *
find_meta(struct walk *w)
{
	const uint8_t *file = w->p->file, *a, *b;
	uint32_t octets;

	if (w->p->len < META_TXN + 8) {
		fault(w, 0, "the file is too short");
		return NULL;
	}
	octets = get32(file + META_DBS);
	if (get32(file + META_MAGIC) != MAGIC || octets < PAGE_LEAST || octets > PAGE_MOST ||
		(octets & (octets - 1)) != 0 || w->p->len < 2 * (size_t)octets) {
		fault(w, 0, "this is no LMDB file");
		return NULL;
	}
	w->page_octets = octets;
	a = file;
	b = file + octets;
	if (!is_meta(w, a) || !is_meta(w, b)) {
		fault(w, 0, "a head is damaged");
		return NULL;
	}
	/* as LMDB chooses */
	return get64(a + META_TXN) < get64(b + META_TXN) ? b : a;
}

int
store_pages_check(struct store_pages *p)
{
	struct walk w = {.p = p, .db = "-"};
	const uint8_t *meta = find_meta(&w);
	struct tree main, frees;
	int ret, second;

	if (meta == NULL)
		return -EPROTO;
	w.last = get64(meta + META_LAST);
	if (w.last < 1 || w.last > (UINT64_MAX >> 20) || w.last / 64 > p->len)
		return fault(&w, 0, "says that it has %llu pages", (unsigned long long)w.last);
	w.seen = calloc(1, w.last / 8 + 1);
	if (w.seen == NULL)
		return -ENOMEM;
	main = tree_at(meta + META_DBS + DB);
	main.names = true;
	frees = tree_at(meta + META_DBS);
	frees.frees = true;
	frees.flags &= (uint16_t)~0x4000u; /* MDB_NOSUBDIR and the like are kept in it */
	w.db = "main";
	if (main.flags & ~D_KNOWN || main.flags & D_INTEGER)
		ret = fault(&w, 0, "unknown flags %#x", main.flags);
	else
		ret = check_tree(&w, &main);
	w.db = "free pages";
	frees.flags = D_INTEGER;
	second = check_tree(&w, &frees);
	free(w.seen);
	return ret != 0 ? ret : second;
}
