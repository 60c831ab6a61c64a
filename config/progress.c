/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress: see the header. */
#include "config/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BAR_CELLS 24u
#define REDRAW_NS 100000000u

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

const char *
progress_number(char out[PROGRESS_NUMBER_OCTETS], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

static void
draw(const struct progress *p, uint64_t now)
{
	double s = (double)(now - p->started_ns) / 1e9;
	double rate = s > 0 ? (double)p->done / s : 0;
	unsigned full = p->done >= p->total
				? BAR_CELLS
				: (unsigned)((double)p->done / (double)p->total * BAR_CELLS);
	char bar[BAR_CELLS + 1], done[PROGRESS_NUMBER_OCTETS], total[PROGRESS_NUMBER_OCTETS];

	for (unsigned i = 0; i < BAR_CELLS; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_CELLS] = '\0';
	fprintf(stderr, "\r[%s] %s/%s %s, %.0f/s", bar, progress_number(done, p->done),
		progress_number(total, p->total), p->what, rate);
	if (rate > 0 && p->done < p->total) {
		uint64_t left = (uint64_t)((double)(p->total - p->done) / rate) + 1;
		if (left >= 3600)
			fprintf(stderr, ", %" PRIu64 " h %" PRIu64 " min left", left / 3600,
				left / 60 % 60);
		else if (left >= 60)
			fprintf(stderr, ", %" PRIu64 " min %" PRIu64 " s left", left / 60,
				left % 60);
		else
			fprintf(stderr, ", %" PRIu64 " s left", left);
	}
	fprintf(stderr, "\033[K");
}

void
progress_start(struct progress *p, const char *what, uint64_t total)
{
	*p = (struct progress){.what = what, .total = total, .started_ns = now_ns()};
	p->on = isatty(STDERR_FILENO);
}

void
progress_set(struct progress *p, uint64_t done, uint64_t total)
{
	uint64_t now;

	p->done = done;
	p->total = total;
	if (!p->on)
		return;
	now = now_ns();
	if (now - p->drawn_ns < REDRAW_NS)
		return;
	p->drawn_ns = now;
	draw(p, now);
}

void
progress_add(struct progress *p, uint64_t n)
{
	progress_set(p, p->done + n, p->total);
}

void
progress_hide(struct progress *p)
{
	if (p->on && p->drawn_ns != 0)
		fprintf(stderr, "\r\033[K");
	p->drawn_ns = 0;
}

double
progress_seconds(const struct progress *p)
{
	return (double)(now_ns() - p->started_ns) / 1e9;
}
