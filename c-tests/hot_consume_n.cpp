// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* As hot_leave.cpp, for the functions that libbpf has had since 1.3 and 1.5. */
#define BETWEEN 2500
#include "hot_leaving.h"

#define TIMES 8

static int manager_consume_n(void)
{
	return ring_buffer__consume_n(rb, 3);
}

static int ring_consume_n(void)
{
	return ring__consume_n(ring_buffer__ring(rb, 0), 1);
}

static int ring_consume(void)
{
	return ring__consume(ring_buffer__ring(rb, 0));
}

static void leave_and(const char *name, int (*call)(void))
{
	int not_left = 0, not_counted = 0, inexact = 0;

	for (int i = 0; i < TIMES; i++) {
		__u32 before;
		int result;

		not_left += !is_left();
		before = hot.next;
		result = call();
		not_counted += result <= 0 || hot.next - before != (__u32)result;
		inexact += !hot_position_is_exact();
	}
	printf("left, then %s: not left %d, not what was returned %d, position inexact %d, "
	       "wrong records %u\n",
	       name, not_left, not_counted, inexact, hot.wrong);
}

int main()
{
	harness_open();
	rb = hot_reader(hot_ring(0), leaving);
	hot_start(0);
	hot_poll(rb, HOT_WARM);
	leave_and("ring_buffer__consume_n(rb, 3)", manager_consume_n);
	leave_and("ring__consume_n(ring, 1)", ring_consume_n);
	leave_and("ring__consume(ring)", ring_consume);
	hot_end(rb);
	return 0;
}
