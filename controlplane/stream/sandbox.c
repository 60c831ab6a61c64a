/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sandbox: what the process may still ask of the kernel once it serves. It parses strangers' bytes,
 * so it keeps only what the event loop needs: its sockets, pipes, clock and memory. No file can be
 * opened, no process started, no connection made. */
#include "config/log.h"
#include "controlplane/stream/server.h"

#include <errno.h>
#include <sys/prctl.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(HAVE_SECCOMP) && !defined(SANITIZED)
#include <seccomp.h>

static const int allowed[] = {SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(shutdown), SCMP_SYS(close),
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(ioctl), SCMP_SYS(fcntl),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(futex), SCMP_SYS(brk),
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mprotect),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(getrandom), SCMP_SYS(tgkill),
	SCMP_SYS(exit), SCMP_SYS(exit_group)};

int
sandbox_enter(void)
{
	/* anything else fails with EPERM rather than killing: a library that asks for something
	 * harmless some day must not end the service */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter != NULL ? 0 : -ENOMEM;

	for (unsigned i = 0; err == 0 && i < sizeof allowed / sizeof *allowed; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (err == 0)
		err = seccomp_load(filter); /* sets no_new_privs as well */
	seccomp_release(filter);
	return err;
}
#else
int
sandbox_enter(void)
{
	log_debug("built without the system call filter");
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}
#endif
