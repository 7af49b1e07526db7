/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The maps of both producers, beside the rings. */
#ifndef PRODUCER_BPF_H
#define PRODUCER_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "commands.h"

/* One slot per producer, filled with the pattern by the harness. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PRODUCERS);
	__type(key, __u32);
	__type(value, __u8[SCRATCH]);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} control SEC(".maps");

#endif
