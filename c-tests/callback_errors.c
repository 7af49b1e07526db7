// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A negative value from the callback ends the call: its record is consumed, the records after it stay. */
#include "failing_reader.h"
#include <limits.h>

static struct ring_buffer *rb;

static void in_one_ring(void)
{
	printf("in the middle, by poll\n");
	emit(0, 0, 4, 16);
	fail(0, 1, -7);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);

	printf("in the middle, by consume\n");
	emit(0, 0, 4, 16);
	SHOW(ring_buffer__consume(rb));
	show_query(0);
	SHOW(ring_buffer__consume(rb));
	show_query(0);

	printf("the first\n");
	emit(0, 1, 2, 16);
	SHOW(ring_buffer__consume(rb));
	SHOW(ring_buffer__consume(rb));

	printf("the last\n");
	emit(0, 0, 2, 16);
	SHOW(ring_buffer__consume(rb));
	show_query(0);
	/* The ring is empty now, so the next record wakes the reader. */
	SHOW(ring_buffer__poll(rb, 0));
	emit(0, 2, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));

	printf("each of them\n");
	emit(0, 1, 1, 16);
	emit(0, 1, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, 0));

	printf("among discarded ones\n");
	discard(0, 20, 24);
	emit(0, 1, 1, 16);
	discard(0, 2, 24);
	emit(0, 2, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	nobody_fails();
}

static void values(void)
{
	static const int negative[] = { -1, -EINTR, -EAGAIN, -4095, -100000 };
	static const int positive[] = { 1, 7, INT_MAX };
	size_t i;

	printf("negative values\n");
	for (i = 0; i < sizeof(negative) / sizeof(negative[0]); i++) {
		emit(0, 0, 1, 8);
		fail(0, 0, negative[i]);
		SHOW(ring_buffer__consume(rb));
	}
	printf("positive values mean nothing\n");
	for (i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
		emit(0, 0, 2, 8);
		fail(0, 0, positive[i]);
		SHOW(ring_buffer__poll(rb, -1));
	}
	nobody_fails();
}

static void in_several_rings(void)
{
	printf("in the second ring, by consume\n");
	for (int ring = 0; ring < 3; ring++)
		emit(ring, 0, 3, 16);
	fail(1, 1, -5);
	SHOW(ring_buffer__consume(rb));
	for (int ring = 0; ring < 3; ring++)
		show_query(ring);
	SHOW(ring_buffer__consume(rb));

	printf("in the first of those that are ready, by poll\n");
	for (int ring = 2; ring >= 0; ring--) {
		emit(ring, 0, ring == 1 ? 3 : 1, 16);
		/* They are notified about in this order. */
		await_all_notifications();
	}
	SHOW(ring_buffer__poll(rb, -1));
	for (int ring = 0; ring < 3; ring++)
		show_query(ring);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__poll(rb, 0));

	printf("one after the other\n");
	for (int ring = 0; ring < 3; ring++) {
		emit(ring, 0, 2, 16);
		fail(ring, 0, -20 - ring);
	}
	for (int i = 0; i < 5; i++)
		SHOW(ring_buffer__consume(rb));
	nobody_fails();
}

/* errno belongs to the program while its callback runs. */
static int set_errno(void *ctx, void *data, size_t size)
{
	print_record(ctx, data, size);
	errno = EXDEV;
	return 0;
}

static void errno_of_the_callback(void)
{
	struct ring_buffer *other = ring_buffer__new(make_ring(3, PAGE), set_errno, (void *)"sets errno", NULL);

	printf("errno is what the callback left\n");
	emit(3, 0, 1, 16);
	SHOW(ring_buffer__consume(other));
	emit(3, 1, 1, 16);
	SHOW(ring_buffer__poll(other, -1));
	ring_buffer__free(other);
}

int main(void)
{
	harness_open();
	rb = three_rings();
	in_one_ring();
	values();
	in_several_rings();
	errno_of_the_callback();
	ring_buffer__free(rb);
	return 0;
}
