/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control: see control.h. */
#include "controlplane/capture/control.h"

#include "shm/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t
monotonic_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A request that an earlier control plane left behind ends now, not with its lease. */
static void
void_former(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	uint64_t none = 0;

	if (fd < 0)
		return;
	/* by write(2): a file that was cut short must not be touched through a mapping */
	(void)!pwrite(fd, &none, sizeof none, offsetof(struct capture_control, lease_ns));
	close(fd);
}

static int
make_file(int fd, const char *path, struct capture_control **out)
{
	struct capture_control *k;
	int err = hub_share_file(fd, path, 0640);

	if (err == 0)
		err = -posix_fallocate(fd, 0, sizeof *k);
	if (err < 0)
		return err;
	k = mmap(NULL, sizeof *k, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (k == MAP_FAILED)
		return -errno;
	k->magic = CAPTURE_MAGIC;
	k->version = CAPTURE_VERSION;
	*out = k;
	return 0;
}

int
capture_link_open(struct capture_link **out, const char *run_dir)
{
	struct capture_link *l = calloc(1, sizeof *l);
	char path[4200], beside[4208];
	int fd, err;

	if (l == NULL)
		return -ENOMEM;
	if (snprintf(l->run_dir, sizeof l->run_dir, "%s", run_dir) >= (int)sizeof l->run_dir) {
		free(l);
		return -ENAMETOOLONG;
	}
	snprintf(path, sizeof path, "%s/" RUN_CAPTURE_CONTROL, run_dir);
	snprintf(beside, sizeof beside, "%s.new", path);
	void_former(path);
	(void)unlink(beside);
	fd = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	err = fd < 0 ? -errno : make_file(fd, beside, &l->control);
	if (err == 0 && rename(beside, path) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err < 0) {
		capture_link_close(l);
		return err;
	}
	*out = l;
	return 0;
}

void
capture_link_close(struct capture_link *l)
{
	if (l == NULL)
		return;
	if (l->control != NULL) {
		char path[4200];

		munmap(l->control, sizeof *l->control);
		snprintf(path, sizeof path, "%s/" RUN_CAPTURE_CONTROL, l->run_dir);
		(void)unlink(path); /* ours: there is one control plane at a time */
	}
	free(l);
}

/* Write a request, or that there is none. */
static void
change(struct capture_link *l, const struct capture_request *r)
{
	struct capture_control *k = l->control;
	uint32_t generation = atomic_load_explicit(&k->generation, memory_order_relaxed);

	atomic_store_explicit(&k->generation, generation + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* "being changed" before the changes */
	if (r != NULL)
		memcpy(&k->request, r, sizeof *r);
	else
		__atomic_store_n(&k->request.active, 0, __ATOMIC_RELAXED);
	l->generation = generation + 2;
	atomic_store_explicit(&k->generation, l->generation, memory_order_release);
}

void
capture_link_ask(struct capture_link *l, const struct capture_request *r)
{
	capture_link_renew(l);
	change(l, r);
}

void
capture_link_renew(struct capture_link *l)
{
	atomic_store_explicit(
		&l->control->lease_ns, monotonic_ns() + CAPTURE_LEASE_NS, memory_order_relaxed);
}

void
capture_link_withdraw(struct capture_link *l)
{
	if (__atomic_load_n(&l->control->request.active, __ATOMIC_RELAXED) != 0)
		change(l, NULL);
}
