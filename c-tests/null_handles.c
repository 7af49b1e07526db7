// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* NULL for a manager, each in a process of its own. */
#include "harness.h"

static int map;

static void add(void)
{
	SHOW(ring_buffer__add(NULL, map, print_record, NULL));
}

static void poll(void)
{
	SHOW(ring_buffer__poll(NULL, -1));
}

static void consume(void)
{
	SHOW(ring_buffer__consume(NULL));
}

static void epoll_fd(void)
{
	SHOW(ring_buffer__epoll_fd(NULL));
}

static void free_null(void)
{
	ring_buffer__free(NULL);
}

int main(void)
{
	harness_open();
	map = make_ring(0, PAGE);
	in_child("ring_buffer__add", add);
	in_child("ring_buffer__poll", poll);
	in_child("ring_buffer__consume", consume);
	in_child("ring_buffer__epoll_fd", epoll_fd);
	in_child("ring_buffer__free", free_null);
	return 0;
}
