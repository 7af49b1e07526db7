// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* rbshim_ring__statistics(): another thread asks for them while the ring is consumed. */
#include <rbshim.h>
#include "background.h"

#define RECORDS 400000
#define BATCH 1000
/* A batch takes more: it is often nearly full, and more and less so. */
#define RING (16 * 1024)

static struct ring *ring;
static bool counts;

static struct rbshim_ring_statistics ask(void)
{
	LIBBPF_OPTS(rbshim_ring_statistics, seen);

	if (rbshim_ring__statistics(ring, &seen))
		die("rbshim_ring__statistics");
	return seen;
}

/* All numbers that cannot be, after `before`. */
static unsigned long wrong(const struct rbshim_ring_statistics *before,
			   const struct rbshim_ring_statistics *now)
{
	return (now->size != RING) + (now->available > RING) + (now->high_water > RING) +
	       (now->high_water < before->high_water) + (now->nearly_full < before->nearly_full) +
	       (now->counted != counts) + (now->records < before->records) +
	       (now->bytes < before->bytes);
}

static void *observer(void *unused)
{
	struct rbshim_ring_statistics before = { .sz = sizeof(before) };
	unsigned long seen_wrong = 0;

	while (!background_is_done()) {
		struct rbshim_ring_statistics now = ask();

		seen_wrong += wrong(&before, &now);
		before = now;
		sched_yield();
	}
	printf("observer: %lu wrong\n", seen_wrong);
	return unused;
}

int main(void)
{
	struct rbshim_ring_statistics end;
	struct ring_buffer *rb;

	harness_open();
	counts = getenv("RBSHIM_STATS") != NULL;
	rb = ring_buffer__new(make_ring(0, RING), count_record, NULL, NULL);
	ring = ring_buffer__ring(rb, 0);
	if (!ring)
		die("ring_buffer__new");
	background_start(0, RECORDS, BATCH);
	background_observed(rb, observer);
	background_end(rb);
	end = ask();
	SHOW(end.available == 0 && end.high_water > 0);
	SHOW(end.records == (counts ? background.delivered : 0));
	SHOW(end.bytes == (counts ? background.delivered * BACKGROUND_RECORD : 0));
	ring_buffer__free(rb);
	return 0;
}
