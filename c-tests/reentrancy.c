// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The library called from inside a callback. */
#include "harness.h"

static struct ring_buffer *rb, *other;
static bool beside_another;
static int nested;

static int act(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	memcpy(&header, data, sizeof(header));
	/* As the kernel sees it, this record is the next to be consumed. */
	show_query(0);
	switch (header.sequence) {
	case 0:
		SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"added"));
		emit(1, 0, 2, 16);
		break;
	case 1:
		SHOW(ring_buffer__epoll_fd(rb) >= 0);
		break;
	case 2:
		emit(2, 0, 3, 16);
		SHOW(ring_buffer__consume(other));
		emit(2, 3, 2, 16);
		SHOW(ring_buffer__poll(other, -1));
		break;
	case 3:
		/* Goes to the end of what is being consumed. Whether another ring has a turn before is said in turns.c. */
		if (!beside_another)
			SHOW(emit(0, 5, 1, 16));
		break;
	}
	return 0;
}

/* The nested call begins with the record whose callback is running. */
static int poll_again(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	show_query(0);
	memcpy(&header, data, sizeof(header));
	if (header.sequence == 1 && !nested) {
		nested = 1;
		printf(" nested\n");
		SHOW(ring_buffer__poll(rb, 0));
		show_query(0);
		printf(" back\n");
	}
	return 0;
}

static int consume_again(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	show_query(0);
	memcpy(&header, data, sizeof(header));
	if (header.sequence == 1 && !nested) {
		nested = 1;
		printf(" nested\n");
		SHOW(ring_buffer__consume(rb));
		show_query(0);
		printf(" back\n");
	}
	return 0;
}

static void new_manager(ring_buffer_sample_fn callback)
{
	ring_buffer__free(rb);
	nested = 0;
	rb = ring_buffer__new(make_ring(0, PAGE), callback, (void *)"outer", NULL);
}

int main(void)
{
	harness_open();
	other = ring_buffer__new(make_ring(2, PAGE), print_record, (void *)"other manager", NULL);

	printf("by consume: the ring that was added has its turn in the same call\n");
	beside_another = true;
	new_manager(act);
	emit(0, 0, 5, 16);
	SHOW(ring_buffer__consume(rb));
	show_query(0);
	beside_another = false;

	printf("by poll: it has its turn in the next, or in this one if that waits for more\n");
	new_manager(act);
	emit(0, 0, 5, 16);
	for (int records = 0, result; records < 8; records += result) {
		result = ring_buffer__poll(rb, -1);
		if (result < 0)
			die("ring_buffer__poll");
	}
	show_query(0);

	printf("poll inside poll\n");
	new_manager(poll_again);
	emit(0, 0, 4, 16);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(ring_buffer__poll(rb, 0));
	emit(0, 4, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));

	printf("poll inside poll, with another ring ready\n");
	new_manager(poll_again);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"second"));
	emit(0, 0, 3, 16);
	emit(1, 0, 2, 16);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, 0));

	printf("consume inside consume\n");
	new_manager(consume_again);
	emit(0, 0, 4, 16);
	SHOW(ring_buffer__consume(rb));
	show_query(0);
	emit(0, 4, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	ring_buffer__free(rb);
	ring_buffer__free(other);
	return 0;
}
