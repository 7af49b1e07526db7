// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* NULL for a ring or a manager, and no callback, in newer libbpfs' functions: each in a process of its own. */
#include "harness.h"

static struct ring_buffer *without_callback;

static void ring_of_null(void)
{
	struct ring *ring;

	SHOW_POINTER(ring, ring_buffer__ring(NULL, 0));
}

static void consume_n_of_null(void)
{
	SHOW(ring_buffer__consume_n(NULL, 1));
}

static void consumer_pos(void)
{
	SHOW(ring__consumer_pos(NULL));
}

static void producer_pos(void)
{
	SHOW(ring__producer_pos(NULL));
}

static void avail_data_size(void)
{
	SHOW(ring__avail_data_size(NULL));
}

static void ring_size(void)
{
	SHOW(ring__size(NULL));
}

static void map_fd(void)
{
	SHOW(ring__map_fd(NULL));
}

static void consume(void)
{
	SHOW(ring__consume(NULL));
}

static void consume_n(void)
{
	SHOW(ring__consume_n(NULL, 1));
}

static void consume_without_callback(void)
{
	SHOW(ring__consume(ring_buffer__ring(without_callback, 0)));
}

static void consume_n_without_callback(void)
{
	SHOW(ring__consume_n(ring_buffer__ring(without_callback, 0), 1));
}

static void all_without_callback(void)
{
	SHOW(ring_buffer__consume_n(without_callback, 5));
}

int main(void)
{
	harness_open();
	in_child("ring_buffer__ring", ring_of_null);
	in_child("ring_buffer__consume_n", consume_n_of_null);
	in_child("ring__consumer_pos", consumer_pos);
	in_child("ring__producer_pos", producer_pos);
	in_child("ring__avail_data_size", avail_data_size);
	in_child("ring__size", ring_size);
	in_child("ring__map_fd", map_fd);
	in_child("ring__consume", consume);
	in_child("ring__consume_n", consume_n);

	SHOW_POINTER(without_callback, ring_buffer__new(make_ring(0, PAGE), NULL, NULL, NULL));
	emit(0, 0, 1, 16);
	in_child("ring__consume", consume_without_callback);
	in_child("ring__consume_n", consume_n_without_callback);
	in_child("ring_buffer__consume_n", all_without_callback);
	show_query(0);
	return 0;
}
