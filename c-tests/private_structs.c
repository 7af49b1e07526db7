// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reads the rings by itself, through the private structs that libbpf's handles point to, as Falco does. */
#include "harness.h"
#include <sys/epoll.h>

/* As in libbpf since 1.3. */
struct ring {
	ring_buffer_sample_fn sample_cb;
	void *ctx;
	void *data;
	unsigned long *consumer_pos;
	unsigned long *producer_pos;
	unsigned long mask;
	int map_fd;
};

struct ring_buffer {
	struct epoll_event *events;
	struct ring **rings;
	size_t page_size;
	int epoll_fd;
	int ring_cnt;
};

static int walk(struct ring *ring, const char *name)
{
	unsigned long consumer = __atomic_load_n(ring->consumer_pos, __ATOMIC_ACQUIRE);
	unsigned long producer = __atomic_load_n(ring->producer_pos, __ATOMIC_ACQUIRE);
	int records = 0;

	while (consumer < producer) {
		char *record = (char *)ring->data + (consumer & ring->mask);
		__u32 length = __atomic_load_n((__u32 *)record, __ATOMIC_ACQUIRE);
		__u32 size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			print_record((void *)name, record + BPF_RINGBUF_HDR_SZ, size);
			records++;
		}
		consumer += (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		__atomic_store_n(ring->consumer_pos, consumer, __ATOMIC_RELEASE);
	}
	return records;
}

int main(void)
{
	const unsigned int sizes[3] = { PAGE, 65536, 2 * PAGE };
	struct ring_buffer *rb = NULL;
	int maps[3], i;

	harness_open();
	for (i = 0; i < 3; i++) {
		maps[i] = make_ring(i, sizes[i]);
		if (i == 0)
			rb = ring_buffer__new(maps[i], NULL, &maps[i], NULL);
		else
			SHOW(ring_buffer__add(rb, maps[i], i == 1 ? print_record : NULL, (void *)"second"));
	}
	SHOW(rb->ring_cnt);
	SHOW(rb->page_size == (size_t)sysconf(_SC_PAGESIZE));
	SHOW(rb->epoll_fd == ring_buffer__epoll_fd(rb));
	SHOW(rb->rings[0]->sample_cb == NULL);
	SHOW(rb->rings[0]->ctx == &maps[0]);
	SHOW(rb->rings[1]->sample_cb == print_record);
	SHOW(strcmp((char *)rb->rings[1]->ctx, "second"));
	for (i = 0; i < 3; i++) {
		SHOW(rb->rings[i]->mask);
		SHOW(rb->rings[i]->map_fd == maps[i]);
		SHOW(*rb->rings[i]->consumer_pos);
		SHOW(*rb->rings[i]->producer_pos);
	}

	emit(0, 0, 2, 16);
	discard(0, 1, 100);
	emit(0, 2, 1, 24);
	emit(2, 0, 1, 8000);
	/* The array of events has room for one per ring. */
	await_all_notifications();
	SHOW(epoll_wait(rb->epoll_fd, rb->events, rb->ring_cnt, 0));
	printf("ready: %d, %d\n", (int)rb->events[0].data.u64, (int)rb->events[1].data.u64);
	SHOW(walk(rb->rings[0], "first, walked"));
	SHOW(walk(rb->rings[2], "third, walked"));
	show_query(0);
	show_query(2);
	SHOW(ring_buffer__consume(rb));

	/* The program and the library by turns: each goes on where the other stopped. */
	emit(1, 0, 2, 5000);
	SHOW(ring_buffer__poll(rb, -1));
	emit(1, 2, 1, 5000);
	SHOW(walk(rb->rings[1], "second, walked"));
	emit(1, 3, 2, 30000);
	SHOW(ring_buffer__consume(rb));
	emit(1, 5, 2, 30000);
	SHOW(walk(rb->rings[1], "second, walked"));
	SHOW(ring_buffer__poll(rb, 0));
	show_query(1);

	/* The program replaces the callback in the struct: the new one is called. */
	rb->rings[0]->sample_cb = print_record;
	rb->rings[0]->ctx = (void *)"first, by a callback of later";
	emit(0, 3, 1, 16);
	SHOW(ring_buffer__consume(rb));
	ring_buffer__free(rb);
	return 0;
}
