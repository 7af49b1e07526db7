/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What overwrite_soak.c and overwrite_ring.c share with their BPF program. */
#ifndef OVERWRITE_SOAK_H
#define OVERWRITE_SOAK_H

#include <linux/types.h>

#ifndef BPF_F_RB_OVERWRITE
/* Linux 6.19; newer than the headers of many systems. */
#define BPF_F_RB_OVERWRITE (1U << 19)
#endif
/* For bpf_ringbuf_query(), likewise. */
#define QUERY_OVERWRITE_POS 4

#define MAX_PRODUCERS 2
#define MAX_RING (64 * 1024)
/* A power of two. */
#define MAX_WORDS (MAX_RING / 16)

enum notify { NOTIFY_DEFAULT, NOTIFY_LAST, NOTIFY_FORCED };
/* SLOW ones stay uncommitted for a while. Both they and DISCARDED ones have 16 bytes. */
enum kind { PLAIN, SLOW, DISCARDED };

/*
 * Records are made of words of 8 bytes. The first names the producer and numbers its records, discarded ones too. The
 * second is the position of the producer just before. The first one and the case's shape decide on all the rest: a
 * reader knows what a record must look like.
 */
#define MARK 0xa5ULL
#define MARK_SHIFT 56
#define PRODUCER_SHIFT 48
#define NUMBER_MASK ((1ULL << PRODUCER_SHIFT) - 1)

static inline __u64 first_word(__u64 producer, __u64 number)
{
	return MARK << MARK_SHIFT | producer << PRODUCER_SHIFT | number;
}

/* Of word `i`, from the third on. Half of them would be those of BUSY records, and the others plausible lengths. */
static inline __u64 later_word(__u64 first_word, __u32 i)
{
	return (first_word + i) ^ (i & 1) << 31;
}

/* Bits that look like random ones. */
static inline __u64 mix(__u64 number)
{
	number = (number ^ number >> 31) * 0x9e3779b97f4a7c15ULL;
	return number ^ number >> 29;
}

/* What decides on a record, together with its first word. */
struct shape {
	__u32 max_words;
	/* All have that size: then there is the same place for a record in each lap. */
	__u32 fixed;
	/* Whether there are discarded ones. */
	__u32 discards;
};

static inline enum kind kind_of(__u64 first_word, struct shape shape)
{
	__u64 bits = mix(first_word) & 15;

	if (shape.fixed)
		return PLAIN;
	return bits == 0 && shape.discards ? DISCARDED : bits <= 1 ? SLOW : PLAIN;
}

/* In words. */
static inline __u64 words_of(__u64 first_word, struct shape shape)
{
	if (shape.fixed)
		return shape.max_words;
	return kind_of(first_word, shape) == PLAIN ? 1 + (mix(first_word) >> 8) % shape.max_words :
						     2;
}

/* The context of `produce`: in, and what is below `first` out. */
struct burst {
	__u32 producer;
	__u32 batch;
	struct shape shape;
	__u32 notify;
	__u64 first;
	/* Records that were refused; what the others take up, headers included; how many are discarded. */
	__u64 refused;
	__u64 bytes;
	__u64 discarded;
	/* Where the producers were after that. */
	__u64 producer_pos;
};

/* The context of `look`: out. */
struct look {
	__u64 available, size, consumer_pos, producer_pos, overwrite_pos;
};

#endif
