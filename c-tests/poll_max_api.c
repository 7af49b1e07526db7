// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* rbshim_ring_buffer__set_poll_max_ms(): what it opens, what it returns, and that it can be turned off. */
#include <rbshim.h>
#include "background.h"
#include "leaks.h"
#include <fcntl.h>

#define RECORDS 30000

static struct ring_buffer *rb;
static int descriptors_before;
/* Records that callbacks may produce still. */
static long left;
/* What the next callback sets; below 0: nothing. */
static long wanted = -1;

static void show_descriptors(const char *when)
{
	printf("%s: %d more descriptors\n", when, count_descriptors() - descriptors_before);
}

static int produce_next(void *ctx, void *data, size_t size)
{
	count_record(ctx, data, size);
	if (wanted >= 0) {
		printf("set to %ld: %d\n", wanted,
		       rbshim_ring_buffer__set_poll_max_ms(rb, (unsigned int)wanted));
		wanted = -1;
	}
	if (left-- > 0)
		background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
	return 0;
}

/* Polls until all records are there, each of which brings the next one. */
static void poll_all(const char *when)
{
	unsigned int calls = 0;

	left = RECORDS;
	background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
	while (left > 0 || background.delivered < background.produced) {
		if (ring_buffer__poll(rb, 5000) <= 0)
			die("ring_buffer__poll");
		calls++;
	}
	printf("%s: %s call\n", when, calls == 1 ? "one" : "more than one");
}

int main(void)
{
	struct rlimit old;
	int lowest;

	harness_open();
	SHOW(rbshim_ring_buffer__set_poll_max_ms(NULL, 100));
	descriptors_before = count_descriptors();
	rb = ring_buffer__new(make_ring(0, 65536), produce_next, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	show_descriptors("new, with its map");
	SHOW(rbshim_ring_buffer__set_poll_max_ms(rb, 0));
	show_descriptors("off from the beginning");
	poll_all("off");
	lowest = open("/dev/null", O_RDONLY);
	close(lowest);
	old = limit(RLIMIT_NOFILE, lowest);
	SHOW(rbshim_ring_buffer__set_poll_max_ms(rb, 1));
	setrlimit(RLIMIT_NOFILE, &old);
	show_descriptors("after that");
	poll_all("not set");
	SHOW(rbshim_ring_buffer__set_poll_max_ms(rb, 1));
	show_descriptors("set");
	poll_all("set");
	SHOW(rbshim_ring_buffer__set_poll_max_ms(rb, 0xffffffffu));
	poll_all("set to more than a minute");
	SHOW(rbshim_ring_buffer__set_poll_max_ms(rb, 0));
	poll_all("turned off");
	wanted = 1;
	poll_all("set in a callback");
	poll_all("after that");
	wanted = 0;
	poll_all("turned off in a callback");
	poll_all("after that");
	show_descriptors("turned off");
	printf("out of order: %lu\n", background.out_of_order);
	ring_buffer__free(rb);
	/* The map's is left. */
	show_descriptors("freed");
	return 0;
}
