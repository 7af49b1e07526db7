// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A ring without a callback: accepted, for programs that walk it themselves. */
#include "harness.h"

static struct ring_buffer *rb;

static void consume(void)
{
	SHOW(ring_buffer__consume(rb));
}

static void poll(void)
{
	SHOW(ring_buffer__poll(rb, -1));
}

int main(void)
{
	harness_open();
	SHOW_POINTER(rb, ring_buffer__new(make_ring(0, PAGE), NULL, NULL, NULL));
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"second"));
	SHOW(ring_buffer__add(rb, make_ring(2, PAGE), NULL, NULL));

	printf("nothing to deliver\n");
	SHOW(ring_buffer__consume(rb));
	SHOW(ring_buffer__poll(rb, 0));
	discard(0, 2, 16);
	SHOW(ring_buffer__poll(rb, -1));
	emit(1, 0, 1, 16);
	SHOW(ring_buffer__consume(rb));

	printf("a record in the third ring\n");
	emit(2, 0, 1, 16);
	emit(1, 1, 1, 16);
	in_child("ring_buffer__consume", consume);
	show_query(1);
	show_query(2);
	emit(1, 2, 1, 16);
	in_child("ring_buffer__poll", poll);
	show_query(2);

	printf("and in the first\n");
	discard(0, 2, 16);
	emit(0, 0, 1, 16);
	emit(1, 3, 1, 16);
	in_child("ring_buffer__consume", consume);
	show_query(0);
	show_query(1);
	show_query(2);
	ring_buffer__free(rb);
	return 0;
}
