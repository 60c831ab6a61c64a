/* SPDX-License-Identifier: GPL-3.0-or-later */
/* setup: from configuration to workers with open ports. Main thread, before workers run. */
#pragma once
#include "config/config.h"
#include "dataplane/ports/spread.h"
#include "dataplane/worker.h"

struct heritage;

struct setup {
	struct hub *hub;
	struct worker *worker; /* array */
	unsigned n_workers;
	int bell_stream;
	unsigned stream_index; /* of the rings, in the hub's table of ports */
	bool hub_warned;       /* that a file of the hub cannot be used */
	bool eal;              /* EAL was started, for DPDK ports */
	bool standing_in; /* some ports are sockets in the place of AF_XDP ports (stand_in.h) */
	struct spread *spread; /* between workers; NULL: one worker, or no devices */
};

/**
 * Open every port of the configuration, and deal them out to workers.
 * @param h  what another dataplane hands over, or NULL
 * @param[out] s  closed with setup_close(), also after an error
 * @return 0 or negative errno, after an error line that names what could not be opened and why
 */
int setup_open(struct setup *s, const struct config *c, struct hub *hub, struct heritage *h)
	__attribute__((warn_unused_result));

/**
 * Doorbells: files in the run directory, made after the drop of privileges.
 * @return 0 or negative errno, after an error line
 */
int setup_open_bells(struct setup *s, const struct config *c) __attribute__((warn_unused_result));

/**
 * Take the workers' sides of the stream rings: no other dataplane uses them any more.
 * @return 0 or negative errno, after an error line
 */
int setup_open_rings(struct setup *s) __attribute__((warn_unused_result));

/**
 * Give a worker that does not run one more port. Closes it after an error.
 * @param index  of port_figures_enter()
 * @return 0 or -ENOMEM
 */
int setup_add_port(struct worker *w, struct port *p, unsigned index)
	__attribute__((warn_unused_result));
/** The same for a port that another struct worker of the same index had been given: it is in the
 * hub's table already. Not closed after an error. @return 0 or -ENOMEM */
int setup_move_port(struct worker *w, struct port *p) __attribute__((warn_unused_result));
/**
 * Deal out the sockets of an address that are handed over, and were not taken yet.
 * @param[out] n  how many there were
 * @return 0 or negative errno
 */
int setup_inherit_sockets(struct setup *s, struct heritage *h, const struct config_address *a,
	unsigned index, unsigned *n) __attribute__((warn_unused_result));
/**
 * Open devices, tie the workers together that serve them.
 * @param again  only those that stepped aside
 * @return 0 or negative errno, after an error line
 */
int setup_open_devices(struct setup *s, const struct config *c, bool again)
	__attribute__((warn_unused_result));

/** Close ports and bells, stop EAL. No worker runs. */
void setup_close(struct setup *s);
