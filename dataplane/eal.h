/* SPDX-License-Identifier: GPL-3.0-or-later */
/* eal: starts DPDK's environment, only when the configuration has DPDK ports; a dataplane with
 * nothing but kernel sockets runs without it. Main thread. */
#pragma once
#include "config/config.h"

/**
 * Start EAL with arguments made from the configuration. Its messages go to our log.
 * @return 0 or negative errno, after an error line
 */
int eal_start(const struct config *c) __attribute__((warn_unused_result));
/**
 * Keep DPDK's messages back until eal_log_release(): as error lines if what was tried failed, else
 * for the debug log alone.
 */
void eal_log_hold(void);
void eal_log_release(bool failed);

/** Is this device a PCI one (and so opened by EAL at its start)? */
bool eal_is_pci(const char *device);

/** Give its memory and files back. Ports are closed. */
void eal_stop(void);
