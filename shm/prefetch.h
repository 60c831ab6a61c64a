/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prefetch: ask for a cache line. Not __builtin_prefetch: GCC 12 takes a function that does nothing
 * else for one without effect, and drops the call (seen: a whole stage of the burst was gone). */
#pragma once

static inline void
prefetch_line(const void *p)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)p));
#elif defined(__aarch64__)
	__asm__ volatile("prfm pldl1keep, %0" : : "Q"(*(const char *)p));
#else
	__builtin_prefetch(p);
#endif
}
