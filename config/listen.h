/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listen: a TCP socket on an address of the configuration. Any thread. */
#pragma once
#include "config/config.h"

/**
 * Bind and listen, for IPv6 alone on an IPv6 address; non-blocking, closed by exec.
 * @return the descriptor, or negative errno
 */
int config_listen_tcp(const struct config_address *a, int backlog)
	__attribute__((warn_unused_result));
