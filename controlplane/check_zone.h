/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_zone: `millrace-controlplane check-zone`, a zone checker that needs no server. Main thread.
 */
#pragma once

/** @param argv  from "check-zone" on. @return exit status: 0 no errors, 1 a zone is refused,
 * 2 bad usage */
int check_zone_main(int argc, char **argv);
