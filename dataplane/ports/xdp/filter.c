/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter: loads millrace_xdp.bpf.c, which is part of this program's own file, so that it is there
 * wherever we are installed. */
#include "dataplane/ports/xdp/filter.h"

#include "config/log.h"
#include "dataplane/ports/xdp/local.h"
#include "millrace_xdp.bpf.h" /* xdp_object[]: made by the build */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#define DNS_PORT 53u

struct xdp_filter {
	struct bpf_object *object;
	struct bpf_link
		*link; /* lives as long as our descriptor of it: the kernel detaches with us */
};

static int
add_local(const struct bpf_map *map, const struct xdp_local *l)
{
	static const uint8_t present = 1;
	return bpf_map__update_elem(map, l, sizeof *l, &present, sizeof present, BPF_ANY);
}

static int
fill_local(const struct bpf_map *map, const struct config_address *addresses, unsigned n)
{
	struct xdp_local any4 = {.family = 4, .port_be = htons(DNS_PORT)},
			 any6 = {.family = 6, .port_be = htons(DNS_PORT)};
	int err = 0;

	if (n == 0) {
		err = add_local(map, &any4);
		return err != 0 ? err : add_local(map, &any6);
	}
	for (unsigned i = 0; i < n && err == 0; i++) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&addresses[i].sa;
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addresses[i].sa;
		struct xdp_local l = {0};
		if (addresses[i].sa.ss_family == AF_INET6) {
			l.family = 6;
			l.port_be = in6->sin6_port;
			memcpy(l.address, &in6->sin6_addr, 16);
		} else {
			l.family = 4;
			l.port_be = in->sin_port;
			memcpy(l.address, &in->sin_addr, 4);
		}
		err = add_local(map, &l);
	}
	return err;
}

/* What libbpf and libxdp have to say is for their developers; our error lines are the operator's.
 */
static int
log_bpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];
	vsnprintf(line, sizeof line, format, args);
	log_debug("%.*s", (int)strcspn(line, "\n"), line);
	return 0;
}

static int
log_xdp(enum libxdp_print_level level, const char *format, va_list args)
{
	return log_bpf(LIBBPF_DEBUG, format, args);
}

int
xdp_filter_attach(struct xdp_filter **out, const char *interface,
	const struct config_address *addresses, unsigned n_addresses)
{
	/* the name of libxdp's own object: its map of global data is known by that */
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "xsk_def_xdp_prog");
	unsigned ifindex = if_nametoindex(interface);
	struct xdp_filter *f;
	struct bpf_program *program;
	struct bpf_map *map;
	int err;

	if (ifindex == 0)
		return -ENODEV;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return -ENOMEM;
	libbpf_set_print(log_bpf);
	libxdp_set_print(log_xdp);
	f->object = bpf_object__open_mem(xdp_object, sizeof xdp_object, &opts);
	if (f->object == NULL) {
		err = -errno;
		goto fail;
	}
	err = bpf_object__load(f->object);
	if (err != 0)
		goto fail;
	map = bpf_object__find_map_by_name(f->object, "local");
	program = bpf_object__find_program_by_name(f->object, "xsk_def_prog");
	if (map == NULL || program == NULL) {
		err = -EINVAL;
		goto fail;
	}
	err = fill_local(map, addresses, n_addresses);
	if (err != 0)
		goto fail;
	/* in the driver where it can, else in the kernel's generic hook */
	f->link = bpf_program__attach_xdp(program, (int)ifindex);
	if (f->link == NULL) {
		err = -errno;
		goto fail;
	}
	*out = f;
	return 0;
fail:
	xdp_filter_detach(f);
	return err;
}

void
xdp_filter_detach(struct xdp_filter *f)
{
	if (f == NULL)
		return;
	bpf_link__destroy(f->link);
	bpf_object__close(f->object);
	free(f);
}
