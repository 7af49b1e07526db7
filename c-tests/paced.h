/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Records at a moderate pace, and how long it takes until their reader has them. */
#ifndef PACED_H
#define PACED_H

#include "harness.h"
#include "clock.h"
#include <stdatomic.h>

#define PACED_RINGS 2
#define PACED_BYTES (512 * 1024)
#define PACED_RECORD 16
#define PACE_US 1000
/* After so many records a reader that adapts to the pace has done so. */
#define PACED_WARM 80
/* Far more than any wake-up takes, and far less than a second. */
#define SOON_MS 300

static struct {
	struct ring_buffer *rb;
	pthread_t thread;
	atomic_bool stop;
	_Atomic __u32 delivered[PACED_RINGS];
	_Atomic unsigned long calls, interrupted;
	/* The reader's. */
	unsigned long wrong, miscounted;
	/* The producer's. */
	__u32 produced[PACED_RINGS];
} paced;

/* The context is the ring's count. */
HARNESS_UNUSED static int count_paced(void *count, void *data, size_t size)
{
	_Atomic __u32 *delivered = (_Atomic __u32 *)count;
	struct record header;

	memcpy(&header, data, sizeof(header));
	paced.wrong += header.sequence != *delivered || !body_is_intact(data, size);
	atomic_fetch_add(delivered, 1);
	return 0;
}

HARNESS_UNUSED static void paced_open(void)
{
	int i;

	for (i = 0; i < PACED_RINGS; i++) {
		int map = make_ring(i, PACED_BYTES);

		if (i == 0)
			paced.rb = ring_buffer__new(map, count_paced, &paced.delivered[i], NULL);
		else if (ring_buffer__add(paced.rb, map, count_paced, &paced.delivered[i]))
			die("ring_buffer__add");
		if (!paced.rb)
			die("ring_buffer__new");
		close(map);
	}
}

/* One call; a signal may come, but not once something has been consumed. */
HARNESS_UNUSED static int paced_poll(int timeout)
{
	__u32 before = paced.delivered[0] + paced.delivered[1];
	int result = ring_buffer__poll(paced.rb, timeout);
	__u32 consumed = paced.delivered[0] + paced.delivered[1] - before;

	if (result == -EINTR)
		atomic_fetch_add(&paced.interrupted, 1);
	paced.miscounted += result == -EINTR ? consumed > 0 : result < 0 || (__u32)result != consumed;
	atomic_fetch_add(&paced.calls, 1);
	return result;
}

HARNESS_UNUSED static void *paced_read(void *unused)
{
	while (!atomic_load(&paced.stop))
		paced_poll(-1);
	return unused;
}

HARNESS_UNUSED static void produce_paced(__u32 ring, __u64 flags)
{
	paced.produced[ring] += emit_flags(ring, paced.produced[ring], 1, PACED_RECORD, flags);
}

HARNESS_UNUSED static void feed(int records)
{
	while (records--) {
		produce_paced(0, 0);
		usleep(PACE_US);
	}
}

HARNESS_UNUSED static bool all_delivered(void)
{
	return paced.delivered[0] == paced.produced[0] && paced.delivered[1] == paced.produced[1];
}

/* Milliseconds until the reader has everything. */
HARNESS_UNUSED static long until_delivered(void)
{
	long begun = milliseconds();

	while (!all_delivered()) {
		if (milliseconds() - begun > 10000) {
			printf("NOT DELIVERED\n");
			break;
		}
		usleep(100);
	}
	return milliseconds() - begun;
}

HARNESS_UNUSED static void start_reader(void)
{
	atomic_store(&paced.stop, false);
	errno = pthread_create(&paced.thread, NULL, paced_read, NULL);
	if (errno)
		die("pthread_create");
}

HARNESS_UNUSED static void stop_reader(void)
{
	atomic_store(&paced.stop, true);
	produce_paced(0, BPF_RB_FORCE_WAKEUP);
	pthread_join(paced.thread, NULL);
}

#endif
