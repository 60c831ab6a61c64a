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
 * Enter a port, or find one again all of whose queues were closed. When the table is full the last
 * entry stands for all further ones.
 * @param name  as configured; cut short
 * @return its index
 */
unsigned port_figures_enter(struct hub *h, const char *name, enum hub_port_kind kind);

/** This queue belongs to that entry, and is served by that worker. */
void port_figures_attach(struct hub *h, struct hub_worker *w, struct port *p, unsigned index);

/** This queue is closed soon: what port_figures_update() counted just now stays counted. All queues
 * of an entry go at a time. */
void port_figures_retire(struct hub *h, const struct port *p);

/** Read what all ports of all workers count. Some system calls a port. */
void port_figures_update(struct setup *s);
