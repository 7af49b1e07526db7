// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* How long ring_buffer__poll() waits, and for what. */
#include "harness.h"
#include "clock.h"
#include <limits.h>

static struct ring_buffer *rb;

static void *emit_later(void *unused)
{
	usleep(50000);
	emit(0, 2, 1, 16);
	return unused;
}

static void woken(int timeout)
{
	pthread_t thread;

	pthread_create(&thread, NULL, emit_later, NULL);
	SHOW(ring_buffer__poll(rb, timeout));
	pthread_join(thread, NULL);
}

int main(void)
{
	long before;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"reader", NULL);
	SHOW(ring_buffer__poll(rb, 0));
	before = milliseconds();
	SHOW(ring_buffer__poll(rb, 40));
	/* 39, not 40: the milliseconds are rounded down. */
	SHOW(milliseconds() - before >= 39);

	emit(0, 0, 2, 16);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__poll(rb, 0));
	woken(-1);
	/* Any other negative timeout is for ever, too. */
	woken(-1000);
	woken(INT_MAX);
	woken(60000);
	SHOW(ring_buffer__poll(rb, 1));
	ring_buffer__free(rb);
	return 0;
}
