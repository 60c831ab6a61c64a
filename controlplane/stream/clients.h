/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clients: how many connections each client has, a client being an IPv4 address or an IPv6 /64. A
 * hash with a secret seed over a fixed table that has an entry for every connection there can be,
 * so it is never full and forgets nobody who is still there. Cost does not depend on how many there
 * are. */
#pragma once
#include <stdint.h>

#define CLIENT_NONE UINT32_MAX

struct clients;

/** @param n  connections that there can be at most @return NULL when out of memory */
struct clients *clients_create(uint32_t n, uint64_t seed);
void clients_destroy(struct clients *t);
/**
 * One more connection of this client.
 * @param address  IPv6 or IPv4-mapped, network order
 * @param max      connections that it may have
 * @return its entry, to be given back with clients_leave(); CLIENT_NONE when it has `max` already
 */
uint32_t clients_enter(struct clients *t, const uint8_t address[16], uint32_t max);
void clients_leave(struct clients *t, uint32_t entry);
