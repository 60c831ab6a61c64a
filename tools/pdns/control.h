/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control: pdns_control's verbs. */
#pragma once
#include "tools/pdns/pdns.h"

/** A statistic's value. Allocated; NULL after a message: there is no such one, or no answer. */
char *statistic_get(const struct ctl *c, const char *name);

int control_ping(const struct ctl *c);
int control_version(const struct ctl *c);
int control_uptime(const struct ctl *c);
int control_status(const struct ctl *c);
int control_current_config(const struct ctl *c);
int control_list_zones(const struct ctl *c);
int control_notify(const struct ctl *c);
int control_retrieve(const struct ctl *c);
int control_xfr_queue(const struct ctl *c);
int control_reload(const struct ctl *c);
int control_purge(const struct ctl *c);
int control_bind_status(const struct ctl *c);
int control_bind_extended_status(const struct ctl *c);
int control_bind_rejects(const struct ctl *c);
int control_bind_reload(const struct ctl *c);
int control_show(const struct ctl *c);
int control_list(const struct ctl *c);
int control_ccounts(const struct ctl *c);
int control_qtypes(const struct ctl *c);
int control_respsizes(const struct ctl *c);
int control_remotes(const struct ctl *c);
int control_mrtg(const struct ctl *c);
int control_rrd(const struct ctl *c);
