// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A callback reads some of another ring, or tries to, and fails, while that ring has more. Whoever waits edge-triggered
 * for the manager is notified about the rest.
 */
#include <sys/epoll.h>
#include "harness.h"

static struct ring_buffer *rb;
static int delivered;
/* Whether the callback of the first ring is to fail. */
static bool fails;

static int first(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	if (delivered++ == 0)
		/* The turn of this ring ends with more to read. */
		emit(0, 1, 1, 16);
	return fails ? -EPROTO : 0;
}

/* One record of the first ring. */
static int consume_ring(void)
{
	return ring__consume_n(ring_buffer__ring(rb, 0), 1);
}

static int consume_n(void)
{
	return ring_buffer__consume_n(rb, 1);
}

static int consume(void)
{
	return ring_buffer__consume(rb);
}

static int poll_now(void)
{
	return ring_buffer__poll(rb, 0);
}

static int (*inner)(void);
static bool inner_fails;

static int second(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	emit(0, 2, 3, 16);
	fails = inner_fails;
	SHOW(inner());
	fails = false;
	return -EPROTO;
}

static void go(const char *name, int (*outer)(void), int (*inner_call)(void), bool inner_call_fails)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int waiter;

	printf("%s\n", name);
	inner = inner_call;
	inner_fails = inner_call_fails;
	delivered = 0;
	rb = ring_buffer__new(make_ring(0, PAGE), first, NULL, NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), second, NULL));
	waiter = epoll_create1(EPOLL_CLOEXEC);
	SHOW(epoll_ctl(waiter, EPOLL_CTL_ADD, ring_buffer__epoll_fd(rb), &event));

	emit(0, 0, 1, 16);
	emit(1, 0, 1, 16);
	SHOW(epoll_wait(waiter, &event, 1, 0));
	SHOW(outer());
	SHOW(epoll_wait(waiter, &event, 1, 0));
	ring_buffer__consume(rb);
	SHOW(delivered);
	ring_buffer__free(rb);
	close(waiter);
}

int main(void)
{
	harness_open();
	go("poll, ring__consume_n inside", poll_now, consume_ring, false);
	go("poll, ring_buffer__consume_n inside", poll_now, consume_n, false);
	go("poll, a failing ring_buffer__consume inside", poll_now, consume, true);
	go("poll, a failing ring_buffer__poll inside", poll_now, poll_now, true);
	go("consume, ring__consume_n inside", consume, consume_ring, false);
	go("consume, ring_buffer__consume_n inside", consume, consume_n, false);
	go("consume, a failing ring_buffer__consume inside", consume, consume, true);
	go("consume, a failing ring_buffer__poll inside", consume, poll_now, true);
	return 0;
}
