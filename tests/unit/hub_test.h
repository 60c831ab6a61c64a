/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_test: a hub in a directory of its own for each test, and children that hold roles in it. */
#pragma once
#include "shm/hub.h"
#include "tests/unit/hub_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96];

static inline const char *
file_path(const char *ending)
{
	static char full[128];

	snprintf(full, sizeof full, "%s.%s", path, ending);
	return full;
}

static inline int
setup(void **state)
{
	snprintf(dir, sizeof dir, "%s/millrace-hub-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/hub", dir);
	return 0;
}

static inline int
teardown(void **state)
{
	hub_remove_files(path);
	return rmdir(dir);
}

/* A child that takes a role, says so, and holds it until it is killed. As dataplane it has a worker
 * that reads the arena, if there is a control plane. */
static inline pid_t
child_holding(enum hub_role role)
{
	int says[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(says), 0);
	pid = fork();
	if (pid == 0) {
		struct hub *h;
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
		c = hub_open(&h, path, role) == 0 ? 'y' : 'n';
		if (c == 'y' && role == HUB_DATAPLANE && hub_has(h, HUB_CONTROLPLANE)) {
			if (hub_worker_claim(h, 0) != 0)
				_exit(1);
			grace_online(h, hub_own_worker(h, 0));
		}
		if (write(says[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(read(says[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(says[0]);
	close(says[1]);
	return pid;
}

static inline void
child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
