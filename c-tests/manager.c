// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Making a manager, adding rings to it, waiting, consuming, freeing. */
#include "harness.h"
#include <sys/epoll.h>

static struct ring_buffer *rb;

/* The program itself asks the manager's epoll which rings are ready. */
static void show_ready(void)
{
	struct epoll_event events[8];
	int count, ring, i;

	await_all_notifications();
	count = epoll_wait(ring_buffer__epoll_fd(rb), events, 8, 0);
	printf("epoll: %d ready\n", count);
	for (ring = 0; ring < 8; ring++)
		for (i = 0; i < count; i++)
			if (events[i].data.u64 == (unsigned)ring)
				printf("  data.u64 = %d, EPOLLIN %s\n", ring,
				       events[i].events == EPOLLIN ? "alone" : "and others");
	for (i = 0; i < count; i++)
		if (events[i].data.u64 >= 8)
			printf("  data.u64 = %#llx\n", (unsigned long long)events[i].data.u64);
}

static void one_ring(void)
{
	int map = make_ring(0, PAGE);

	SHOW_POINTER(rb, ring_buffer__new(map, print_record, (void *)"only", NULL));
	SHOW(ring_buffer__epoll_fd(rb) >= 0);
	SHOW(ring_buffer__consume(rb));
	SHOW(ring_buffer__poll(rb, 0));
	emit(0, 0, 3, 16);
	show_ready();
	SHOW(ring_buffer__poll(rb, -1));
	show_ready();
	emit(0, 3, 2, 24);
	SHOW(ring_buffer__consume(rb));
	/* The records were consumed without epoll, which still holds their wake-up: it brings nothing. */
	SHOW(ring_buffer__poll(rb, 0));
	show_ready();
	errno = UNTOUCHED;
	ring_buffer__free(rb);
	ring_buffer__free(NULL);
	printf("ring_buffer__free: errno %s\n", errno_name(errno));
	close(map);
}

static void options(void)
{
	struct ring_buffer_opts opts;
	int map = make_ring(0, PAGE);

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	SHOW_POINTER(rb, ring_buffer__new(map, print_record, NULL, &opts));
	ring_buffer__free(rb);
	opts.sz = 0;
	SHOW_POINTER(rb, ring_buffer__new(map, print_record, NULL, &opts));
	close(map);
}

static void several_rings(void)
{
	int maps[4] = { make_ring(0, PAGE), make_ring(1, 65536), make_ring(2, 2 * PAGE),
			make_ring(3, PAGE) };

	SHOW_POINTER(rb, ring_buffer__new(maps[0], print_record, (void *)"first", NULL));
	SHOW(ring_buffer__add(rb, maps[1], print_record, (void *)"second"));
	SHOW(ring_buffer__add(rb, maps[2], print_record, (void *)"third"));
	SHOW(ring_buffer__add(rb, maps[1], print_record, (void *)"again"));
	SHOW(ring_buffer__add(rb, -1, print_record, (void *)"no fd"));
	/* A ring that could not be added leaves no gap. */
	SHOW(ring_buffer__add(rb, maps[3], print_record, (void *)"fourth"));

	emit(3, 0, 1, 8);
	emit(1, 0, 2, 40000 / 2);
	show_ready();
	SHOW(ring_buffer__consume(rb));
	emit(2, 0, 1, 4096);
	SHOW(ring_buffer__poll(rb, -1));
	emit(0, 0, 1, 16);
	emit(1, 2, 1, 16);
	emit(2, 1, 1, 16);
	emit(3, 1, 1, 16);
	show_ready();
	SHOW(ring_buffer__consume(rb));
	SHOW(ring_buffer__poll(rb, 0));
	SHOW(ring_buffer__poll(rb, 0));
	ring_buffer__free(rb);
	for (int i = 0; i < 4; i++)
		close(maps[i]);
}

static void closed_map_fds(void)
{
	int first = make_ring(0, PAGE), second = make_ring(1, PAGE);

	SHOW_POINTER(rb, ring_buffer__new(first, print_record, (void *)"first", NULL));
	close(first);
	SHOW(ring_buffer__add(rb, second, print_record, (void *)"second"));
	close(second);
	emit(0, 0, 2, 16);
	emit(1, 0, 1, 16);
	SHOW(ring_buffer__consume(rb));
	emit(1, 1, 1, 16);
	SHOW(ring_buffer__poll(rb, 5000));
	ring_buffer__free(rb);
}

int main(void)
{
	harness_open();
	one_ring();
	options();
	several_rings();
	closed_map_fds();
	return 0;
}
