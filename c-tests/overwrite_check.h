/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What overwrite_soak.c finds out about the records that it is given. Needs overwrite_open.h. */
#ifndef OVERWRITE_CHECK_H
#define OVERWRITE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "overwrite_soak.h"

/* Sums over cases, in memory that they share. */
struct found {
	unsigned long long cases;
	/* Records; of those produced, what the kernel refused; bytes with their headers, at the end of a case. */
	unsigned long long produced, refused, delivered;
	unsigned long long bytes, delivered_bytes, discarded_bytes, overwritten_bytes;
	/* Callbacks that read on, that failed, and that were left by a jump or by the end of their thread. */
	unsigned long long nested, failed, jumped, ended;
	/* Records of an impossible length, of another content or length than they were made with, or changed later. */
	unsigned long long impossible, torn, changed;
	unsigned long long doubled, disordered;
	/* Records in whose callback `consumer_pos` was not where they begin. */
	unsigned long long misplaced;
	/* Cases whose bytes do not add up, or cannot be known; calls that failed for no reason of the callback's. */
	unsigned long long wrong_sums, unknown_sums, errors;
	/* Cases in which the reader slept while records lay there, or was awake and got nowhere, or died. */
	unsigned long long lost_wakeups, stuck, killed;
};

static unsigned long long bad_records(const struct found *found)
{
	return found->impossible + found->torn + found->changed + found->doubled +
	       found->disordered + found->misplaced;
}

static struct found *found;

static void print_totals(void)
{
	fprintf(stderr, "cases %llu\n", found->cases);
	fprintf(stderr, "records: produced %llu, refused %llu, delivered %llu\n", found->produced,
		found->refused, found->delivered);
	fprintf(stderr,
		"bytes: produced %llu = delivered %llu + discarded %llu + overwritten %llu\n",
		found->bytes, found->delivered_bytes, found->discarded_bytes,
		found->overwritten_bytes);
	fprintf(stderr,
		"callbacks: read on %llu, failed %llu, jumped %llu, ended their thread %llu\n",
		found->nested, found->failed, found->jumped, found->ended);
	fprintf(stderr,
		"bad records: impossible %llu, torn %llu, changed %llu, doubled %llu, out of order "
		"%llu, misplaced %llu\n",
		found->impossible, found->torn, found->changed, found->doubled, found->disordered,
		found->misplaced);
	fprintf(stderr,
		"cases: wrong sums %llu, unknown sums %llu, lost wake-ups %llu, stuck %llu, killed "
		"%llu; errors %llu\n",
		found->wrong_sums, found->unknown_sums, found->lost_wakeups, found->stuck,
		found->killed, found->errors);
}

#define MAX_DEPTH 4

static struct {
	__u32 ring_size, producers;
	struct shape shape;
	/* Of each producer: the number of the newest record so far, plus 1. */
	__u64 newest[MAX_PRODUCERS];
	/* The same of the last record, in the calls that run now: that in no callback, that in its callback... */
	__u64 last[MAX_DEPTH + 1][MAX_PRODUCERS];
	unsigned int depth;
} expected;

static bool is_whole(const __u64 *words, size_t count)
{
	/* 8 bytes at a time, as the kernel writes them. */
	for (size_t i = 2; i < count; i++)
		if (words[i] != later_word(words[0], i))
			return false;
	return true;
}

static unsigned int producer_of(__u64 first_word)
{
	return first_word >> PRODUCER_SHIFT & 0xff;
}

/* Whether anything in it can be believed. */
static bool looks_right(const __u64 *words, size_t size)
{
	/* Longer than any record that fits: do not read it. */
	if (size < 8 || size > expected.ring_size - 16) {
		found->impossible++;
		return false;
	}
	if (words[0] >> MARK_SHIFT != MARK || producer_of(words[0]) >= expected.producers ||
	    kind_of(words[0], expected.shape) == DISCARDED ||
	    size != 8 * words_of(words[0], expected.shape) || !is_whole(words, size / 8)) {
		found->torn++;
		return false;
	}
	return true;
}

/* At the beginning of a callback. Whether the record may be used. */
static bool check_record(const struct ring *ring, const __u64 *words, size_t size)
{
	__u64 number, *last, *newest;

	if (!looks_right(words, size))
		return false;
	/* Of several producers another one may have been between. */
	if (size > 8 && (expected.producers == 1 ? ring__consumer_pos(ring) != words[1] :
						   ring__consumer_pos(ring) < words[1]))
		found->misplaced++;
	number = (words[0] & NUMBER_MASK) + 1;
	last = &expected.last[expected.depth][producer_of(words[0])];
	if (number < *last)
		found->disordered++;
	if (number == *last)
		found->doubled++;
	*last = number;
	newest = &expected.newest[producer_of(words[0])];
	if (number > *newest) {
		*newest = number;
		found->delivered++;
		found->delivered_bytes += 8 + size;
	}
	return true;
}

/* A call in its callback begins with this record again, as libbpf's does, and the call around it goes on after it. */
static void expect_again_in_callback(__u64 first_word)
{
	__u64(*last)[MAX_PRODUCERS] = &expected.last[expected.depth];

	memcpy(last[1], last[0], sizeof(*last));
	last[1][producer_of(first_word)]--;
	expected.depth++;
}

/* All callbacks are left by a jump or by the end of the thread: the next call begins with this record again. */
static void expect_again(__u64 first_word)
{
	memmove(expected.last[0], expected.last[expected.depth], sizeof(expected.last[0]));
	expected.last[0][producer_of(first_word)]--;
	expected.depth = 0;
}

/* What nobody was given. Whether the library can tell, as rbshim can. */
static bool count_undelivered(const struct ring *ring)
{
	struct rbshim_ring_statistics statistics = { .sz = sizeof(statistics) };

	if (rbshim_ring__statistics(ring, &statistics) || !statistics.counted)
		return false;
	found->discarded_bytes += statistics.discards * 24;
	found->overwritten_bytes += statistics.overwritten;
	return true;
}

#endif
