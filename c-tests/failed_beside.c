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

static bool nests;

static int one_more(void *ctx, void *data, size_t size)
{
	struct record header;

	(void)ctx, (void)size;
	memcpy(&header, data, sizeof(header));
	if (header.sequence == 0 && !delivered)
		emit(0, 1, 1, 16);
	delivered |= 1u << header.sequence;
	return 0;
}

static int then_fails(void *ctx, void *data, size_t size)
{
	struct record header;

	(void)ctx, (void)size;
	memcpy(&header, data, sizeof(header));
	if (in_second)
		return 0;
	if (header.sequence)
		return -EPROTO;
	emit(0, 2, 1, 16);
	if (!nests)
		return 0;
	emit(1, 1, 1, 16);
	in_second = true;
	ring_buffer__consume_n(rb, 1);
	ring_buffer__consume_n(rb, 1);
	in_second = false;
	return -EPROTO;
}

/* A call for two records has left the first ring, which a turn had held; the next one fails in the second. */
static void two_calls(void)
{
	ring_buffer__consume_n(rb, 2);
	SHOW(ring_buffer__consume_n(rb, 2));
}

static void one_poll(void)
{
	SHOW(ring_buffer__poll(rb, 0));
}

static void go_by(const char *name, void (*calls)(void), bool first_is_first)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int waiter;

	printf("%s\n", name);
	delivered = 0;
	nests = !first_is_first;
	if (first_is_first) {
		rb = ring_buffer__new(make_ring(0, PAGE), one_more, NULL, NULL);
		ring_buffer__add(rb, make_ring(1, PAGE), then_fails, NULL);
	} else {
		rb = ring_buffer__new(make_ring(1, PAGE), then_fails, NULL, NULL);
		ring_buffer__add(rb, make_ring(0, PAGE), one_more, NULL);
	}
	waiter = epoll_create1(EPOLL_CLOEXEC);
	SHOW(epoll_ctl(waiter, EPOLL_CTL_ADD, ring_buffer__epoll_fd(rb), &event));
	emit(0, 0, 1, 16);
	emit(1, 0, nests ? 1 : 2, 16);
	SHOW(epoll_wait(waiter, &event, 1, 0));
	calls();
	SHOW(epoll_wait(waiter, &event, 1, 0));
	in_second = true;
	ring_buffer__consume(rb);
	in_second = false;
	SHOW(delivered);
	ring_buffer__free(rb);
	close(waiter);
}

int main(void)
{
	harness_open();
	go_by("a call for some records, then one that fails", two_calls, true);
	go_by("calls for some records in a poll that fails", one_poll, false);
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
