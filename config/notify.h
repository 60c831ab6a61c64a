/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify: tells systemd that a service has started (Type=notify), without libsystemd. Main thread,
 * at the start. Where nobody asked for it, nothing happens. */
#pragma once
#include <sys/types.h>

/**
 * Connect to the socket that $NOTIFY_SOCKET names, while it can be reached (a chroot hides it), and
 * forget the variable: a child shall not speak for us.
 * @return 0, also when there is no such variable; negative errno when it is of no use
 */
int notify_open(void) __attribute__((warn_unused_result));

/**
 * The start is over (sd_notify(3): "READY=1"). Once: closes the socket. To be called before a
 * system call filter forbids that.
 * @param status  for `systemctl status`: one line, without its end
 * @return 0, also when nobody wants to know; negative errno when it could not be told
 */
int notify_ready(const char *status) __attribute__((warn_unused_result, nonnull(1)));

/**
 * Another process of the same unit is the service from now on (sd_notify(3): "MAINPID="). Systemd
 * takes it from the main process and, with NotifyAccess=exec, from that of ExecReload=. Once:
 * closes the socket.
 * @return as notify_ready()
 */
int notify_main_process(pid_t pid) __attribute__((warn_unused_result));

/** Tell nothing: somebody else will. */
void notify_close(void);
