// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A callback reads some of another ring, or tries to, and fails, while that ring has more. Whoever waits edge-triggered
 * for the manager is notified about the rest.
 */
#include <sys/epoll.h>
#include "harness.h"

static struct ring_buffer *rb;
/* A bit for each record of the first ring that has come. */
static unsigned int delivered;
/* Whether the callback of the first ring is to fail, or to poll, once. */
static bool fails, polls;

static int first(void *ctx, void *data, size_t size)
{
	struct record header;

	(void)ctx, (void)size;
	memcpy(&header, data, sizeof(header));
	if (!delivered)
		/* The turn of this ring ends with more to read. */
		emit(0, 1, 1, 16);
	delivered |= 1u << header.sequence;
	if (polls) {
		polls = false;
		ring_buffer__poll(rb, 0);
	}
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

static int consume_n_twice(void)
{
	int result = consume_n();

	return result < 0 ? result : consume_n() + result;
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
static enum { READS, FAILS, POLLS } what;
static bool in_second;

static int second(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	if (in_second)
		return 0;
	in_second = true;
	emit(0, 2, 3, 16);
	fails = what == FAILS;
	polls = what == POLLS;
	SHOW(inner());
	fails = polls = in_second = false;
	return -EPROTO;
}

static void go(const char *name, int (*outer)(void), int (*inner_call)(void), int what_it_does)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int waiter;

	printf("%s\n", name);
	inner = inner_call;
	what = what_it_does;
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
	go("poll, ring__consume_n inside", poll_now, consume_ring, READS);
	go("poll, ring_buffer__consume_n inside", poll_now, consume_n, READS);
	go("poll, ring_buffer__consume_n inside, twice", poll_now, consume_n_twice, READS);
	go("consume, ring_buffer__consume_n inside, twice", consume, consume_n_twice, READS);
	go("poll, a failing ring_buffer__consume inside", poll_now, consume, FAILS);
	go("poll, a failing ring_buffer__poll inside", poll_now, poll_now, FAILS);
	go("poll, ring__consume_n inside, in which all is read", poll_now, consume_ring, POLLS);
	go("consume, ring__consume_n inside, in which all is read", consume, consume_ring, POLLS);
	go("consume, ring__consume_n inside", consume, consume_ring, READS);
	go("consume, ring_buffer__consume_n inside", consume, consume_n, READS);
	go("consume, a failing ring_buffer__consume inside", consume, consume, FAILS);
	go("consume, a failing ring_buffer__poll inside", consume, poll_now, FAILS);
	return 0;
}
