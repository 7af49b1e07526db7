// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring_buffer__consume_n(): over several rings, in their order, up to n records. */
#include "harness.h"
#include <limits.h>

static struct ring_buffer *rb;

static void fill(__u32 records)
{
	__u32 ring;

	printf("%u records in each of three rings\n", records);
	for (ring = 0; ring < 3; ring++)
		emit(ring, 0, records, 16);
}

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"first", NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"second"));
	SHOW(ring_buffer__add(rb, make_ring(2, 2 * PAGE), print_record, (void *)"third"));

	SHOW(ring_buffer__consume_n(rb, 1));
	SHOW(ring_buffer__consume_n(rb, 100));

	fill(2);
	for (int i = 0; i < 7; i++)
		SHOW(ring_buffer__consume_n(rb, 1));

	fill(2);
	SHOW(ring_buffer__consume_n(rb, 2));
	SHOW(ring_buffer__consume_n(rb, 3));
	SHOW(ring_buffer__consume_n(rb, 100));

	fill(2);
	SHOW(ring_buffer__consume_n(rb, 6));
	SHOW(ring_buffer__consume_n(rb, 1));

	fill(1);
	SHOW(ring_buffer__consume_n(rb, INT_MAX));
	fill(1);
	SHOW(ring_buffer__consume_n(rb, SIZE_MAX));

	/* Discarded records do not count, and do not use up the call. */
	discard(0, 3, 16);
	emit(0, 0, 1, 16);
	discard(1, 3, 16);
	emit(1, 0, 2, 16);
	SHOW(ring_buffer__consume_n(rb, 2));
	show_query(0);
	show_query(1);
	/* The call that reaches n does not walk the discarded records after it. */
	discard(1, 1, 16);
	SHOW(ring_buffer__consume_n(rb, 1));
	show_query(1);
	SHOW(ring_buffer__consume_n(rb, 1));
	show_query(1);

	SHOW(ring_buffer__consume_n(rb, 0));
	fill(2);
	SHOW(ring_buffer__consume_n(rb, 0));
	show_query(0);
	show_query(1);
	show_query(2);
	SHOW(ring_buffer__consume_n(rb, 100));
	fill(2);
	SHOW(ring__consume_n(ring_buffer__ring(rb, 1), 0));
	show_query(1);
	SHOW(ring_buffer__consume(rb));
	ring_buffer__free(rb);
	return 0;
}
