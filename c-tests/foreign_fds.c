// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A program's own fds in the manager's epoll, which it waits on itself. */
#include "harness.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define TIMER 0x4000000000000007ULL
#define PIPE 0xfffffffffffffff0ULL

static struct ring_buffer *rb;
static int event_fd, pipe_fds[2];

static void add(int fd, __u64 data)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	event.data.u64 = data;
	SHOW(epoll_ctl(ring_buffer__epoll_fd(rb), EPOLL_CTL_ADD, fd, &event));
}

static void turn(void)
{
	struct epoll_event events[8];
	int i, count;
	bool seen[2] = { false, false }, rings[2] = { false, false };
	char byte;
	__u64 number;

	await_all_notifications();
	count = epoll_wait(ring_buffer__epoll_fd(rb), events, 8, 0);
	for (i = 0; i < count; i++) {
		if (events[i].data.u64 == TIMER)
			seen[0] = true;
		else if (events[i].data.u64 == PIPE)
			seen[1] = true;
		else if (events[i].data.u64 < 2)
			rings[events[i].data.u64] = true;
		else
			printf("  unknown event %llx\n", (unsigned long long)events[i].data.u64);
	}
	printf("%d ready: ring 0 %s, ring 1 %s, eventfd %s, pipe %s\n", count,
	       rings[0] ? "yes" : "no", rings[1] ? "yes" : "no", seen[0] ? "yes" : "no",
	       seen[1] ? "yes" : "no");
	if (seen[0] && read(event_fd, &number, sizeof(number)) == sizeof(number))
		printf("  eventfd: %llu\n", (unsigned long long)number);
	if (seen[1] && read(pipe_fds[0], &byte, 1) == 1)
		printf("  pipe: '%c'\n", byte);
	if (rings[0] || rings[1])
		SHOW(ring_buffer__consume(rb));
}

int main(void)
{
	__u64 three = 3;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"first", NULL);
	event_fd = eventfd(0, 0);
	if (event_fd < 0 || pipe(pipe_fds))
		die("eventfd and pipe");
	add(event_fd, TIMER);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"second"));
	add(pipe_fds[0], PIPE);

	turn();
	emit(1, 0, 2, 16);
	turn();
	if (write(event_fd, &three, sizeof(three)) < 0 || write(pipe_fds[1], "x", 1) < 0)
		die("write");
	emit(0, 0, 1, 16);
	turn();
	turn();
	/* None of its own is pending: the manager's poll may be used as well. */
	emit(0, 1, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, 0));
	ring_buffer__free(rb);
	return 0;
}
