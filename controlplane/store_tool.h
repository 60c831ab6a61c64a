/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_tool: `millrace-controlplane store`: verify, copy and restore a store without a server.
 * Main thread. */
#pragma once

/** @param argv  from "store" on. @return exit status: 0 done, 1 it cannot be or there are faults,
 * 2 bad usage */
int store_tool_main(int argc, char **argv);
