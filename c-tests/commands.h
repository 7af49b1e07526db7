/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the C programs ask of producer.bpf.c, and what its records look like. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <linux/types.h>

#define MAX_RINGS 16
#define MAX_PRODUCERS 8
#define MAX_RECORD (128 * 1024)

enum operation {
	/* `count` records of `size` bytes, committed with `flags`. */
	EMIT = 1,
	/* `count` records of `size` bytes, reserved and discarded with `flags`. */
	DISCARD = 2,
	/*
	 * Reserves a record of `size` bytes, emits `count` records after it,
	 * says `held`, waits for `release`, and commits the first with `flags`.
	 */
	HOLD = 3,
	/* The same, but the first record is discarded in the end. */
	HOLD_AND_DISCARD = 4,
	/* Fills in the four answers of bpf_ringbuf_query(). */
	QUERY = 5,
};

struct command {
	__u32 operation;
	/* Index into the array of rings. */
	__u32 ring;
	__u32 producer;
	/* Sequence number of the first record; the others count on from it. */
	__u32 first;
	__u32 count;
	__u32 size;
	__u64 flags;
	/* Answers: records that went in, and records for which there was no room. */
	__u32 done;
	__u32 dropped;
	__u64 avail;
	__u64 ring_size;
	__u64 consumer_pos;
	__u64 producer_pos;
};

/* What producer_plain.bpf.c returns for a command that it cannot do, and the most records that it makes at once. */
#define PLAIN_CANNOT 77
#define PLAIN_STEP 64

/* The only element of the map `control`, which programs may mmap(). */
struct control {
	__u32 held;
	__u32 release;
};

/*
 * A record begins with this much of the header as it has room for. The byte at
 * offset i >= 8 is pattern(i + 8 * (sequence % 32)).
 */
struct record {
	__u32 producer;
	__u32 sequence;
};

#define PATTERN_STEP(sequence) (8 * ((sequence) % 32))
#define SCRATCH (MAX_RECORD + PATTERN_STEP(31))

static inline __u8 pattern(__u32 i)
{
	return (__u8)(i * 7 + (i >> 8) * 13 + 1);
}

#endif
