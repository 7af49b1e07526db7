/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The rings that a BPF program produces into: user space makes them and puts them in. Needs MAX_RINGS. */
#ifndef RINGS_BPF_H
#define RINGS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What the kernel checks the rings against; they may be of any size. */
struct ring_template {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_RINGS);
	__type(key, __u32);
	__array(values, struct ring_template);
} rings SEC(".maps");

#endif
