// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Callbacks that do not return, while records come as fast as they can: whatever is called next begins
 * with the record that was left, none before it and none after it.
 */
#define BETWEEN 10000
#include "hot_leaving.h"

#define TIMES 8
/* A reader of a ring like this need not hand back space for each record. */
#define BEHIND_MAX 256

static int map;

static int poll(void)
{
	return ring_buffer__poll(rb, -1);
}

static int poll_now(void)
{
	return ring_buffer__poll(rb, 0);
}

static int consume(void)
{
	return ring_buffer__consume(rb);
}

static int open_anew(void)
{
	ring_buffer__free(rb);
	rb = hot_reader(map, leaving);
	return ring_buffer__poll(rb, -1);
}

static int open_another(void)
{
	struct ring_buffer *other = hot_reader(map, leaving);

	ring_buffer__free(rb);
	rb = other;
	return ring_buffer__consume(rb);
}

static const struct next_call {
	const char *name;
	int (*call)(void);
} calls[] = {
	{ "ring_buffer__poll(rb, -1)", poll },
	{ "ring_buffer__poll(rb, 0)", poll_now },
	{ "ring_buffer__consume", consume },
	{ "free, new, poll", open_anew },
	{ "new, free of the first, consume", open_another },
};

static void leave_and(const struct next_call *next)
{
	int not_left = 0, far = 0, not_counted = 0, inexact = 0;

	for (int i = 0; i < TIMES; i++) {
		__u64 start, seen;
		__u32 before;
		int result;

		not_left += !is_left();
		start = (__u64)hot.next * HOT_SPAN;
		seen = query(0).consumer_pos;
		far += seen > start || start - seen > BEHIND_MAX;
		before = hot.next;
		result = next->call();
		not_counted += result <= 0 || hot.next - before != (__u32)result;
		inexact += !hot_position_is_exact();
	}
	printf("left by %s, then %s: not left %d, position far off %d, not what was returned %d, "
	       "position inexact %d, wrong records %u\n",
	       by_exception ? "an exception" : "longjmp", next->name, not_left, far, not_counted,
	       inexact, hot.wrong);
}

int main()
{
	harness_open();
	map = hot_ring(0);
	rb = hot_reader(map, leaving);
	hot_start(0);
	hot_poll(rb, HOT_WARM);
	for (int i = 0; i < 2; i++) {
		by_exception = i;
		for (const struct next_call &call : calls)
			leave_and(&call);
	}
	hot_end(rb);
	return 0;
}
