/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rings_guard: see rings_guard.h. The handler runs in the worker that faulted and does what is
 * allowed there: one system call and two stores. */
#include "dataplane/rings_guard.h"

#include "config/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

static struct hub *guarded;
static _Atomic bool faulted;

static void
on_fault(int number, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~(uintptr_t)(HUB_PAGE - 1));
	unsigned n;

	if (hub_in_rings(guarded, info->si_addr, &n) &&
		mmap(page, HUB_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
		counter_add(&hub_own_worker(guarded, n)->counters, CTR_D_RING_DAMAGED, 1);
		atomic_store_explicit(&faulted, true, memory_order_relaxed);
		return;
	}
	/* a real one: the instruction is run again, and ends us */
	signal(number, SIG_DFL);
}

int
rings_guard_start(struct hub *h)
{
	struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	guarded = h;
	sigemptyset(&a.sa_mask);
	return sigaction(SIGBUS, &a, NULL) == 0 ? 0 : -errno;
}

void
rings_guard_mend(void)
{
	/* cut short where no worker has looked since, a stream process that starts would not take
	 * the file, and put another one there */
	if (!atomic_exchange(&faulted, false) && hub_rings_are_whole(guarded))
		return;
	if (hub_repair_rings(guarded) == 0) {
		log_warning("the rings to the stream process had been cut short or replaced by "
			    "somebody "
			    "who may write them; they are whole again");
		return;
	}
	log_error("the rings to the stream process are damaged: %s", hub_error());
	atomic_store(&faulted, true);
}
