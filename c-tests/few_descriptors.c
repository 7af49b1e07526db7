// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A manager that is made when there are hardly any descriptors left: all it needs is its epoll. */
#include "leaks.h"
#include <fcntl.h>

int main(void)
{
	int map, left;

	harness_open();
	map = make_ring(0, PAGE);
	for (left = 0; left < 3; left++) {
		int lowest = open("/dev/null", O_RDONLY);
		struct ring_buffer *rb;
		struct rlimit old;

		close(lowest);
		old = limit(RLIMIT_NOFILE, lowest + left);
		printf("%d descriptors are left\n", left);
		SHOW_POINTER(rb, ring_buffer__new(map, print_record, (void *)"reader", NULL));
		setrlimit(RLIMIT_NOFILE, &old);
		if (!rb)
			continue;
		emit(0, left, 1, 16);
		SHOW(ring_buffer__poll(rb, -1));
		ring_buffer__free(rb);
	}
	return 0;
}
