// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Negative values from the callback in calls that consume up to n, or a single ring. */
#include <limits.h>
#include "failing_reader.h"

int main(void)
{
	struct ring_buffer *rb;
	struct ring *second;

	harness_open();
	rb = three_rings();
	second = ring_buffer__ring(rb, 1);

	printf("in the middle, by consume_n\n");
	emit(0, 0, 4, 16);
	fail(0, 1, -7);
	SHOW(ring_buffer__consume_n(rb, 10));
	show_query(0);
	SHOW(ring_buffer__consume_n(rb, 10));
	show_query(0);

	printf("at the n-th, and at the one after it\n");
	emit(0, 0, 3, 16);
	SHOW(ring_buffer__consume_n(rb, 2));
	SHOW(ring_buffer__consume_n(rb, 2));
	emit(0, 0, 3, 16);
	SHOW(ring_buffer__consume_n(rb, 1));
	SHOW(ring_buffer__consume_n(rb, 1));
	SHOW(ring_buffer__consume_n(rb, 1));
	nobody_fails();

	printf("in the second ring, by consume_n\n");
	for (int ring = 0; ring < 3; ring++)
		emit(ring, 0, 3, 16);
	fail(1, 1, -5);
	SHOW(ring_buffer__consume_n(rb, 8));
	for (int ring = 0; ring < 3; ring++)
		show_query(ring);
	SHOW(ring_buffer__consume_n(rb, 3));
	SHOW(ring_buffer__consume_n(rb, 3));

	printf("by ring__consume\n");
	emit(1, 0, 4, 16);
	SHOW(ring__consume(second));
	SHOW(ring__consumer_pos(second));
	SHOW(ring__avail_data_size(second));
	SHOW(ring__consume(second));

	printf("by ring__consume_n\n");
	emit(1, 0, 4, 16);
	SHOW(ring__consume_n(second, 2));
	SHOW(ring__consumer_pos(second));
	SHOW(ring__avail_data_size(second));
	SHOW(ring__consume_n(second, 1));
	SHOW(ring__consume_n(second, 2));

	printf("the least value\n");
	fail(1, 0, INT_MIN);
	emit(1, 0, 1, 16);
	SHOW(ring__consume_n(second, 5));
	emit(1, 0, 1, 16);
	SHOW(ring__consume(second));
	emit(1, 0, 1, 16);
	SHOW(ring_buffer__consume_n(rb, 1));

	printf("positive values mean nothing\n");
	fail(1, 0, 3);
	emit(1, 0, 2, 16);
	SHOW(ring__consume_n(second, 5));
	emit(1, 0, 2, 16);
	SHOW(ring__consume(second));
	emit(1, 0, 2, 16);
	SHOW(ring_buffer__consume_n(rb, 5));
	ring_buffer__free(rb);
	return 0;
}
