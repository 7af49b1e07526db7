/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The producers of soak.c, and the counts of their records. Needs soak_options.h and race.h. */
#ifndef SOAK_LOAD_H
#define SOAK_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static struct producer {
	pthread_t thread;
	counter runs;
	/* In each ring. */
	struct lane {
		counter produced, dropped, delivered;
		__u64 next; /* the smallest number that may come */
	} lanes[MAX_RINGS];
} producers[MAX_PRODUCERS];

static int produce_fd;
static atomic_bool producers_stop;

/* Returns the number of records that found no room. */
static __u64 burst(struct producer *p, unsigned int ring, unsigned int batch, unsigned int how)
{
	struct lane *lane = &p->lanes[ring];
	struct burst burst = {
		.ring = ring,
		.producer = p - producers,
		.batch = batch,
		.size = record_size,
		.notify = how,
		.first = get(lane->produced),
	};

	run_program(produce_fd, &burst, sizeof(burst));
	add(lane->dropped, burst.dropped);
	add(lane->produced, batch);
	add(p->runs, 1);
	return burst.dropped;
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	__u32 random = 0x9e3779b9u + (p - producers);
	unsigned int ring = p - producers;

	if (p == producers)
		pin(1);
	while (!atomic_load_explicit(&producers_stop, memory_order_relaxed)) {
		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		ring = (ring + 1) % ring_count;
		/* As often in every power of two: alone, few, many. */
		burst(p, ring, 1 + (random >> 8) % (1 << random % 10), notify);
	}
	return NULL;
}

static void start_producers(void)
{
	for (unsigned int i = 0; i < producer_count; i++)
		if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]))
			die(SETUP, "cannot start a thread");
}

static void stop_producers(void)
{
	if (atomic_exchange(&producers_stop, true))
		return;
	for (unsigned int i = 0; i < producer_count; i++)
		pthread_join(producers[i].thread, NULL);
}

/* Over all producers and rings. */
struct sums {
	unsigned long long produced, dropped, delivered;
};

static struct sums sum_up(void)
{
	struct sums sums = { 0 };

	for (unsigned int i = 0; i < producer_count * ring_count; i++) {
		struct lane *lane = &producers[i / ring_count].lanes[i % ring_count];

		sums.produced += get(lane->produced);
		sums.dropped += get(lane->dropped);
		sums.delivered += get(lane->delivered);
	}
	return sums;
}

#endif
