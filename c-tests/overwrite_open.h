/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* How the programs about overwrite mode get their ring. */
#ifndef OVERWRITE_OPEN_H
#define OVERWRITE_OPEN_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include "../include/rbshim.h"
#include "die.h"
#include "overwrite_soak.h"

/* Not there with libbpf alone. */
#pragma weak rbshim_ring__statistics

/* Descriptors of the ring and of two programs. */
static struct {
	int map, produce, look;
} opened;

__attribute__((unused)) static int ignore(void *ctx, void *data, size_t size)
{
	return (void)ctx, (void)data, (void)size, 0;
}

/* Ends the program where there is nothing to be tried. */
static void require_overwrite_mode(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_RB_OVERWRITE);
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "overwrite", 0, 0, MAX_RING, &opts);

	if (fd < 0 && errno == EINVAL)
		die(CANNOT_RUN, "this kernel has no rings in overwrite mode");
	if (fd < 0)
		die(SETUP, "cannot make a ring: %s", strerror(errno));
	/* The BPF programs call bpf_loop(), which takes a JIT. */
	if (access("/proc/sys/net/core/bpf_jit_enable", F_OK))
		die(CANNOT_RUN, "this kernel has no BPF JIT");
#if __SIZEOF_POINTER__ != 8
	/* Nobody can tell a whole record there. rbshim says so; libbpf goes on. */
	if (rbshim_ring__statistics &&
	    (ring_buffer__new(fd, ignore, NULL, NULL) || errno != EOPNOTSUPP))
		die(WRONG, "the ring is not refused: %s", strerror(errno));
	die(CANNOT_RUN, "a 32-bit process cannot see what has been overwritten");
#endif
	close(fd);
}

static void open_ring(__u32 size)
{
	struct bpf_object *object = bpf_object__open_file("overwrite_soak.bpf.o", NULL);
	struct bpf_map *map = object ? bpf_object__find_map_by_name(object, "ring") : NULL;

	if (!map || bpf_map__set_max_entries(map, size) || bpf_object__load(object))
		die(SETUP, "cannot load overwrite_soak.bpf.o: %s", strerror(errno));
	opened.map = bpf_map__fd(map);
	opened.produce = bpf_program__fd(bpf_object__find_program_by_name(object, "produce"));
	opened.look = bpf_program__fd(bpf_object__find_program_by_name(object, "look"));
}

#endif
