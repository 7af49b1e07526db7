// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* rbshim_ring_buffer__set_busy_poll(): what it returns, that it saves notifications, and that it can be turned off. */
#include <rbshim.h>
#include "background.h"
#include "clock.h"
#include "leaks.h"
#include <sys/epoll.h>

#define TIMES 20

static struct ring_buffer *rb;
/* Waits edge-triggered for the manager. */
static int waiter;
/* What the next callback sets; below 0: nothing. */
static int wanted = -1;

static int set_and_count(void *ctx, void *data, size_t size)
{
	count_record(ctx, data, size);
	if (wanted >= 0)
		printf("set to %d: %d\n", wanted, rbshim_ring_buffer__set_busy_poll(rb, wanted));
	wanted = -1;
	return 0;
}

static void emit_next(void)
{
	background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
}

static bool is_notified(void)
{
	struct epoll_event event;

	return epoll_wait(waiter, &event, 1, 0) == 1;
}

/* One record after the other. The first ones are still as before the change. */
static void one_by_one(const char *when)
{
	unsigned int notified = 0, others = 0;

	for (int i = 0; i < TIMES; i++) {
		emit_next();
		/* The notification is sent by an interrupt. */
		usleep(1000);
		notified += is_notified();
		others += ring_buffer__poll(rb, -1) != 1;
	}
	printf("%s: notified %s, another result %u\n", when,
	       notified >= TIMES - 2 ? "each time"
	       : notified <= 2       ? "hardly ever"
				     : "SOMETIMES",
	       others);
	show_query(0);
}

static void nothing(const char *when)
{
	double begun = now();
	int result = ring_buffer__poll(rb, 20);

	printf("%s: %d, waited %s\n", when, result, now() - begun >= 0.0195 ? "all the time" : "LESS");
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int before;

	harness_open();
	SHOW(rbshim_ring_buffer__set_busy_poll(NULL, 1));
	rb = ring_buffer__new(make_ring(0, 65536), set_and_count, NULL, NULL);
	waiter = epoll_create1(EPOLL_CLOEXEC);
	if (!rb || waiter < 0 || epoll_ctl(waiter, EPOLL_CTL_ADD, ring_buffer__epoll_fd(rb), &event))
		die("a manager and its waiter");
	before = count_descriptors();
	one_by_one("off from the beginning");
	SHOW(rbshim_ring_buffer__set_busy_poll(rb, 1));
	printf("set: %d more descriptors\n", count_descriptors() - before);
	one_by_one("set");
	nothing("set, and no record");
	/* Others settle. */
	SHOW(ring_buffer__consume(rb));
	show_query(0);
	one_by_one("after ring_buffer__consume");
	SHOW(ring_buffer__poll(rb, 0));
	show_query(0);
	one_by_one("after a poll without a timeout");
	SHOW(rbshim_ring_buffer__set_busy_poll(rb, 0));
	nothing("turned off, and no record");
	show_query(0);
	one_by_one("turned off");
	wanted = 1;
	one_by_one("set in a callback");
	wanted = 0;
	one_by_one("turned off in a callback");
	nothing("turned off, and no record");
	show_query(0);
	printf("delivered: %s, out of order %lu\n",
	       background.delivered == background.produced ? "all" : "NOT ALL", background.out_of_order);
	ring_buffer__free(rb);
	return 0;
}
