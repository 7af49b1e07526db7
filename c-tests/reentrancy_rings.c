// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The functions of single rings, called from inside a callback. */
#include "harness.h"

static struct ring_buffer *rb, *other;

static void show_positions(struct ring *ring)
{
	SHOW(ring__consumer_pos(ring));
	SHOW(ring__producer_pos(ring));
	SHOW(ring__avail_data_size(ring));
}

static int act(void *name, void *data, size_t size)
{
	struct ring *mine, *second, *none;
	struct record header;

	print_record(name, data, size);
	memcpy(&header, data, sizeof(header));
	mine = ring_buffer__ring(rb, 0);
	show_positions(mine);
	switch (header.sequence) {
	case 0:
		SHOW_POINTER(second, ring_buffer__ring(rb, 1));
		SHOW_POINTER(none, ring_buffer__ring(rb, 2));
		SHOW(ring__size(second));
		break;
	case 1:
		second = ring_buffer__ring(rb, 1);
		SHOW(ring__consume_n(second, 1));
		show_positions(second);
		SHOW(ring__consume(second));
		show_positions(second);
		break;
	case 2:
		emit(2, 0, 3, 16);
		SHOW(ring_buffer__consume_n(other, 2));
		SHOW(ring__consume(ring_buffer__ring(other, 0)));
		break;
	case 3:
		SHOW(ring_buffer__add(rb, make_ring(3, 2 * PAGE), print_record, (void *)"third"));
		SHOW(ring__size(ring_buffer__ring(rb, 2)));
		SHOW(ring_buffer__ring(rb, 0) == mine);
		break;
	}
	return 0;
}

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), act, (void *)"first", NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), print_record, (void *)"second"));
	other = ring_buffer__new(make_ring(2, PAGE), print_record, (void *)"other manager", NULL);

	emit(0, 0, 5, 16);
	emit(1, 0, 4, 16);
	SHOW(ring__consume_n(ring_buffer__ring(rb, 0), 4));
	SHOW(ring_buffer__consume_n(rb, 4));
	show_positions(ring_buffer__ring(rb, 0));
	show_positions(ring_buffer__ring(rb, 1));
	ring_buffer__free(rb);
	ring_buffer__free(other);
	return 0;
}
