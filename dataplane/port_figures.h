/* SPDX-License-Identifier: GPL-3.0-or-later */
/* port_figures: the hub's table of ports: names and kinds at the start, then once a second what
 * drivers and the kernel count. Main thread; the packets themselves are counted by the workers. */
#pragma once
#include "dataplane/ports/port.h"
#include "shm/hub.h"

struct setup;

/** Empty the table. Before any port is entered. */
void port_figures_begin(struct hub *h);

/**
 * Enter a port. When the table is full the last entry stands for all further ones.
 * @param name  as configured; cut short
 * @return its index
 */
unsigned port_figures_enter(struct hub *h, const char *name, enum hub_port_kind kind);

/** This queue belongs to that entry, and is served by that worker. */
void port_figures_attach(struct hub *h, struct hub_worker *w, struct port *p, unsigned index);

/** Read what all ports of all workers count. Some system calls a port. */
void port_figures_update(struct setup *s);
