/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_balance: how much of its packets a worker hands on. Pure; called by the main thread. */
#pragma once
#include "dataplane/ports/spread.h"

#include <stdint.h>

struct spread_share {
	uint32_t give;   /* of SPREAD_WHOLE */
	uint64_t takers; /* bit i: worker i */
};

/**
 * Shares for the next tenth of a second.
 * @param busy   [worker] 0..1, with the shares as they are
 * @param share  [worker] in: as they are; out: as they shall be
 */
void spread_decide(const double busy[], unsigned n_workers, struct spread_share share[]);
