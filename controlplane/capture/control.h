/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control: the control plane's file of a capture (shm/capture.h), through which the dataplane is
 * told. One capture's thread at a time uses it. */
#pragma once
#include "shm/capture.h"
#include "shm/paths.h"

struct capture_link {
	char run_dir[4096];
	struct capture_control *control; /* ours to write */
	uint32_t generation;             /* of what was asked last */
};

/** Make the file anew; what an earlier control plane asked for there is void. @return 0 or negative
 * errno */
int capture_link_open(struct capture_link **out, const char *run_dir)
	__attribute__((warn_unused_result));
/** NULL may be given. */
void capture_link_close(struct capture_link *l);

/** Ask the dataplane for packets; from now on the lease must be renewed. */
void capture_link_ask(struct capture_link *l, const struct capture_request *r);
void capture_link_renew(struct capture_link *l);
/** Nothing is wanted any more. */
void capture_link_withdraw(struct capture_link *l);
