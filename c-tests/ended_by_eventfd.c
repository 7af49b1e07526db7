// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * An eventfd in the manager's epoll ends a ring_buffer__poll() that would wait for ever. Its event has the data 0,
 * which libbpf takes for the number of a ring: it reads its first one then.
 */
#include "harness.h"
#include "asleep.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define TURNS 100

static struct ring_buffer *rb;
static int wake_fd, thread_id;

static void *poller(void *result)
{
	__atomic_store_n(&thread_id, gettid(), __ATOMIC_SEQ_CST);
	*(int *)result = ring_buffer__poll(rb, -1);
	return NULL;
}

static void wake(void)
{
	__u64 one = 1;

	if (write(wake_fd, &one, sizeof(one)) != sizeof(one))
		die("write");
}

static void wake_is_over(void)
{
	__u64 count;

	if (read(wake_fd, &count, sizeof(count)) != sizeof(count))
		die("read");
}

int main(void)
{
	int turn, result, ended = 0, sum = 0;
	struct epoll_event event;
	pthread_t thread;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"reader", NULL);
	wake_fd = eventfd(0, EFD_NONBLOCK);
	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	if (wake_fd < 0 || epoll_ctl(ring_buffer__epoll_fd(rb), EPOLL_CTL_ADD, wake_fd, &event))
		die("adding an eventfd");
	for (turn = 0; turn < TURNS; turn++) {
		thread_id = 0;
		errno = pthread_create(&thread, NULL, poller, &result);
		if (errno)
			die("pthread_create");
		while (!__atomic_load_n(&thread_id, __ATOMIC_SEQ_CST))
			sched_yield();
		/* The poll is all that it can sleep in. */
		await_sleep(thread_id);
		wake();
		pthread_join(thread, NULL);
		wake_is_over();
		ended += result == 0;
	}
	printf("%d of %d polls ended with 0\n", ended, TURNS);

	puts("as long as it is readable no poll waits");
	wake();
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, -1));
	puts("with a record");
	emit(0, 0, 1, 16);
	while (!sum)
		sum += ring_buffer__poll(rb, -1);
	printf("%d delivered\n", sum);
	wake_is_over();
	SHOW(ring_buffer__poll(rb, 0));
	emit(0, 1, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	ring_buffer__free(rb);
	return 0;
}
