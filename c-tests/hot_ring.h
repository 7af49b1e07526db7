/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A ring whose producer never stops: there is nearly always a record for its reader. The producer
 * stays ahead of what the reader has noted by a fraction of the ring at most, so that none is dropped
 * and each record's position is known.
 */
#ifndef HOT_RING_H
#define HOT_RING_H

#include "harness.h"

#define HOT_BYTES (512 * 1024)
#define HOT_RECORD 16
#define HOT_SPAN (HOT_RECORD + 8)
#define HOT_BATCH 50
#define HOT_AHEAD 4000
/* After so many records a reader that adapts to the rate has done so. */
#define HOT_WARM 200000

static struct {
	pthread_t thread;
	__u32 ring;
	int stop;
	/* Called by the producer between two batches. */
	void (*between)(void);
	/* What has been produced; the next one's sequence number. */
	__u32 produced;
	/* The record that the reader must get next: all before it are done with. */
	__u32 next;
	/* Records that were another one than that, or damaged. */
	__u32 wrong;
} hot;

HARNESS_UNUSED static __u32 hot_next(void)
{
	return __atomic_load_n(&hot.next, __ATOMIC_SEQ_CST);
}

/* One CPU for each side: the scheduler likes to put both on one, where a reader has no time to wait. */
HARNESS_UNUSED static void hot_pin(int nth)
{
	/* Of the process, as it was started. */
	static cpu_set_t allowed;
	cpu_set_t one;
	int cpu;

	if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && nth-- == 0)
			break;
	if (cpu == CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
}

HARNESS_UNUSED static void *hot_produce(void *unused)
{
	hot_pin(1);
	/* Without sched_yield: on a busy machine it would not have its CPU back for long. */
	while (!__atomic_load_n(&hot.stop, __ATOMIC_SEQ_CST)) {
		if (hot.produced - hot_next() < HOT_AHEAD)
			hot.produced += emit(hot.ring, hot.produced, HOT_BATCH, HOT_RECORD);
		if (hot.between)
			hot.between();
	}
	return unused;
}

/* The thread has all signals blocked: they go to the other threads. */
HARNESS_UNUSED static void hot_run(void *(*produce)(void *))
{
	sigset_t all, old;

	__atomic_store_n(&hot.stop, 0, __ATOMIC_SEQ_CST);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	errno = pthread_create(&hot.thread, NULL, produce, NULL);
	if (errno)
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

HARNESS_UNUSED static void hot_start(__u32 ring)
{
	hot.ring = ring;
	hot_run(hot_produce);
}

/* A ring of its own, without history. */
HARNESS_UNUSED static int hot_ring(__u32 index)
{
	hot.produced = hot.next = hot.wrong = 0;
	hot_pin(0);
	return make_ring(index, HOT_BYTES);
}

HARNESS_UNUSED static void hot_stop(void)
{
	__atomic_store_n(&hot.stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(hot.thread, NULL);
}

HARNESS_UNUSED static __u32 sequence_of(const void *data)
{
	struct record header;

	memcpy(&header, data, sizeof(header));
	return header.sequence;
}

/* At the beginning of a callback. */
HARNESS_UNUSED static void hot_expect(const void *data, size_t size)
{
	hot.wrong += sequence_of(data) != hot.next || size != HOT_RECORD ||
		     !body_is_intact(data, size);
}

/* At the end of a callback. When the callback is left before, the record comes again. */
HARNESS_UNUSED static void hot_note(const void *data)
{
	__atomic_store_n(&hot.next, sequence_of(data) + 1, __ATOMIC_SEQ_CST);
}

/* A callback that does no more. */
HARNESS_UNUSED static int hot_count(void *unused, void *data, size_t size)
{
	(void)unused;
	hot_expect(data, size);
	hot_note(data);
	return 0;
}

HARNESS_UNUSED static struct ring_buffer *hot_reader(int map, ring_buffer_sample_fn callback)
{
	struct ring_buffer *rb = ring_buffer__new(map, callback, NULL, NULL);

	if (!rb)
		die("ring_buffer__new");
	return rb;
}

/* Polls until `count` more records have been noted. */
HARNESS_UNUSED static void hot_poll(struct ring_buffer *rb, __u32 count)
{
	__u32 until = hot.next + count;

	while ((__s32)(hot.next - until) < 0) {
		int result = ring_buffer__poll(rb, 100);

		if (result < 0)
			die("ring_buffer__poll");
	}
}

/* Is the position the end of what has been noted? True after each call, whoever looks. */
HARNESS_UNUSED static bool hot_position_is_exact(void)
{
	return query(hot.ring).consumer_pos == (__u64)hot.next * HOT_SPAN;
}

HARNESS_UNUSED static void hot_end(struct ring_buffer *rb)
{
	__u32 left;

	hot_stop();
	left = hot.produced - hot.next;
	printf("the rest is there: %s\n", ring_buffer__consume(rb) == (int)left ? "yes" : "NO");
	printf("lost: %u, wrong: %u, position: %s\n", hot.produced - hot.next, hot.wrong,
	       hot_position_is_exact() ? "exact" : "NOT EXACT");
	ring_buffer__free(rb);
}

#endif
