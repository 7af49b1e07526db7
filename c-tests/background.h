/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A thread that produces in the background, and a callback that counts what comes of it. */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#include "harness.h"

#define BACKGROUND_RECORD 16
/* What it takes of the ring, with its header. */
#define BACKGROUND_SPAN (BACKGROUND_RECORD + 8)

static struct {
	pthread_t thread;
	__u32 ring, records, batch;
	/* The producer has ended. */
	int done;
	/* The producer's. */
	unsigned long produced, dropped;
	/* The reader's. */
	unsigned long delivered, out_of_order;
	__u32 last;
} background;

static int count_record(void *ctx, void *data, size_t size)
{
	struct record header;

	(void)ctx;
	(void)size;
	memcpy(&header, data, sizeof(header));
	if (background.delivered && header.sequence <= background.last)
		background.out_of_order++;
	background.last = header.sequence;
	background.delivered++;
	return 0;
}

static void *produce_in_background(void *unused)
{
	__u32 first;

	for (first = 0; first < background.records; first += background.batch) {
		struct command command = make_command(EMIT, background.ring, first,
						      background.batch, BACKGROUND_RECORD, 0);

		run_command(&command);
		background.produced += command.done;
		background.dropped += command.dropped;
	}
	__atomic_store_n(&background.done, 1, __ATOMIC_SEQ_CST);
	return unused;
}

HARNESS_UNUSED static void background_start(__u32 ring, __u32 records, __u32 batch)
{
	background.ring = ring;
	background.records = records;
	background.batch = batch;
	errno = pthread_create(&background.thread, NULL, produce_in_background, NULL);
	if (errno)
		die("pthread_create");
}

HARNESS_UNUSED static bool background_is_done(void)
{
	return __atomic_load_n(&background.done, __ATOMIC_SEQ_CST);
}

/* Polls until the producer has ended, while another thread observes. */
HARNESS_UNUSED static void background_observed(struct ring_buffer *rb, void *(*observer)(void *))
{
	pthread_t thread;
	int result = 0;

	errno = pthread_create(&thread, NULL, observer, NULL);
	if (errno)
		die("pthread_create");
	while (!background_is_done() && result >= 0)
		result = ring_buffer__poll(rb, 100);
	pthread_join(thread, NULL);
	if (result < 0)
		SHOW(result);
}

/* Consumes what the producer has left, and prints whether all came. */
HARNESS_UNUSED static void background_end(struct ring_buffer *rb)
{
	pthread_join(background.thread, NULL);
	ring_buffer__consume(rb);
	printf("produced + dropped = %lu\n", background.produced + background.dropped);
	printf("delivered what was produced: %s\n",
	       background.delivered == background.produced ? "yes" : "no");
	printf("out of order: %lu\n", background.out_of_order);
}

#endif
