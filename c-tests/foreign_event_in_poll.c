// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring_buffer__poll() while an fd of the program's own is ready in the manager's epoll. */
#include "harness.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static void poll_with(struct ring_buffer *rb, __u64 data, __u32 sequence)
{
	int fd = eventfd(1, 0), polls = 0, delivered = 0, result;
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	event.data.u64 = data;
	if (fd < 0 || epoll_ctl(ring_buffer__epoll_fd(rb), EPOLL_CTL_ADD, fd, &event))
		die("adding an eventfd");
	printf("an event with data.u64 = %#llx\n", (unsigned long long)data);
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__poll(rb, -1));
	emit(0, sequence, 2, 16);
	/* A manager of one ring asks for one event at a time: the foreign one may come first. */
	while (delivered < 2 && polls++ < 10) {
		result = ring_buffer__poll(rb, -1);
		if (result < 0)
			SHOW(result);
		delivered += result;
	}
	printf("%d delivered\n", delivered);
	close(fd);
	SHOW(ring_buffer__poll(rb, 0));
}

int main(void)
{
	struct ring_buffer *rb;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"reader", NULL);
	poll_with(rb, 1, 0);
	poll_with(rb, 0x7fffffff, 2);
	poll_with(rb, 0xffffffff, 4);
	poll_with(rb, 0xdeadbeefdeadbeef, 6);
	ring_buffer__free(rb);
	return 0;
}
