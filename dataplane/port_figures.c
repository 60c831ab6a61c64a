/* SPDX-License-Identifier: GPL-3.0-or-later */
/* port_figures: see the header. Several queues, or several devices, can be one port: their figures
 * are added up before they are shown, so that what is shown never goes down. */
#include "dataplane/port_figures.h"

#include "dataplane/setup.h"

#include <stdio.h>
#include <string.h>

static uint64_t before[HUB_PORTS_MAX][PCTR_N]; /* counted by queues that are closed; main thread */

static struct hub_instance *
instance(struct hub *h)
{
	return &h->instance[h->seat];
}

void
port_figures_begin(struct hub *h)
{
	struct hub_instance *in = instance(h);

	memset(before, 0, sizeof before);
	atomic_store_explicit(&in->n_ports, 0, memory_order_relaxed);
	for (unsigned i = 0; i < PCTR_N; i++)
		in->port_counter_key[i] = counter_key(&port_counter_info[i]);
	atomic_store_explicit(&in->n_port_counters, PCTR_N, memory_order_release);
}

unsigned
port_figures_enter(struct hub *h, const char *name, enum hub_port_kind kind)
{
	struct hub_instance *in = instance(h);
	uint32_t n = atomic_load_explicit(&in->n_ports, memory_order_relaxed);
	struct hub_port *p = h->port[h->seat];

	/* one that was closed and is opened again */
	for (uint32_t i = 0; i < n; i++)
		if (p[i].n_queues == 0 && p[i].kind == kind &&
			strncmp(p[i].name, name, sizeof p->name - 1) == 0)
			return i;
	if (n == HUB_PORTS_MAX) {
		snprintf(p[n - 1].name, sizeof p->name, "others");
		return n - 1;
	}
	memset(&p[n], 0, sizeof p[n]);
	snprintf(p[n].name, sizeof p->name, "%s", name);
	p[n].kind = kind;
	p[n].link_up = kind != HUB_PORT_DEVICE;
	/* release: whoever counts it finds its name */
	atomic_store_explicit(&in->n_ports, n + 1, memory_order_release);
	return n;
}

void
port_figures_attach(struct hub *h, struct hub_worker *w, struct port *p, unsigned index)
{
	p->index = index;
	p->traffic = &w->traffic[index];
	h->port[h->seat][index].n_queues++;
}

void
port_figures_retire(struct hub *h, const struct port *p)
{
	struct hub_port *out = &h->port[h->seat][p->index];

	memcpy(before[p->index], out->counter, sizeof before[0]);
	out->n_queues -= out->n_queues > 0;
}

void
port_figures_update(struct setup *s)
{
	struct port_figures sum[HUB_PORTS_MAX] = {0};
	uint32_t n_ports = atomic_load_explicit(&instance(s->hub)->n_ports, memory_order_relaxed);

	for (unsigned i = 0; i < s->n_workers; i++)
		for (unsigned k = 0; k < s->worker[i].n_ports; k++) {
			struct port *p = s->worker[i].port[k];
			if (p->ops->figures != NULL)
				p->ops->figures(p, &sum[p->index]);
		}
	for (uint32_t i = 0; i < n_ports; i++) {
		struct hub_port *out = &s->hub->port[s->hub->seat][i];
		for (unsigned k = 0; k < PCTR_N; k++)
			__atomic_store_n(&out->counter[k], before[i][k] + sum[i].counter[k],
				__ATOMIC_RELAXED);
		if (out->kind != HUB_PORT_DEVICE)
			continue;
		/* up when each of its devices is */
		__atomic_store_n(&out->link_up,
			sum[i].n_devices > 0 && sum[i].n_up == sum[i].n_devices, __ATOMIC_RELAXED);
		__atomic_store_n(&out->mbps, sum[i].mbps, __ATOMIC_RELAXED);
	}
}
