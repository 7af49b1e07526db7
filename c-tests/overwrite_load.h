/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The producers of overwrite_soak.c. Needs race.h and overwrite_open.h. */
#ifndef OVERWRITE_LOAD_H
#define OVERWRITE_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "overwrite_soak.h"

static struct {
	struct shape shape;
	__u32 notify;
	/* One CPU for the reader and one for the first producer. */
	bool pinned;
	atomic_bool stop;
	/* Records up to here are committed, and their reader has been notified about them. */
	_Atomic __u64 finished_pos;
} load;

static struct producer {
	pthread_t thread;
	__u64 produced, refused, bytes, discarded;
	__u32 random;
} producers[MAX_PRODUCERS];

static __u32 next_random(__u32 *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static void burst_of(struct producer *p, __u32 batch, __u32 notify)
{
	struct burst burst = {
		.producer = p - producers,
		.batch = batch,
		.shape = load.shape,
		.notify = notify,
		.first = p->produced,
	};
	__u64 before = atomic_load(&load.finished_pos);

	run_program(opened.produce, &burst, sizeof(burst));
	p->produced += batch;
	p->refused += burst.refused;
	p->bytes += burst.bytes;
	p->discarded += burst.discarded;
	while (before < burst.producer_pos &&
	       !atomic_compare_exchange_weak(&load.finished_pos, &before, burst.producer_pos))
		;
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	__u32 random;

	if (load.pinned && p == producers)
		pin(1);
	while (!atomic_load_explicit(&load.stop, memory_order_relaxed)) {
		random = next_random(&p->random);
		/* As often in every power of two: alone, few, many. */
		burst_of(p, 1 + (random >> 8) % (1 << random % 9), load.notify);
		/* So that a reader catches up, and sleeps. */
		if (random >> 28 < 4)
			usleep((random >> 8) % 1000);
	}
	return NULL;
}

static void start_producers(__u32 count, __u32 seed)
{
	for (__u32 i = 0; i < count; i++) {
		producers[i].random = (seed + i) * 2654435761u | 1;
		if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]))
			die(SETUP, "cannot start a thread");
	}
}

static void stop_producers(__u32 count)
{
	atomic_store(&load.stop, true);
	for (__u32 i = 0; i < count; i++)
		pthread_join(producers[i].thread, NULL);
}

#endif
