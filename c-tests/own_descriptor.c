// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A descriptor of the program's own is ready in the manager's epoll all the time, so that no poll sleeps.
 * Each record comes all the same, also where a library may wait for more before it returns.
 */
#include "hot_ring.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define RECORDS 10000
/* Before the descriptor is there, so that a reader that adapts to the rate has done so. */
#define WARM 100
#define BURST 20
/* Data of the event: no ring has this number. */
#define OWN 1000

int main(void)
{
	int own = eventfd(1, 0), late = 0, failed = 0;
	struct epoll_event event;
	struct ring_buffer *rb;

	harness_open();
	rb = hot_reader(hot_ring(0), hot_count);
	for (int i = 0; i < WARM; i++) {
		hot.produced += emit(0, hot.produced, BURST, HOT_RECORD);
		failed += ring_buffer__poll(rb, -1) < 0;
	}
	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	event.data.u64 = OWN;
	if (own < 0 || epoll_ctl(ring_buffer__epoll_fd(rb), EPOLL_CTL_ADD, own, &event))
		die("adding an eventfd");
	for (int i = 0; i < RECORDS; i++) {
		hot.produced += emit(0, hot.produced, 1, HOT_RECORD);
		/* The program's own event may come first. */
		for (int polls = 0; polls < 2 && hot.next != hot.produced; polls++)
			failed += ring_buffer__poll(rb, -1) < 0;
		late += hot.next != hot.produced;
	}
	printf("%u records, late %d, failed %d, wrong %u, position %s\n", hot.produced, late, failed,
	       hot.wrong, hot_position_is_exact() ? "exact" : "NOT EXACT");
	close(own);
	printf("afterwards: %d\n", ring_buffer__poll(rb, 0));
	ring_buffer__free(rb);
	return 0;
}
