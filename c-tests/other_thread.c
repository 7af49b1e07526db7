// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Another thread asks for positions while the ring is consumed. */
#include "harness.h"

#define RECORDS 400000
#define BATCH 1000
#define RING (64 * 1024)

static struct ring *ring;
static int done;
static unsigned long produced, dropped, delivered, out_of_order;

static int count_record(void *ctx, void *data, size_t size)
{
	static __u32 last;
	struct record header;

	(void)ctx;
	(void)size;
	memcpy(&header, data, sizeof(header));
	if (delivered && header.sequence <= last)
		out_of_order++;
	last = header.sequence;
	delivered++;
	return 0;
}

static void *producer(void *unused)
{
	for (__u32 first = 0; first < RECORDS; first += BATCH) {
		struct command command = make_command(EMIT, 0, first, BATCH, 16, 0);

		run_command(&command);
		produced += command.done;
		dropped += command.dropped;
	}
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void *observer(void *unused)
{
	unsigned long consumer = 0, producer_pos = 0, wrong = 0;

	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
		unsigned long c = ring__consumer_pos(ring);
		unsigned long p = ring__producer_pos(ring);

		/* The consumer's was read first, so it cannot be ahead. */
		wrong += c < consumer || p < producer_pos || c > p;
		/* Meanwhile the producer may have gone on, but never a ring ahead of now. */
		wrong += p > ring__consumer_pos(ring) + RING;
		wrong += ring__size(ring) != RING;
		(void)ring__avail_data_size(ring);
		consumer = c;
		producer_pos = p;
		sched_yield();
	}
	printf("observer: %lu wrong\n", wrong);
	return unused;
}

int main(void)
{
	struct ring_buffer *rb;
	pthread_t threads[2];
	int result = 0;

	harness_open();
	rb = ring_buffer__new(make_ring(0, RING), count_record, NULL, NULL);
	ring = ring_buffer__ring(rb, 0);
	pthread_create(&threads[0], NULL, producer, NULL);
	pthread_create(&threads[1], NULL, observer, NULL);
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST) && result >= 0)
		result = ring_buffer__poll(rb, 100);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	if (result < 0)
		SHOW(result);
	ring_buffer__consume(rb);
	printf("produced + dropped = %lu\n", produced + dropped);
	printf("delivered what was produced: %s\n", delivered == produced ? "yes" : "no");
	printf("out of order: %lu\n", out_of_order);
	SHOW(ring__avail_data_size(ring));
	SHOW(ring__consumer_pos(ring) == produced * 24);
	ring_buffer__free(rb);
	return 0;
}
