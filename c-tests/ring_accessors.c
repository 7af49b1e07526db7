// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The handles of single rings: what they say of their rings, and consuming through them. */
#include "harness.h"
#include <limits.h>

static void show_ring(const char *name, struct ring *ring)
{
	printf("%s:\n", name);
	SHOW(ring__size(ring));
	SHOW(ring__consumer_pos(ring));
	SHOW(ring__producer_pos(ring));
	SHOW(ring__avail_data_size(ring));
}

int main(void)
{
	struct ring *first, *second, *same, *none;
	struct ring_buffer *rb;
	int maps[2];

	harness_open();
	maps[0] = make_ring(0, PAGE);
	maps[1] = make_ring(1, 65536);
	rb = ring_buffer__new(maps[0], print_record, (void *)"first", NULL);
	SHOW_POINTER(first, ring_buffer__ring(rb, 0));
	SHOW_POINTER(none, ring_buffer__ring(rb, 1));
	SHOW(ring_buffer__add(rb, maps[1], print_record, (void *)"second"));
	SHOW_POINTER(second, ring_buffer__ring(rb, 1));
	SHOW_POINTER(none, ring_buffer__ring(rb, 2));
	SHOW_POINTER(none, ring_buffer__ring(rb, INT_MAX));
	SHOW_POINTER(none, ring_buffer__ring(rb, UINT_MAX));
	/* A handle stays valid when other rings are added. */
	SHOW_POINTER(same, ring_buffer__ring(rb, 0));
	SHOW(same == first);
	SHOW(ring__map_fd(first) == maps[0]);
	SHOW(ring__map_fd(second) == maps[1]);

	show_ring("first, new", first);
	show_ring("second, new", second);
	SHOW(ring__consume(first));
	SHOW(ring__consume_n(first, 1));

	emit(0, 0, 4, 20);
	emit(1, 0, 5, 1000);
	discard(1, 2, 100);
	emit(1, 5, 1, 1);
	show_ring("first, filled", first);
	show_ring("second, filled", second);

	SHOW(ring__consume_n(second, 1));
	SHOW(ring__consume_n(second, 3));
	show_ring("second, four consumed", second);
	SHOW(ring__consume_n(first, 4));
	show_ring("first, all consumed", first);
	SHOW(ring__consume_n(second, 100));
	show_ring("second, all consumed", second);

	emit(0, 4, 2, 8);
	emit(1, 6, 2, 8);
	SHOW(ring__consume(second));
	SHOW(ring__consume(first));
	emit(0, 6, 1, 8);
	SHOW(ring__consume_n(first, SIZE_MAX));
	SHOW(ring__consume(first));

	/* Only ring__map_fd() still names a descriptor that was closed. */
	close(maps[0]);
	SHOW(ring__map_fd(first) == maps[0]);
	emit(0, 7, 1, 8);
	SHOW(ring__consume(first));
	show_ring("first, closed", first);
	ring_buffer__free(rb);
	return 0;
}
