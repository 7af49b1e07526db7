// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* rbshim_ring_buffer__set_coalesce_us(): what it opens, what it returns, and that it can be turned off. */
#include <rbshim.h>
#include "paced.h"
#include "leaks.h"
#include <fcntl.h>

#define SECOND_US 1000000

static int descriptors_before;

static void show_descriptors(const char *when)
{
	printf("%s: %d more descriptors\n", when, count_descriptors() - descriptors_before);
}

/* Limits the process to `count` more descriptors. */
static struct rlimit leave_descriptors(int count)
{
	int lowest = open("/dev/null", O_RDONLY);

	if (lowest < 0)
		die("open");
	close(lowest);
	return limit(RLIMIT_NOFILE, lowest + count);
}

static void no_descriptors(void)
{
	for (int left = 0; left < 2; left++) {
		struct rlimit old = leave_descriptors(left);

		printf("%d descriptors are left\n", left);
		SHOW(rbshim_ring_buffer__set_coalesce_us(paced.rb, 100));
		setrlimit(RLIMIT_NOFILE, &old);
		show_descriptors("after that");
		produce_paced(0, 0);
		SHOW(ring_buffer__poll(paced.rb, 1000));
	}
}

static void take_turns(void)
{
	bool late;

	start_reader();
	for (int i = 0; i < 2; i++) {
		feed(PACED_WARM);
		produce_paced(0, 0);
		late = until_delivered() > SOON_MS;
		printf("a window of a second: the last record came %s\n", late ? "late" : "SOON");
		stop_reader();
		SHOW(rbshim_ring_buffer__set_coalesce_us(paced.rb, 0));
		start_reader();
		feed(PACED_WARM);
		produce_paced(0, 0);
		late = until_delivered() > SOON_MS;
		printf("none: the last record came %s\n", late ? "LATE" : "soon");
		stop_reader();
		SHOW(rbshim_ring_buffer__set_coalesce_us(paced.rb, SECOND_US));
		start_reader();
	}
	stop_reader();
}

static int set_in_callback(void *us, void *data, size_t size)
{
	unsigned int wanted = *(unsigned int *)us;

	(void)data;
	(void)size;
	*(unsigned int *)us = 0;
	printf("set to %u: %d\n", wanted, rbshim_ring_buffer__set_coalesce_us(paced.rb, wanted));
	return 0;
}

static void in_callback(void)
{
	int map = make_ring(0, PAGE);
	unsigned int us = 500;

	descriptors_before = count_descriptors();
	paced.rb = ring_buffer__new(map, set_in_callback, &us, NULL);
	emit(0, 0, 2, 16);
	SHOW(ring_buffer__poll(paced.rb, -1));
	show_descriptors("set in a callback");
	ring_buffer__free(paced.rb);
	show_descriptors("freed");
}

int main(void)
{
	harness_open();
	SHOW(rbshim_ring_buffer__set_coalesce_us(NULL, 100));
	descriptors_before = count_descriptors();
	paced_open();
	show_descriptors("new");
	SHOW(rbshim_ring_buffer__set_coalesce_us(paced.rb, 0));
	show_descriptors("off from the beginning");
	no_descriptors();
	SHOW(rbshim_ring_buffer__set_coalesce_us(paced.rb, 100));
	show_descriptors("set");
	SHOW(rbshim_ring_buffer__set_coalesce_us(paced.rb, 0xffffffffu));
	show_descriptors("set to more than a second");
	take_turns();
	show_descriptors("turned off and on");
	/* What the reader has left. */
	ring_buffer__consume(paced.rb);
	printf("delivered: %s, wrong %lu, miscounted %lu\n", all_delivered() ? "all" : "NOT ALL",
	       paced.wrong, paced.miscounted);
	ring_buffer__free(paced.rb);
	show_descriptors("freed");
	in_callback();
	return 0;
}
