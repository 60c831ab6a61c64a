/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sysroot: what the kernel tells in /proc, /sys and /dev, read below a root: "" for this machine,
 * or a copy of another machine's (a support archive, a test). One thread; values are small. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYS_CPUS_MAX 1024u
#define SYS_TEXT_MAX 4096u /* of one value */

struct sys_cpus {
	uint64_t bit[SYS_CPUS_MAX / 64];
};

struct sysroot {
	const char *prefix; /* "", or a folder */
};

/** Is there such a file or folder? `format` makes the path, such as "/sys/module/%s". */
bool sys_exists(const struct sysroot *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** Read a value without the white space at its end. @return false when it cannot be read */
bool sys_text(const struct sysroot *r, char out[SYS_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** Read a decimal or 0x number, which may be negative. @return false when there is none */
bool sys_number(const struct sysroot *r, int64_t *out, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** Last component of what a link points to. @return false when it is no link */
bool sys_link(const struct sysroot *r, char out[SYS_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** Write a value, as `echo` does. @return 0 or negative errno */
int sys_write(const struct sysroot *r, const char *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/**
 * Names in a folder, in order of their names.
 * @param[out] names  of `room` names of 256 octets
 * @return how many there are (at most room); 0 also when the folder cannot be read
 */
size_t sys_list(const struct sysroot *r, char (*names)[256], size_t room, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** "0-3,8" as the kernel writes lists of CPUs. CPUs behind the maximum are left out. */
void sys_parse_cpus(const char *text, struct sys_cpus *out);
/** The same into text of at most `room` octets. */
void sys_format_cpus(const struct sys_cpus *c, char *out, size_t room);

static inline bool
sys_has_cpu(const struct sys_cpus *c, unsigned cpu)
{
	return cpu < SYS_CPUS_MAX && (c->bit[cpu / 64] >> cpu % 64 & 1);
}

static inline void
sys_add_cpu(struct sys_cpus *c, unsigned cpu)
{
	if (cpu < SYS_CPUS_MAX)
		c->bit[cpu / 64] |= 1ull << cpu % 64;
}
