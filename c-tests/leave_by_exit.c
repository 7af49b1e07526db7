// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A process that ends in its callback. The map lives on: what does the next reader get? */
#include "harness.h"

static int map;
static int end_at;
static bool by_signal;
static bool by_poll;

static int end_here(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	memcpy(&header, data, sizeof(header));
	if ((int)header.sequence != end_at)
		return 0;
	if (by_signal)
		raise(SIGKILL);
	_exit(7);
}

static void first_reader(void)
{
	struct ring_buffer *rb = ring_buffer__new(map, end_here, (void *)"first reader", NULL);

	if (by_poll)
		SHOW(ring_buffer__poll(rb, -1));
	else
		SHOW(ring_buffer__consume(rb));
	printf("not reached\n");
}

static void next_reader(void)
{
	struct ring_buffer *rb;

	show_query(0);
	rb = ring_buffer__new(map, print_record, (void *)"next reader", NULL);
	SHOW(ring_buffer__poll(rb, 0));
	show_query(0);
	emit(0, 100, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	ring_buffer__free(rb);
}

static void produce_and_end(const char *what, int at)
{
	map = make_ring(0, 65536);
	emit(0, 0, 3, 16);
	discard(0, 30, 24);
	emit(0, 3, 3, 16);
	discard(0, 3, 24);
	emit(0, 6, 20, 100);
	end_at = at;
	printf("%s, at record %d\n", by_poll ? "by poll" : "by consume", at);
	in_child(what, first_reader);
	next_reader();
	close(map);
}

int main(void)
{
	static const int ends[] = { 0, 2, 3, 6, 15, 25 };
	size_t i;
	int how;

	harness_open();
	for (how = 0; how < 4; how++) {
		by_signal = how & 1;
		by_poll = how & 2;
		for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			produce_and_end(by_signal ? "killed" : "_exit", ends[i]);
	}
	return 0;
}
