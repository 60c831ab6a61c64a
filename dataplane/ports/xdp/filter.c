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
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#define DNS_PORT 53u

struct xdp_filter {
	struct bpf_object *object;
	unsigned ifindex;
	int link; /* lives as long as the last descriptor of it: the kernel detaches with us */
	volatile int *stepped_aside; /* the program's, in a page of the kernel's */
	size_t page;
	bool kept; /* its port is closed */
	struct xdp_filter *next;
};

static struct xdp_filter *filters; /* all of this process */
static bool keep, aside;
static int offered[XDP_LINKS_MAX]; /* links of another process */
static unsigned n_offered;

/* @return interface that an XDP program is attached to by this link, or negative errno */
static int
link_interface(int fd)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof info;
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (err != 0)
		return err;
	return info.type == BPF_LINK_TYPE_XDP ? (int)info.xdp.ifindex : -EINVAL;
}

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

static void
destroy(struct xdp_filter *f)
{
	for (struct xdp_filter **at = &filters; *at != NULL; at = &(*at)->next) {
		if (*at == f) {
			*at = f->next;
			break;
		}
	}
	if (f->link >= 0)
		close(f->link);
	if (f->stepped_aside != NULL)
		munmap((void *)(uintptr_t)f->stepped_aside, f->page);
	bpf_object__close(f->object);
	free(f);
}

/* The program's variable, for us to write. */
static int
map_variable(struct xdp_filter *f)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(f->object, ".bss");
	void *at;

	if (map == NULL)
		return -EINVAL;
	f->page = (size_t)sysconf(_SC_PAGESIZE);
	at = mmap(NULL, f->page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (at == MAP_FAILED)
		return -errno;
	f->stepped_aside = at;
	*f->stepped_aside = aside;
	return 0;
}

/* From our own file into the kernel. */
static int
load(struct xdp_filter *f, const struct config_address *addresses, unsigned n)
{
	/* the name of libxdp's own object: its map of global data is known by that */
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "xsk_def_xdp_prog");
	const struct bpf_map *map;
	int err;

	f->object = bpf_object__open_mem(xdp_object, sizeof xdp_object, &opts);
	if (f->object == NULL)
		return -errno;
	err = bpf_object__load(f->object);
	if (err != 0)
		return err;
	map = bpf_object__find_map_by_name(f->object, "local");
	if (map == NULL)
		return -EINVAL;
	err = fill_local(map, addresses, n);
	return err != 0 ? err : map_variable(f);
}

/* A link to this interface that somebody has already: it is the caller's from here on. -1: none */
static int
find_link(unsigned ifindex)
{
	for (unsigned i = 0; i < n_offered; i++) {
		int fd = offered[i];
		if (link_interface(fd) != (int)ifindex)
			continue;
		offered[i] = offered[--n_offered];
		return fd;
	}
	for (struct xdp_filter *f = filters; f != NULL; f = f->next) {
		if (f->ifindex == ifindex && f->kept)
			return fcntl(f->link, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

/* The one whose place it took: its port was closed. */
static void
destroy_kept(const struct xdp_filter *heir)
{
	struct xdp_filter *next;

	for (struct xdp_filter *f = filters; f != NULL; f = next) {
		next = f->next;
		if (f != heir && f->kept && f->ifindex == heir->ifindex)
			destroy(f);
	}
}

static int
attach(struct xdp_filter *f)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(f->object, "xsk_def_prog");

	if (program == NULL)
		return -EINVAL;
	f->link = find_link(f->ifindex);
	if (f->link >= 0) {
		if (bpf_link_update(f->link, bpf_program__fd(program), NULL) == 0)
			return 0;
		if (errno != ENOLINK) /* the interface has gone, and came back */
			return -errno;
		close(f->link);
	}
	/* in the driver where it can, else in the kernel's generic hook */
	f->link = bpf_link_create(bpf_program__fd(program), (int)f->ifindex, BPF_XDP, NULL);
	return f->link < 0 ? -errno : 0;
}

int
xdp_filter_attach(struct xdp_filter **out, const char *interface,
	const struct config_address *addresses, unsigned n_addresses)
{
	unsigned ifindex = if_nametoindex(interface);
	struct xdp_filter *f;
	int err;

	if (ifindex == 0)
		return -ENODEV;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return -ENOMEM;
	f->link = -1;
	f->ifindex = ifindex;
	libbpf_set_print(log_bpf);
	libxdp_set_print(log_xdp);
	err = load(f, addresses, n_addresses);
	if (err == 0)
		err = attach(f);
	if (err != 0) {
		destroy(f);
		return err;
	}
	f->next = filters;
	filters = f;
	destroy_kept(f);
	*out = f;
	return 0;
}

void
xdp_filter_detach(struct xdp_filter *f)
{
	if (f == NULL)
		return;
	if (keep)
		f->kept = true;
	else
		destroy(f);
}

void
xdp_filters_step(bool to_the_kernel)
{
	aside = to_the_kernel;
	for (struct xdp_filter *f = filters; f != NULL; f = f->next)
		*f->stepped_aside = aside;
}

bool
xdp_filters_aside(void)
{
	return aside;
}

void
xdp_filters_keep(void)
{
	keep = true;
}

unsigned
xdp_filters_links(int fd[XDP_LINKS_MAX])
{
	unsigned n = 0;

	for (struct xdp_filter *f = filters; f != NULL && n < XDP_LINKS_MAX; f = f->next)
		fd[n++] = f->link;
	return n;
}

int
xdp_filters_offer(int fd)
{
	int ifindex = link_interface(fd);

	if (ifindex >= 0 && n_offered == XDP_LINKS_MAX)
		ifindex = -E2BIG;
	if (ifindex < 0) {
		close(fd);
		return ifindex;
	}
	offered[n_offered++] = fd;
	return 0;
}

void
xdp_filters_forget(void)
{
	while (n_offered > 0)
		close(offered[--n_offered]);
}

void
xdp_filters_close(void)
{
	keep = false;
	for (struct xdp_filter *f = filters, *next; f != NULL; f = next) {
		next = f->next;
		if (f->kept)
			destroy(f);
	}
	xdp_filters_forget();
}
