// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A callback that is slower than the producer: each record brings the next one. libbpf's poll returns only when
 * that ends; a library that returns before must leave nothing behind that its reader is not notified about.
 *
 * poll_max [RECORDS]
 */
#include "background.h"
#include "clock.h"
#include <sys/epoll.h>

#define SECONDS 1
#define PATIENCE_MS 5000

static struct ring_buffer *rb;
static volatile sig_atomic_t over;
/* Records that callbacks may produce still; below 0: as many as come before the alarm. */
static long left;
static long records = 30000;

static void on_alarm(int number)
{
	(void)number;
	over = 1;
}

static int produce_next(void *ctx, void *data, size_t size)
{
	count_record(ctx, data, size);
	if (left > 0 ? left-- > 0 : left < 0 && !over)
		background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
	return 0;
}

static void begin(long more)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);
	over = 0;
	left = more;
	background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
	if (more < 0)
		alarm(SECONDS);
}

static void show(const char *what)
{
	printf("%s: delivered %s, out of order %lu\n", what,
	       background.delivered == background.produced ? "all" : "NOT ALL", background.out_of_order);
}

/* How often does a call return before the alarm? On stderr: it depends on the library's options. */
static void show_returns(const char *what, unsigned int returns)
{
	fprintf(stderr, "%s=%u\n", what, returns);
}

static void polls(void)
{
	unsigned int returns = 0, wrong = 0;

	begin(-1);
	while (!over) {
		unsigned long before = background.delivered;
		int result = ring_buffer__poll(rb, PATIENCE_MS);

		wrong += result != (int)(background.delivered - before) && result != -EINTR;
		returns += !over;
	}
	show_returns("poll", returns);
	/* The last one may have come after a poll had returned. */
	wrong += ring_buffer__poll(rb, 0) < 0;
	show("poll");
	printf("miscounted: %u\n", wrong);
}

/* These settle, always. */
static void others(void)
{
	unsigned int returns = 0;

	begin(-1);
	ring_buffer__poll(rb, 0);
	returns += !over;
	show("poll without a timeout");
	begin(-1);
	ring_buffer__consume(rb);
	returns += !over;
	show("consume");
	printf("returned before the end: %u\n", returns);
}

/* A poll when all is there waits as long as it is asked to, whatever the one before has left behind. */
static void waits_again(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int level = epoll_create1(EPOLL_CLOEXEC);
	double begun;
	int result;

	if (level < 0 || epoll_ctl(level, EPOLL_CTL_ADD, ring_buffer__epoll_fd(rb), &event))
		die("epoll");
	begin(records);
	ring_buffer__poll(rb, PATIENCE_MS);
	ring_buffer__consume(rb);
	printf("consumed: %d ready\n", epoll_wait(level, &event, 1, 0));
	begun = now();
	result = ring_buffer__poll(rb, 50);
	printf("nothing is there: %d, waited: %s\n", result, now() - begun >= 0.049 ? "yes" : "NO");
	begin(records);
	ring_buffer__poll(rb, PATIENCE_MS);
	/* By the rest of them, or by nothing if all are there. */
	while (ring_buffer__poll(rb, 50) > 0)
		;
	show("polls");
	close(level);
}

/* Polls when `waiter` says so, edge-triggered. */
static void edges(const char *what, int waiter)
{
	struct epoll_event event;
	unsigned int asleep = 0, polls = 0;

	begin(records);
	while (background.delivered < background.produced && !asleep) {
		asleep += epoll_wait(waiter, &event, 1, PATIENCE_MS) != 1;
		ring_buffer__poll(rb, PATIENCE_MS);
		polls++;
	}
	show(what);
	printf("asleep on data: %u\n", asleep);
	fprintf(stderr, "%s=%u\n", what, polls - 1);
}

static int watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int waiter = epoll_create1(EPOLL_CLOEXEC);

	if (waiter < 0 || epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
	while (epoll_wait(waiter, &event, 1, 0) > 0)
		;
	return waiter;
}

static int fail(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return -EPROTO;
}

/* The same, where after each poll another call fails in a ring that comes first. */
static void fails_beside(void)
{
	unsigned int asleep = 0, polls = 0, not_failed = 0;
	struct epoll_event event;
	int waiter;

	rb = ring_buffer__new(make_ring(1, 65536), fail, NULL, NULL);
	if (!rb || ring_buffer__add(rb, make_ring(0, 65536), produce_next, NULL))
		die("ring_buffer__new");
	waiter = watch(ring_buffer__epoll_fd(rb));
	begin(records);
	while (background.delivered < background.produced && !asleep) {
		asleep += epoll_wait(waiter, &event, 1, PATIENCE_MS) != 1;
		ring_buffer__poll(rb, PATIENCE_MS);
		emit(1, 0, 1, 16);
		/* Takes the event away. */
		epoll_wait(waiter, &event, 1, 0);
		not_failed += (polls % 2 ? ring_buffer__poll(rb, 0) : ring_buffer__consume(rb)) != -EPROTO;
		polls++;
	}
	show("beside");
	printf("asleep on data: %u, did not fail: %u\n", asleep, not_failed);
	fprintf(stderr, "beside=%u\n", polls - 1);
	ring_buffer__free(rb);
	close(waiter);
}

int main(int argc, char **argv)
{
	int outer, outermost;

	if (argc > 1)
		records = atol(argv[1]);

	harness_open();
	rb = ring_buffer__new(make_ring(0, 65536), produce_next, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	polls();
	others();
	waits_again();
	outer = watch(ring_buffer__epoll_fd(rb));
	edges("outer", outer);
	outermost = watch(outer);
	while (epoll_wait(outer, &(struct epoll_event){ 0 }, 1, 0) > 0)
		;
	edges("outermost", outermost);
	edges("itself", ring_buffer__epoll_fd(rb));
	ring_buffer__free(rb);
	fails_beside();
	return 0;
}
