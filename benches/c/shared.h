/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What driver, readers and BPF program have in common; src/shared.rs says the same in Rust. */
#ifndef SHARED_H
#define SHARED_H

#include <linux/types.h>

#define MAX_RINGS 256
#define MAX_PRODUCERS 8

/* Latencies in nanoseconds: exact below 2^LATENCY_BITS, then so many steps per power of two. */
#define LATENCY_BITS 5
#define LATENCY_STEPS (1 << LATENCY_BITS)
#define LATENCY_BUCKETS ((32 - LATENCY_BITS + 1) * LATENCY_STEPS)

/* Constants of the BPF program, known to the verifier. */
struct production {
	__u32 size;
	__u32 stamped;
	/* Not 0: notify only once so many bytes are unread. */
	__u64 wake_bytes;
	/* Never notify. */
	__u32 silent;
	/* More than 1: in each of so many rings by turns. */
	__u32 turns;
	/* Each producer has a ring of its own instead. */
	__u32 own_ring;
	__u32 unused;
};

/* Argument of the BPF program. */
struct command {
	__u32 producer;
	__u32 batch;
};

/* What one producer has done so far. A producer has cache lines of its own. */
struct tally {
	__u64 accepted;
	__u64 dropped;
	__u64 nanoseconds;
	__u64 unused[13];
};

/* What the driver tells a reader. */
struct orders {
	__u32 stamped;
	/* Count by an atomic increment and nothing else. */
	__u32 atomic;
	__u64 callback_ns;
	/* Not 0: produce so many records from the reader's own thread whenever all have come. */
	__u32 own_batch;
	__s32 program_fd;
	__u32 rings;
	__s32 ring_fds[MAX_RINGS];
};

/* Shared memory of a driver and one reader. */
struct shared {
	struct orders orders;
	__u32 stop;
	__u32 ready;
	__u64 unused[8];
	__u64 delivered;
	__u64 bytes;
	__u64 returns;
	__u64 triggered;
	__u64 latencies[LATENCY_BUCKETS];
};

#endif
