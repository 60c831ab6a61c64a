/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters: the rows of the table, for whoever prints them. */
#include "shm/counters.h"
#include "shm/stream_counters.h"

const struct counter_info counter_info[CTR_N] = {
#define X(id, family, label, value, unit, help) [CTR_##id] = {family, label, value, unit, help},
	COUNTERS(X)
#undef X
};

const struct counter_info stream_counter_info[SCTR_N] = {
#define X(id, family, label, value, unit, help) [SCTR_##id] = {family, label, value, unit, help},
	STREAM_COUNTERS(X)
#undef X
};
