// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Discarded records: never delivered, never counted, but walked. */
#include "harness.h"

static struct ring_buffer *rb;

static int print_with_positions(void *name, void *data, size_t size)
{
	print_record(name, data, size);
	show_query(0);
	return 0;
}

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_with_positions, (void *)"reader", NULL);

	printf("only discards\n");
	SHOW(discard(0, 1, 16));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(discard(0, 5, 24));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(discard(0, 1, 0));
	SHOW(ring_buffer__consume(rb));
	show_query(0);

	printf("mixed\n");
	emit(0, 0, 2, 16);
	discard(0, 3, 16);
	emit(0, 2, 1, 16);
	discard(0, 1, 100);
	emit(0, 3, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("discards at the end\n");
	emit(0, 4, 1, 16);
	discard(0, 2, 16);
	SHOW(ring_buffer__consume(rb));
	show_query(0);

	printf("a long run, then a record\n");
	SHOW(discard(0, 100, 24));
	emit(0, 5, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("long runs before, between and after records\n");
	discard(0, 20, 40);
	emit(0, 6, 1, 16);
	discard(0, 20, 40);
	emit(0, 7, 1, 16);
	discard(0, 20, 40);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("a ring full of discards\n");
	SHOW(discard(0, PAGE, 8));
	SHOW(emit(0, 8, 1, 8));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(emit(0, 8, 1, PAGE - 16));
	SHOW(ring_buffer__consume(rb));

	printf("the largest, discarded\n");
	SHOW(discard(0, 1, PAGE - 16));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	ring_buffer__free(rb);
	return 0;
}
