// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Positions while records come as fast as they can. A program that asks for them finds its record's
 * start in each callback; the producer sees a position that lags a little at most, and never one
 * that is ahead of what has been read.
 */
#include "hot_ring.h"
#include <stdatomic.h>

#define RECORDS 400000
/* Batches. */
#define LOOK_EVERY 16
/* A reader of a ring like this need not hand back space for each record. */
#define BEHIND_MAX 256

static struct ring *ring;
/* Callbacks begun. */
static _Atomic __u32 begun;
static unsigned long inexact, looks, far_behind, ahead;
static __u64 behind_max;

static int count(void *unused, void *data, size_t size)
{
	atomic_store(&begun, sequence_of(data) + 1);
	return hot_count(unused, data, size);
}

static int ask(void *unused, void *data, size_t size)
{
	__u64 start = (__u64)sequence_of(data) * HOT_SPAN;

	atomic_store(&begun, sequence_of(data) + 1);
	inexact += ring__consumer_pos(ring) != start;
	inexact += ring__producer_pos(ring) < start + HOT_SPAN;
	inexact += ring__avail_data_size(ring) < HOT_SPAN;
	return hot_count(unused, data, size);
}

/* In the producer's thread. */
static void look(void)
{
	static unsigned int batches;
	__u64 before, seen, after, start;

	/* More often would slow the ring down. */
	if (++batches % LOOK_EVERY)
		return;
	before = atomic_load(&begun);
	seen = query(0).consumer_pos;
	after = atomic_load(&begun);
	/* Of the record whose callback had been begun last. */
	start = before ? (before - 1) * HOT_SPAN : 0;
	looks++;
	ahead += seen > after * HOT_SPAN;
	far_behind += seen + behind_max < start;
}

static void run(const char *name, struct ring_buffer *rb)
{
	unsigned long after_call = 0;

	inexact = looks = far_behind = ahead = 0;
	atomic_store(&begun, 0);
	hot.between = look;
	hot_start(0);
	while (hot.next < RECORDS) {
		if (ring_buffer__poll(rb, 100) < 0)
			die("ring_buffer__poll");
		if (ring)
			after_call += ring__consumer_pos(ring) != (__u64)hot.next * HOT_SPAN;
	}
	hot_stop();
	hot.between = NULL;
	printf("%s: inexact in a callback %lu, after a call %lu; the producer looked: %s, "
	       "saw the reader too far behind %lu, ahead %lu\n",
	       name, inexact, after_call, looks > 100 ? "often" : "RARELY", far_behind, ahead);
	hot_end(rb);
}

int main(void)
{
	struct ring_buffer *rb;

	harness_open();
	rb = hot_reader(hot_ring(0), ask);
	ring = ring_buffer__ring(rb, 0);
	if (ring__consumer_pos(ring) != 0)
		printf("a new ring is not at 0\n");
	run("asked from the beginning", rb);

	ring = NULL;
	behind_max = BEHIND_MAX;
	rb = hot_reader(hot_ring(0), count);
	run("never asked", rb);
	return 0;
}
