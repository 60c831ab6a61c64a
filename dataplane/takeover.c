/* SPDX-License-Identifier: GPL-3.0-or-later */
/* takeover: see takeover.h. Messages: HELLO -> ; <- SOCKET and LINK (with a descriptor) for each,
 * END; where there was a LINK: OFFER (with a descriptor) for each, STEP_ASIDE -> ; <-
 * STEPPED_ASIDE; LEAVE -> ;
 * <- LEFT. Whoever goes away before LEAVE changes nothing but which ports are used. */
#include "dataplane/takeover.h"

#include "config/log.h"
#include "dataplane/ports/socket.h"
#include "dataplane/ports/xdp/filter.h"
#include "dataplane/setup.h"
#include "shm/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x4b544d52u /* "RMTK": changes with what the messages mean */
#define SEND_S 1          /* an heir that does not read its messages for so long is none */
#define ANSWER_S 5        /* for the old one to answer */
#define CLOSE_S 15        /* the same when it has to close devices first */
#define LEAVE_S 30        /* for an heir to start, to open its ports, and to find an arena */

/* New ones at the end: who does not know one sends its sender away, and nothing has happened. */
enum kind { HELLO = 1, SOCKET, END, LEAVE, LEFT, LINK, OFFER, STEP_ASIDE, STEPPED_ASIDE };

struct message {
	uint32_t magic, kind;
};

/* --- messages --- */

static int
send_message(int fd, enum kind kind, int passed)
{
	struct message m = {MAGIC, kind};
	struct iovec iov = {&m, sizeof m};
	union {
		struct cmsghdr head;
		uint8_t octets[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (passed >= 0) {
		h.msg_control = &control;
		h.msg_controllen = sizeof control;
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &passed, sizeof passed);
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) == (ssize_t)sizeof m ? 0 : -errno;
}

/* @param[out] passed  descriptor that came with it, or -1
 * @return enum kind; -ECONNRESET when the other side is gone or talks otherwise; negative errno */
static int
receive_message(int fd, int *passed, int flags)
{
	struct message m = {0};
	struct iovec iov = {&m, sizeof m};
	union {
		struct cmsghdr head;
		uint8_t octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr h = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	ssize_t n = recvmsg(fd, &h, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&h) : NULL;

	*passed = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(passed, CMSG_DATA(c), sizeof *passed);
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof m || m.magic != MAGIC || m.kind < HELLO ||
		m.kind > STEPPED_ASIDE) {
		if (*passed >= 0)
			close(*passed);
		*passed = -1;
		return -ECONNRESET;
	}
	return (int)m.kind;
}

static int
socket_address(const struct config *c, struct sockaddr_un *a)
{
	char *path = config_run_path(c, RUN_TAKEOVER);
	int n = -1;

	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (path != NULL)
		n = snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
	free(path);
	if (n < 0)
		return -ENOMEM;
	return n < (int)sizeof a->sun_path ? 0 : -ENAMETOOLONG;
}

/* --- the one that runs --- */

int
takeover_listen(struct takeover *t, const struct config *c)
{
	struct sockaddr_un a;
	int err = socket_address(c, &a);

	*t = (struct takeover){.listen_fd = -1, .peer = -1};
	if (err != 0)
		return err;
	memcpy(t->path, a.sun_path, sizeof t->path);
	t->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->listen_fd < 0)
		return -errno;
	(void)unlink(t->path);
	if (bind(t->listen_fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
		chmod(t->path, 0600) < 0 || listen(t->listen_fd, 1) < 0) {
		err = -errno;
		close(t->listen_fd);
		t->listen_fd = -1;
	}
	return err;
}

bool
takeover_is_wanted(const struct takeover *t)
{
	return t->peer >= 0;
}

static void
drop_peer(struct takeover *t)
{
	close(t->peer);
	t->peer = -1;
	while (t->n_offered > 0)
		close(t->offered[--t->n_offered]);
}

static time_t
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* A successor has come: ours, or root's. */
static void
accept_peer(struct takeover *t)
{
	static const struct timeval limit = {.tv_sec = SEND_S};
	struct ucred who = {0};
	socklen_t len = sizeof who;
	int fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
		(who.uid != 0 && who.uid != geteuid()) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0) {
		log_warning(
			"process %ld of user %ld may not take over", (long)who.pid, (long)who.uid);
		close(fd);
		return;
	}
	t->peer = fd;
	t->until_s = now_s() + LEAVE_S;
}

static int
hand_over_sockets(struct takeover *t, const struct setup *s)
{
	int link[XDP_LINKS_MAX], err = 0;
	unsigned n_links = xdp_filters_links(link);

	for (unsigned i = 0; i < n_links && err == 0; i++)
		err = send_message(t->peer, LINK, link[i]);
	for (unsigned i = 0; i < s->n_workers && err == 0; i++)
		for (unsigned k = 0; k < s->worker[i].n_ports && err == 0; k++) {
			int fd = socket_port_fd(s->worker[i].port[k]);
			if (fd >= 0)
				err = send_message(t->peer, SOCKET, fd);
		}
	return err == 0 ? send_message(t->peer, END, -1) : err;
}

/* One message. @param[out] more  there may be another one */
static enum takeover_wish
take_message(struct takeover *t, const struct setup *s, bool *more)
{
	int passed, kind = receive_message(t->peer, &passed, MSG_DONTWAIT);

	*more = kind == OFFER;
	if (kind == OFFER && passed >= 0 && t->n_offered < HERITAGE_SOCKETS_MAX) {
		t->offered[t->n_offered++] = passed;
		return TAKEOVER_NOTHING;
	}
	if (passed >= 0)
		close(passed);
	switch (kind) {
	case -EAGAIN:
		return TAKEOVER_NOTHING;
	case HELLO:
		log_info("another dataplane is taking over");
		if (hand_over_sockets(t, s) != 0)
			break;
		return TAKEOVER_NOTHING;
	case STEP_ASIDE:
		return TAKEOVER_STEP_ASIDE;
	case LEAVE:
		return TAKEOVER_LEAVE;
	default:
		break;
	}
	*more = false;
	log_warning("the other dataplane went away before it took over; going on");
	drop_peer(t);
	return TAKEOVER_GONE;
}

enum takeover_wish
takeover_poll(struct takeover *t, const struct setup *s)
{
	enum takeover_wish wish = TAKEOVER_NOTHING;
	bool more = true;

	if (t->listen_fd < 0)
		return wish;
	if (t->peer < 0)
		accept_peer(t);
	if (t->peer < 0)
		return wish;
	for (unsigned i = 0; i <= HERITAGE_SOCKETS_MAX && more; i++)
		wish = take_message(t, s, &more);
	/* it hangs: others may come, and what was given away for it can be taken back */
	if (wish == TAKEOVER_NOTHING && now_s() >= t->until_s) {
		log_warning("the other dataplane has not taken over within %d s, and is given up; "
			    "going on",
			LEAVE_S);
		drop_peer(t);
		wish = TAKEOVER_GONE;
	}
	return wish;
}

void
takeover_stepped_aside(struct takeover *t, int err)
{
	if (err == 0)
		err = send_message(t->peer, STEPPED_ASIDE, -1);
	/* its end is noticed at the next look */
	else
		(void)shutdown(t->peer, SHUT_RDWR);
}

void
takeover_left(struct takeover *t)
{
	(void)send_message(t->peer, LEFT, -1);
}

void
takeover_close(struct takeover *t, bool handed_over)
{
	if (t->peer >= 0)
		drop_peer(t);
	if (t->listen_fd >= 0)
		close(t->listen_fd);
	if (t->listen_fd >= 0 && !handed_over)
		(void)unlink(t->path);
	*t = (struct takeover){.listen_fd = -1, .peer = -1};
}

/* --- the one that comes --- */

static int
receive_sockets(struct heritage *h)
{
	for (unsigned i = 0; i <= HERITAGE_SOCKETS_MAX + XDP_LINKS_MAX; i++) {
		int passed, kind = receive_message(h->peer, &passed, 0);
		if (kind == END) {
			h->n_inherited = h->n;
			return 0;
		}
		if (kind == LINK && passed >= 0) {
			h->has_filters = true;
			if (xdp_filters_offer(passed) != 0)
				return -EPROTO;
			continue;
		}
		if (kind != SOCKET || passed < 0 || h->n == HERITAGE_SOCKETS_MAX) {
			if (passed >= 0)
				close(passed);
			return kind < 0 ? kind : -EPROTO;
		}
		h->fd[h->n++] = passed;
	}
	return -EPROTO;
}

/* Whoever may write in the run directory could have put another socket there: it must be the
 * dataplane that the hub names which listens. */
static int
check_peer(int fd, pid_t predecessor)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	return peer.pid == predecessor ? 0 : -EPERM;
}

int
heritage_open(struct heritage *out, const struct config *c, pid_t predecessor)
{
	static const struct timeval limit = {.tv_sec = ANSWER_S};
	struct sockaddr_un a;
	int err = socket_address(c, &a);

	*out = (struct heritage){.peer = -1};
	if (err == 0) {
		out->peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		err = out->peer < 0 ? -errno : 0;
	}
	if (err == 0 &&
		(setsockopt(out->peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
			setsockopt(out->peer, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
			connect(out->peer, (const struct sockaddr *)&a, sizeof a) < 0))
		err = -errno;
	if (err == 0)
		err = check_peer(out->peer, predecessor);
	if (err == 0)
		err = send_message(out->peer, HELLO, -1);
	if (err == 0)
		err = receive_sockets(out);
	if (err != 0) {
		log_error("%s: the dataplane that runs does not hand over: %s", a.sun_path,
			strerror(-err));
		heritage_close(out);
	}
	return err;
}

int
heritage_offer(struct heritage *h, int fd)
{
	if (h->n == HERITAGE_SOCKETS_MAX)
		return -E2BIG;
	h->fd[h->n++] = fd;
	return 0;
}

/* Have something done. @return 0; -ETIMEDOUT; another negative errno */
static int
request(struct heritage *h, enum kind what, enum kind done, time_t seconds)
{
	const struct timeval limit = {.tv_sec = seconds};
	int passed = -1, err = send_message(h->peer, what, -1);

	if (err == 0 && setsockopt(h->peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
		err = -errno;
	if (err == 0) {
		int kind = receive_message(h->peer, &passed, 0);
		err = kind == (int)done ? 0 : kind < 0 ? kind : -EPROTO;
	}
	if (passed >= 0)
		close(passed);
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

int
heritage_step_aside(struct heritage *h)
{
	int err = 0;

	for (unsigned i = h->n_inherited; i < h->n && err == 0; i++)
		err = send_message(h->peer, OFFER, h->fd[i]);
	if (err == 0)
		err = request(h, STEP_ASIDE, STEPPED_ASIDE, CLOSE_S);
	if (err != 0)
		log_error("the dataplane that runs does not give its AF_XDP ports away: %s",
			strerror(-err));
	return err;
}

int
heritage_enter(struct heritage *h)
{
	int err = request(h, LEAVE, LEFT, ANSWER_S);

	if (err != 0)
		log_error("the dataplane that runs does not leave: %s", strerror(-err));
	return err;
}

void
heritage_close(struct heritage *h)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->fd[i] >= 0)
			close(h->fd[i]);
	if (h->peer >= 0)
		close(h->peer);
	*h = (struct heritage){.peer = -1};
}
