// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Two producers at full speed: every record is delivered or counted as dropped, in order. */
#include "harness.h"

#define PRODUCERS 2
#define RECORDS 5000000
#define BATCH 5000

static struct producer {
	pthread_t thread;
	__u32 number;
	unsigned long produced, dropped;
	/* The reader's side. */
	unsigned long delivered, out_of_order, damaged;
	__u32 last;
} producers[PRODUCERS];
static int running = PRODUCERS;

static int count_record(void *ctx, void *data, size_t size)
{
	struct record header;
	struct producer *from;

	(void)ctx;
	memcpy(&header, data, sizeof(header));
	from = &producers[header.producer % PRODUCERS];
	from->out_of_order += from->delivered && header.sequence <= from->last;
	from->damaged += size != 24 || header.producer >= PRODUCERS || !body_is_intact(data, size);
	from->last = header.sequence;
	from->delivered++;
	return 0;
}

static void *produce(void *ctx)
{
	struct producer *self = (struct producer *)ctx;
	__u32 first;

	for (first = 0; first < RECORDS; first += BATCH) {
		struct command command = make_command(EMIT, 0, first, BATCH, 24, 0);

		command.producer = self->number;
		run_command(&command);
		self->produced += command.done;
		self->dropped += command.dropped;
	}
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(void)
{
	struct ring_buffer *rb;
	unsigned long returned = 0;
	int result = 0;
	__u32 i;

	harness_open();
	rb = ring_buffer__new(make_ring(0, 512 * 1024), count_record, NULL, NULL);
	for (i = 0; i < PRODUCERS; i++) {
		producers[i].number = i;
		pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
	}
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) && result >= 0) {
		result = ring_buffer__poll(rb, 100);
		returned += result;
	}
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i].thread, NULL);
	if (result < 0)
		SHOW(result);
	returned += ring_buffer__consume(rb);
	for (i = 0; i < PRODUCERS; i++) {
		struct producer *from = &producers[i];

		printf("producer %u: delivered + dropped = %lu, %lu lost, %lu out of order, %lu damaged\n",
		       i, from->delivered + from->dropped, from->produced - from->delivered,
		       from->out_of_order, from->damaged);
		returned -= from->delivered;
	}
	printf("returned but not delivered: %lu\n", returned);
	SHOW(ring_buffer__poll(rb, 0));
	ring_buffer__free(rb);
	return 0;
}
