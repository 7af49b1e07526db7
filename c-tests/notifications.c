// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A poll looks at a ring only when the kernel has notified it. */
#include "harness.h"

int main(void)
{
	struct ring_buffer *rb;
	int map;

	harness_open();
	map = make_ring(0, PAGE);
	rb = ring_buffer__new(map, print_record, (void *)"reader", NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"other"));

	printf("without a wake-up\n");
	emit_flags(0, 0, 5, 16, BPF_RB_NO_WAKEUP);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__poll(rb, 20));
	/* Consuming needs no notification. */
	SHOW(ring_buffer__consume(rb));
	SHOW(ring_buffer__consume(rb));

	printf("a forced wake-up brings the others along\n");
	emit_flags(0, 5, 3, 16, BPF_RB_NO_WAKEUP);
	SHOW(ring_buffer__poll(rb, 20));
	emit_flags(0, 8, 1, 16, BPF_RB_FORCE_WAKEUP);
	SHOW(ring_buffer__poll(rb, -1));
	/* epoll keeps a ring on its list of ready ones until it has seen it empty. */
	emit_flags(0, 9, 1, 16, BPF_RB_NO_WAKEUP);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__poll(rb, 0));
	emit_flags(0, 10, 1, 16, BPF_RB_NO_WAKEUP);
	SHOW(ring_buffer__poll(rb, 0));

	printf("an adaptive wake-up goes to a consumer that is behind by nothing\n");
	emit(0, 11, 1, 16);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__consume(rb));
	emit(0, 12, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, 0));

	printf("only the ring that was notified is looked at\n");
	emit_flags(0, 13, 2, 16, BPF_RB_NO_WAKEUP);
	emit(1, 0, 2, 16);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__consume(rb));

	printf("a discarded record may wake, too\n");
	emit_flags(0, 15, 1, 16, BPF_RB_NO_WAKEUP);
	{
		struct command command =
			make_command(DISCARD, 0, 0, 1, 16, BPF_RB_FORCE_WAKEUP);

		run_command(&command);
	}
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	ring_buffer__free(rb);

	printf("what is there already when the ring is added, is seen\n");
	emit_flags(0, 16, 1, 16, BPF_RB_NO_WAKEUP);
	rb = ring_buffer__new(map, print_record, (void *)"new reader", NULL);
	SHOW(ring_buffer__poll(rb, 0));
	ring_buffer__free(rb);
	return 0;
}
