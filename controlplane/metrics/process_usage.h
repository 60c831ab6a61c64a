/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process_usage: what the kernel says about a process of the suite: processor time, memory, start.
 * A few system calls. Thread: any. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	uint64_t cpu_ns; /* user and system */
	uint64_t resident_octets;
	int64_t started_s; /* CLOCK_REALTIME */
};

/** @return 0; -ESRCH (it is gone, or hidden from us); *out is all 0 then */
int process_usage(pid_t pid, struct process_usage *out);
