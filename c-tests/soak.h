/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef SOAK_H
#define SOAK_H

#include <linux/types.h>

#define MAX_RINGS 16
#define MAX_PRODUCERS 4
#define MAX_BATCH 512
#define MAX_SIZE 4096
#define RING_SIZE (512 * 1024)
/* With sampled notifications a record wakes the reader when so many bytes are unread before it. */
#define SAMPLED_BYTES (32 * 1024)

enum notify { NOTIFY_DEFAULT, NOTIFY_SAMPLED, NOTIFY_FORCED };

/*
 * A record is `size` bytes, a multiple of 8, in words. The first names its ring and its producer and
 * counts the producer's attempts in that ring, dropped ones too; the last, if there are two, is its
 * complement.
 */
#define RING_SHIFT 56
#define PRODUCER_SHIFT 48
#define NUMBER_MASK ((1ULL << PRODUCER_SHIFT) - 1)

/* The context of `produce`: in, and `dropped` out. */
struct burst {
	__u32 ring;
	__u32 producer;
	__u32 batch;
	__u32 size;
	__u32 notify;
	__u32 unused;
	__u64 first;
	__u64 dropped;
};

/* The context of `look`: in, and out. */
struct look {
	__u64 ring;
	__u64 unread;
	__u64 consumer_pos;
};

#endif
