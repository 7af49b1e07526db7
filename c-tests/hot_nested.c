// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Callbacks that read their own ring, while records come as fast as they can: the inner call begins
 * with the record of the callback, and the outer call goes on as if there had been no inner one.
 */
#include "hot_ring.h"
#include <setjmp.h>

#define TIMES 10
#define BETWEEN 2500
#define NEVER 0xffffffffu

static struct ring_buffer *rb;
static __u32 nest_at = NEVER;
static int (*inner)(void);
static int inner_result;
/* The record that the inner call must get next, if there is one. */
static __u32 inner_next = NEVER;
static __u32 inner_first, inner_wrong;
/* The callback is left this many records after the one with the inner call. */
static __u32 leave_after;
static __u32 leave_at = NEVER;
static jmp_buf landing;

static int nesting(void *unused, void *data, size_t size)
{
	__u32 sequence = sequence_of(data);

	(void)unused;
	if (inner_next != NEVER) {
		inner_wrong += sequence != inner_next || !body_is_intact(data, size);
		inner_next++;
		return 0;
	}
	hot_expect(data, size);
	if (sequence == nest_at) {
		nest_at = NEVER;
		inner_first = inner_next = sequence;
		inner_result = inner();
		inner_next = NEVER;
		if (leave_after)
			leave_at = sequence + leave_after;
	}
	if (sequence == leave_at) {
		leave_at = NEVER;
		longjmp(landing, 1);
	}
	hot_note(data);
	return 0;
}

static int got(int result)
{
	/* What a failure or another number of records would show as. */
	inner_wrong += result < 0 || inner_next - inner_first != (__u32)result;
	return result;
}

static int consume(void)
{
	return got(ring_buffer__consume(rb));
}

static int poll_now(void)
{
	return got(ring_buffer__poll(rb, 0));
}

static int poll(void)
{
	return got(ring_buffer__poll(rb, 20));
}

static int consume_and_poll(void)
{
	int result = ring_buffer__consume(rb);
	int more = ring_buffer__poll(rb, 20);

	return got(result + more);
}

static void nest(const char *name, int (*call)(void), __u32 then_leave_after)
{
	volatile int too_few = 0;

	inner = call;
	inner_wrong = 0;
	leave_after = then_leave_after;
	for (volatile int i = 0; i < TIMES; i++) {
		nest_at = hot.next + BETWEEN;
		inner_result = -1;
		/* The inner call has moved the position further: that must not last. */
		if (!setjmp(landing))
			hot_poll(rb, 2 * BETWEEN);
		else if (ring_buffer__consume(rb) < 0)
			/* It has to be this: nobody wakes a reader who goes back. */
			die("ring_buffer__consume");
		hot_poll(rb, BETWEEN);
		too_few += inner_result < 1;
	}
	printf("%s inside: without a record %d, wrong %u inside, %u outside\n", name, (int)too_few,
	       inner_wrong, hot.wrong);
}

int main(void)
{
	harness_open();
	rb = hot_reader(hot_ring(0), nesting);
	hot_start(0);
	hot_poll(rb, HOT_WARM);
	for (__u32 after = 0; after < 4; after += 3) {
		printf("%s\n", after ? "and left soon after" : "and no more");
		nest("ring_buffer__consume", consume, after);
		nest("ring_buffer__poll(rb, 0)", poll_now, after);
		nest("ring_buffer__poll(rb, 20)", poll, after);
		nest("ring_buffer__consume, then ring_buffer__poll(rb, 20),", consume_and_poll, after);
	}
	hot_end(rb);
	return 0;
}
