// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A record that another thread has reserved and not yet committed holds back the records after it. */
#include "harness.h"

/* Three fit into the ring. */
#define QUARTER (PAGE / 4 - 24)

static struct ring_buffer *rb;
static struct holder holder;

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"reader", NULL);

	printf("at the head\n");
	hold(&holder, make_command(HOLD, 0, 0, 3, 16, 0));
	SHOW(ring_buffer__consume(rb));
	SHOW(ring_buffer__poll(rb, 0));
	show_query(0);
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("after two committed ones\n");
	emit(0, 4, 2, 16);
	hold(&holder, make_command(HOLD, 0, 6, 3, 16, 0));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(ring_buffer__consume(rb));
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("records after it wake nobody\n");
	hold(&holder, make_command(HOLD, 0, 10, 0, 16, 0));
	emit(0, 11, 3, 16);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__consume(rb));
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));

	printf("discarded in the end\n");
	hold(&holder, make_command(HOLD_AND_DISCARD, 0, 14, 2, 16, 0));
	SHOW(ring_buffer__consume(rb));
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("alone and discarded\n");
	hold(&holder, make_command(HOLD_AND_DISCARD, 0, 0, 0, 16, 0));
	SHOW(ring_buffer__consume(rb));
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("a discarded one before it\n");
	discard(0, 1, 16);
	hold(&holder, make_command(HOLD, 0, 17, 1, 16, 0));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("the ring fills after it\n");
	hold(&holder, make_command(HOLD, 0, 19, 1, QUARTER, 0));
	SHOW(emit(0, 21, 10, QUARTER));
	SHOW(ring_buffer__consume(rb));
	SHOW(emit(0, 21, 10, QUARTER));
	release(&holder);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(emit(0, 23, 1, PAGE - 16));
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	ring_buffer__free(rb);
	return 0;
}
