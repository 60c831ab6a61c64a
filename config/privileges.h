/* SPDX-License-Identifier: GPL-3.0-or-later */
/* privileges: what program.c and the drop of privileges have in common. Private to config/. */
#pragma once
#include <sys/types.h>

/**
 * The account of this name. Main thread.
 * @return 0, or -ENOENT after one line in the log
 */
int privileges_find_user(const char *name, uid_t *uid, gid_t *gid)
	__attribute__((warn_unused_result, nonnull(1, 2, 3)));
