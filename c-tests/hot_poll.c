// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * ring_buffer__poll() while records come as fast as they can: it returns often enough for a program
 * that has something else to do, looks at the other rings, and waits for as long as it is asked to
 * when the producer stops.
 */
#include "hot_ring.h"
#include "clock.h"

#define SECOND_RING 1
#define SECOND_RECORDS 50

static struct ring_buffer *rb;
static unsigned int second;

static int count_second(void *unused, void *data, size_t size)
{
	(void)unused;
	second += sequence_of(data) == second && body_is_intact(data, size);
	return 0;
}

static void returns(void)
{
	unsigned long calls = 0, miscounted = 0;
	double begun = now();

	while (now() - begun < 1) {
		__u32 before = hot.next;
		int result = ring_buffer__poll(rb, 1000);

		miscounted += result < 0 || hot.next - before != (__u32)result;
		calls++;
	}
	printf("returns in a second: %s, miscounted %lu\n", calls >= 10 ? "10 or more" : "FEW",
	       miscounted);
	/* For measuring: stderr is not compared. */
	fprintf(stderr, "returns=%lu\n", calls);
}

static void other_ring(void)
{
	struct command command = make_command(EMIT, SECOND_RING, 0, 1, 16, 0);
	unsigned int late = 0;

	/* The first one is used by its thread. */
	command.producer = 1;
	if (ring_buffer__add(rb, make_ring(SECOND_RING, PAGE), count_second, NULL))
		die("ring_buffer__add");
	for (unsigned int i = 0; i < SECOND_RECORDS; i++) {
		double begun = now();

		hot_poll(rb, 2000);
		command.first = i;
		run_command(&command);
		while (second <= i && now() - begun < 2)
			if (ring_buffer__poll(rb, 100) < 0)
				die("ring_buffer__poll");
		late += second <= i;
	}
	printf("of the other ring: %u, late %u\n", second, late);
}

static void pauses(void)
{
	unsigned int too_short = 0, too_long = 0, not_nothing = 0;

	for (int i = 0; i < 10; i++) {
		double begun;

		hot_stop();
		hot_poll(rb, hot.produced - hot.next);
		begun = now();
		not_nothing += ring_buffer__poll(rb, 20) != 0;
		too_short += now() - begun < 0.019;
		too_long += now() - begun > 1;
		not_nothing += ring_buffer__poll(rb, 0) != 0;
		/* The first record after a pause wakes. */
		hot.produced += emit(0, hot.produced, 1, HOT_RECORD);
		not_nothing += ring_buffer__poll(rb, -1) != 1;
		hot_start(0);
		hot_poll(rb, 20000);
	}
	printf("without records: too short %u, too long %u, another result %u\n", too_short, too_long,
	       not_nothing);
}

int main(void)
{
	harness_open();
	rb = hot_reader(hot_ring(0), hot_count);
	hot_start(0);
	hot_poll(rb, HOT_WARM);
	returns();
	other_ring();
	pauses();
	hot_end(rb);
	return 0;
}
