// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A manager for each of several threads; and two managers on one map, in turn. */
#include "harness.h"

#define THREADS 4
#define ROUNDS 300
#define BATCH 50

struct worker {
	pthread_t thread;
	__u32 ring;
	__u32 next;
	unsigned long delivered;
	unsigned long wrong;
};

static int check_record(void *ctx, void *data, size_t size)
{
	struct worker *worker = (struct worker *)ctx;
	struct record header;

	memcpy(&header, data, sizeof(header));
	worker->wrong += header.producer != worker->ring || header.sequence != worker->next ||
			 !body_is_intact(data, size);
	worker->next = header.sequence + 1;
	worker->delivered++;
	return 0;
}

static void *work(void *ctx)
{
	struct worker *worker = (struct worker *)ctx;
	struct ring_buffer *rb;
	__u32 round;

	rb = ring_buffer__new(make_ring(worker->ring, PAGE), check_record, worker, NULL);
	for (round = 0; round < ROUNDS; round++) {
		struct command command =
			make_command(EMIT, worker->ring, round * BATCH, BATCH, 40, 0);
		int result;

		command.producer = worker->ring;
		run_command(&command);
		worker->wrong += command.dropped;
		result = round % 2 ? ring_buffer__poll(rb, -1) : ring_buffer__consume(rb);
		worker->wrong += result != BATCH;
	}
	ring_buffer__free(rb);
	return NULL;
}

static void one_each(void)
{
	struct worker workers[THREADS];
	__u32 i;

	memset(workers, 0, sizeof(workers));
	for (i = 0; i < THREADS; i++) {
		workers[i].ring = i;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("thread %u: %lu delivered, %lu wrong\n", i, workers[i].delivered,
		       workers[i].wrong);
	}
}

static int one_only(void *name, void *data, size_t size)
{
	print_record(name, data, size);
	return -1;
}

static void in_turn(void)
{
	int map = make_ring(0, PAGE);
	struct ring_buffer *a = ring_buffer__new(map, print_record, (void *)"a", NULL);
	struct ring_buffer *b = ring_buffer__new(map, print_record, (void *)"b", NULL);
	struct ring_buffer *c = ring_buffer__new(map, one_only, (void *)"c", NULL);

	emit(0, 0, 2, 16);
	SHOW(ring_buffer__consume(a));
	SHOW(ring_buffer__consume(b));
	emit(0, 2, 2, 16);
	SHOW(ring_buffer__consume(b));
	SHOW(ring_buffer__consume(a));
	emit(0, 4, 4, 16);
	SHOW(ring_buffer__poll(c, -1));
	show_query(0);
	SHOW(ring_buffer__poll(c, -1));
	SHOW(ring_buffer__poll(b, -1));
	show_query(0);
	SHOW(ring_buffer__poll(a, 0));
	SHOW(ring_buffer__poll(c, 0));
	/* Several times round the ring: a manager must not rely on what it saw before the other one read. */
	for (__u32 i = 0; i < 12; i++) {
		emit(0, i, 1, PAGE / 4 - 24);
		SHOW(ring_buffer__poll(i % 2 ? a : b, -1));
	}
	discard(0, 3, 16);
	SHOW(ring_buffer__poll(a, -1));
	emit(0, 12, 1, 16);
	SHOW(ring_buffer__poll(c, -1));
	SHOW(ring_buffer__poll(b, 0));
	show_query(0);
	ring_buffer__free(a);
	emit(0, 13, 1, 16);
	SHOW(ring_buffer__poll(b, -1));
	ring_buffer__free(b);
	ring_buffer__free(c);
}

int main(void)
{
	harness_open();
	one_each();
	in_turn();
	return 0;
}
