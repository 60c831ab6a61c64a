/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_balance: a loop of control. Each step goes half the way to where all were equally busy, so
 * that it neither swings nor needs to know what a burst costs. */
#include "dataplane/ports/spread_balance.h"

#define UNEVEN 1.25    /* busiest to mean, from which on work is handed on */
#define BUSY_MIN 0.2   /* who has less to do keeps it: nobody would be faster */
#define STEP 0.5       /* of the way */
#define STEP_MIN 8u    /* of SPREAD_WHOLE */
#define GIVE_MAX 240u  /* some bursts stay, so that we see when there is less to do */
#define RETURN_SHIFT 3 /* an eighth less each time that a giver is less busy than the mean */

/* The least busy others, below the mean. */
static uint64_t
choose_takers(const double busy[], unsigned n, unsigned giver, double mean)
{
	uint64_t takers = 0;

	for (unsigned k = 0; k < SPREAD_TAKERS_MAX; k++) {
		unsigned best = n;
		for (unsigned i = 0; i < n; i++) {
			if (i == giver || takers >> i & 1 || busy[i] >= mean)
				continue;
			if (best == n || busy[i] < busy[best])
				best = i;
		}
		if (best == n)
			break;
		takers |= 1ull << best;
	}
	return takers;
}

static uint32_t
give_more(uint32_t give, double busy, double mean)
{
	uint32_t step = (uint32_t)((double)(SPREAD_WHOLE - give) * (busy - mean) / busy * STEP);

	give += step < STEP_MIN ? STEP_MIN : step;
	return give < GIVE_MAX ? give : GIVE_MAX;
}

void
spread_decide(const double busy[], unsigned n_workers, struct spread_share share[])
{
	double mean = 0;

	for (unsigned i = 0; i < n_workers; i++)
		mean += busy[i];
	mean /= n_workers;
	for (unsigned i = 0; i < n_workers; i++) {
		struct spread_share *s = &share[i];
		if (busy[i] < BUSY_MIN) {
			*s = (struct spread_share){0};
		} else if (busy[i] > UNEVEN * mean) {
			s->takers = choose_takers(busy, n_workers, i, mean);
			s->give = s->takers != 0 ? give_more(s->give, busy[i], mean) : 0;
		} else if (s->give != 0 && busy[i] < mean) {
			s->give -= (s->give >> RETURN_SHIFT) + 1;
		}
		/* who was a taker has enough to do by now, perhaps: choose others */
		if (s->give != 0 && busy[i] <= UNEVEN * mean) {
			uint64_t takers = choose_takers(busy, n_workers, i, mean);
			if (takers != 0)
				s->takers = takers;
		}
	}
}
