// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A callback reads one record of another ring and fails, while that ring has more. Whoever waits edge-triggered for the
 * manager is notified about the rest.
 */
#include <sys/epoll.h>
#include "harness.h"

static struct ring_buffer *rb;
static int delivered;

static int first(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	if (delivered++ == 0)
		/* The turn of this ring ends with more to read. */
		emit(0, 1, 1, 16);
	return 0;
}

static int second(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	emit(0, 2, 2, 16);
	SHOW(ring__consume_n(ring_buffer__ring(rb, 0), 1));
	return -EPROTO;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int waiter;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), first, NULL, NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), second, NULL));
	waiter = epoll_create1(EPOLL_CLOEXEC);
	SHOW(epoll_ctl(waiter, EPOLL_CTL_ADD, ring_buffer__epoll_fd(rb), &event));

	emit(0, 0, 1, 16);
	emit(1, 0, 1, 16);
	SHOW(epoll_wait(waiter, &event, 1, 0));
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(epoll_wait(waiter, &event, 1, 0));
	ring_buffer__consume(rb);
	SHOW(delivered);
	ring_buffer__free(rb);
	close(waiter);
	return 0;
}
