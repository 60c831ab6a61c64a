/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal_net: what a run of journal entries did to a zone in the end: for each record that was
 * touched, what it was before the first of them and what it is after the last. Owns copies of all
 * it is given. Any thread; one at a time. */
#pragma once
#include "controlplane/api/body_rrsets.h"
#include "controlplane/store/store.h"

#define JOURNAL_NET_OCTETS_MAX (64u << 20) /* of copies; more is no difference to look at */

struct net_state {
	bool there, disabled;
	uint32_t ttl;
};

struct net_record {
	struct net_record *chain;
	const uint8_t *owner, *rdata;
	uint16_t type, rdlength;
	struct net_state before, after;
};

struct journal_net {
	struct body_memory memory;
	size_t octets; /* taken */
	struct net_record **bucket;
	size_t n_buckets;
	struct net_record **record; /* in the order in which they came; after journal_net_sort()
				       those that differ, by owner, type and RDATA */
	size_t n, room;
};

/** Empty; journal_net_free() ends it, also after -ENOMEM. */
int journal_net_init(struct journal_net *net) __attribute__((warn_unused_result));
/** Entries come oldest first. @return 0, -ENOMEM or -EFBIG */
int journal_net_add(struct journal_net *net, const struct store_journal_entry *e)
	__attribute__((warn_unused_result));
/** Drop what is in the end as it was before, and put the rest in order. Nothing is added after it.
 */
void journal_net_sort(struct journal_net *net);
void journal_net_free(struct journal_net *net);
/** Index behind the last record of the RRset that the one at `from` belongs to. */
size_t journal_net_rrset_end(const struct journal_net *net, size_t from);
/** The record of this RDATA among those from `from` to before `end`, which are one RRset's; sorted.
 * @return NULL: it is not there */
const struct net_record *journal_net_find(const struct journal_net *net, size_t from, size_t end,
	const struct backend_record *record);
