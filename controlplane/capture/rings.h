/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rings: the dataplane's side as a capture's thread reads it: which data files there are, the
 * packets in them, and the blocks of a capture file that they become. Each port of each worker is
 * an interface. */
#pragma once
#include "controlplane/capture/control.h"

#include <stdbool.h>
#include <stddef.h>

struct capture_rings;

/** @param filter  text, for the file; copied. @return NULL when out of memory */
struct capture_rings *capture_rings_create(
	struct capture_link *l, const char *filter, uint32_t snaplen);
/** NULL may be given. */
void capture_rings_destroy(struct capture_rings *r);

/** Map the data files of dataplanes that take part in what was asked last. Some system calls, not
 * at each call. @return has any taken part yet? */
bool capture_rings_look(struct capture_rings *r);

/**
 * The next block of the file.
 * @param room  at least CAPTURE_SNAPLEN_MAX + PCAPNG_OVERHEAD_MAX
 * @param[out] packet  it is a packet, and not an interface
 * @return octets; 0: nothing is there
 */
size_t capture_rings_next(struct capture_rings *r, uint8_t *out, size_t room, bool *packet);

/** The statistics of interface i. @return octets; 0: there is no such interface */
size_t capture_rings_statistics(struct capture_rings *r, unsigned i, uint8_t *out, size_t room);

/**
 * Take part with a data file that is mapped already.
 * @param data  checked: its rings are there
 * @return 0 or -EPROTO: it is not one, or of another request
 */
int capture_rings_attach(
	struct capture_rings *r, unsigned seat, const struct capture_data *data, size_t octets);
