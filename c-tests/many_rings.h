/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Four rings in one manager, whose producer goes round them as fast as it can, in small batches. It stays
 * ahead of what the reader has noted by a fraction of each ring at most, so that none is dropped and each
 * record's position is known.
 */
#ifndef MANY_RINGS_H
#define MANY_RINGS_H

#include "hot_ring.h"

#define RINGS 4
#define BATCH_MAX 8
/* A ring that is lingered for need not hand back space for each record. */
#define BEHIND_MAX 256

static struct {
	struct ring_buffer *rb;
	/* Records of each ring that have been produced, and the one that the reader must get next. */
	__u32 produced[RINGS], next[RINGS];
	/* Callbacks that are running: they may read other rings. */
	unsigned int depth;
	/* Records that were another one than the next of their ring, or damaged. */
	unsigned long wrong;
} many;

HARNESS_UNUSED static __u32 many_next(__u32 ring)
{
	return __atomic_load_n(&many.next[ring], __ATOMIC_SEQ_CST);
}

HARNESS_UNUSED static __u32 many_total(const __u32 *numbers)
{
	__u32 total = 0;

	for (__u32 ring = 0; ring < RINGS; ring++)
		total += numbers[ring];
	return total;
}

HARNESS_UNUSED static void *many_produce(void *unused)
{
	hot_pin(1);
	for (__u32 turn = 0; !__atomic_load_n(&hot.stop, __ATOMIC_SEQ_CST); turn++) {
		__u32 ring = turn % RINGS;

		if (many.produced[ring] - many_next(ring) < HOT_AHEAD)
			many.produced[ring] += emit(ring, many.produced[ring],
						    1 + turn / RINGS % BATCH_MAX, HOT_RECORD);
	}
	return unused;
}

/* The ring that a context belongs to. */
HARNESS_UNUSED static __u32 many_ring(const void *next)
{
	return (__u32)((const __u32 *)next - many.next);
}

/* At the beginning of a callback. */
HARNESS_UNUSED static void many_expect(__u32 ring, const void *data, size_t size)
{
	many.wrong += sequence_of(data) != many.next[ring] || size != HOT_RECORD ||
		      !body_is_intact(data, size);
}

/* At the end of a callback. When the callback is left before, the record comes again. */
HARNESS_UNUSED static void many_note(__u32 ring)
{
	__atomic_store_n(&many.next[ring], many.next[ring] + 1, __ATOMIC_SEQ_CST);
}

/* Whether the kernel sees the end of what has been noted in each ring. True after each call. */
HARNESS_UNUSED static bool many_positions_are_exact(void)
{
	for (__u32 ring = 0; ring < RINGS; ring++)
		if (query(ring).consumer_pos != (__u64)many.next[ring] * HOT_SPAN)
			return false;
	return true;
}

/* New rings, and a manager of all of them. */
HARNESS_UNUSED static void many_open(ring_buffer_sample_fn callback)
{
	memset(&many, 0, sizeof(many));
	for (__u32 ring = 0; ring < RINGS; ring++) {
		int map = hot_ring(ring);

		if (ring == 0)
			many.rb = ring_buffer__new(map, callback, &many.next[ring], NULL);
		else if (ring_buffer__add(many.rb, map, callback, &many.next[ring]))
			die("ring_buffer__add");
		if (!many.rb)
			die("ring_buffer__new");
		close(map);
	}
	hot_run(many_produce);
}

/* Stops the producer, reads what is left, and prints whether all has come. */
HARNESS_UNUSED static void many_end(void)
{
	__u32 left;

	hot_stop();
	left = many_total(many.produced) - many_total(many.next);
	printf("the rest is there: %s\n", ring_buffer__consume(many.rb) == (int)left ? "yes" : "NO");
	printf("lost %u, wrong %lu, positions %s\n",
	       many_total(many.produced) - many_total(many.next), many.wrong,
	       many_positions_are_exact() ? "exact" : "NOT EXACT");
	ring_buffer__free(many.rb);
}

#endif
