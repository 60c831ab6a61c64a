/* SPDX-License-Identifier: GPL-3.0-or-later */
/* absence: roles of the hub, one epoll descriptor with the pidfds of those who hold them, and a
 * timer. Without pidfds (an old kernel, a filter of system calls) the timer alone tells, and misses
 * what is back within a second. */
#include "controlplane/metrics/absence.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_AWAY_MS 20u          /* while one is away */
#define LOOK_MS 1000u             /* otherwise, */
#define AWAY_LONG_NS 10000000000u /* and when it does not come back: perhaps it is not to run */

struct watched {
	enum hub_role role;
	pid_t pid; /* that holds it; 0: none */
	int pidfd; /* of it; -1: none */
	/* under the lock, as others read them */
	uint64_t n_ends, away_ns;
	uint64_t since_ns; /* away since then; 0: it is there */
};

struct absence {
	struct hub *hub;
	pthread_mutex_t lock;
	int epoll_fd;
	uv_poll_t ended;
	uv_timer_t look;
	struct watched watched[2];
};
#define N_WATCHED (sizeof((struct absence *)0)->watched / sizeof(struct watched))

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
let_go(struct watched *w)
{
	if (w->pidfd >= 0)
		close(w->pidfd); /* which takes it out of the epoll descriptor */
	w->pidfd = -1;
}

static void
hold(struct absence *a, struct watched *w, pid_t pid)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};

	let_go(w);
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (w->pidfd >= 0 && epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, w->pidfd, &e) != 0)
		let_go(w);
}

/* Under the lock. @return is it away, and worth looking for? */
static bool
look_at(struct absence *a, struct watched *w, uint64_t now)
{
	pid_t pid = hub_role_pid(a->hub, w->role);

	if (pid == 0 && w->pid == 0)
		return now - w->since_ns < AWAY_LONG_NS;
	if (pid == w->pid)
		return false;
	if (w->pid == 0) {
		w->away_ns += now - w->since_ns;
		w->since_ns = 0;
	} else if (pid == 0 || w->role != HUB_DATAPLANE) { /* which may hand over to a successor */
		w->n_ends++;
		w->since_ns = pid == 0 ? now : 0;
	}
	if (pid != 0)
		hold(a, w, pid);
	else
		let_go(w);
	w->pid = pid;
	return pid == 0;
}

static void look(uv_timer_t *t);

static void
look_around(struct absence *a)
{
	uint64_t now = clock_ns();
	bool away = false;

	(void)hub_refresh(a->hub); /* a file that was not there before */
	pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < N_WATCHED; i++)
		away |= look_at(a, &a->watched[i], now);
	pthread_mutex_unlock(&a->lock);
	uv_timer_start(&a->look, look, away ? LOOK_AWAY_MS : LOOK_MS, 0);
}

static void
look(uv_timer_t *t)
{
	look_around(t->data);
}

static void
on_end(uv_poll_t *p, int status, int events)
{
	struct epoll_event e[N_WATCHED];
	struct absence *a = p->data;

	(void)epoll_wait(a->epoll_fd, e, N_WATCHED, 0); /* each is told once */
	look_around(a);
}

int
absence_create(struct absence **out, uv_loop_t *loop, struct hub *hub)
{
	static const enum hub_role role[N_WATCHED] = {HUB_DATAPLANE, HUB_STREAM};
	struct absence *a = calloc(1, sizeof *a);

	if (a == NULL)
		return -ENOMEM;
	a->hub = hub;
	pthread_mutex_init(&a->lock, NULL);
	for (unsigned i = 0; i < N_WATCHED; i++) {
		a->watched[i].role = role[i];
		a->watched[i].pidfd = -1;
		a->watched[i].since_ns = clock_ns();
	}
	uv_timer_init(loop, &a->look);
	a->look.data = a->ended.data = a;
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll_fd >= 0 && uv_poll_init(loop, &a->ended, a->epoll_fd) == 0)
		uv_poll_start(&a->ended, UV_READABLE, on_end);
	look_around(a);
	*out = a;
	return 0;
}

void
absence_destroy(struct absence *a)
{
	if (a == NULL)
		return;
	for (unsigned i = 0; i < N_WATCHED; i++)
		let_go(&a->watched[i]);
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

struct absence_figures
absence_read(struct absence *a, enum hub_role role)
{
	struct absence_figures f = {0};

	if (a == NULL)
		return f;
	pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < N_WATCHED; i++) {
		const struct watched *w = &a->watched[i];
		if (w->role != role)
			continue;
		f.n_ends = w->n_ends;
		f.away_ns = w->away_ns + (w->since_ns != 0 ? clock_ns() - w->since_ns : 0);
	}
	pthread_mutex_unlock(&a->lock);
	return f;
}
