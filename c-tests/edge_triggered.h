/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef EDGE_TRIGGERED_H
#define EDGE_TRIGGERED_H

#include <linux/types.h>

#define MAX_PRODUCERS 2
#define MAX_BATCH 1024

struct record {
	__u32 producer;
	__u32 zero;
	__u64 number; /* counts attempts, dropped ones too */
};

/* The context of `produce`: in, and `dropped` out. */
struct burst {
	__u32 producer;
	__u32 batch;
	__u64 first;
	__u64 dropped;
};

/* The context of `look`: out. */
struct look {
	__u64 unread;
	__u64 size;
	__u64 consumer_pos;
};

#endif
