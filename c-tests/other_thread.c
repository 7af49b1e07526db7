// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Another thread asks for positions while the ring is consumed. */
#include "background.h"

#define RECORDS 400000
#define BATCH 1000
#define RING (64 * 1024)

static struct ring *ring;

static void *observer(void *unused)
{
	unsigned long consumer = 0, producer_pos = 0, wrong = 0;

	while (!background_is_done()) {
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

	harness_open();
	rb = ring_buffer__new(make_ring(0, RING), count_record, NULL, NULL);
	ring = ring_buffer__ring(rb, 0);
	background_start(0, RECORDS, BATCH);
	background_observed(rb, observer);
	background_end(rb);
	SHOW(ring__avail_data_size(ring));
	SHOW(ring__consumer_pos(ring) == background.produced * BACKGROUND_SPAN);
	ring_buffer__free(rb);
	return 0;
}
