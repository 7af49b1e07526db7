// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Does a flood in one ring keep the others waiting? The callback of the first ring puts a new record into
 * it for each that it gets, up to a number of records, so that it is never empty; now and then it puts one
 * into the second ring, too. Where does the second ring get its records: during the flood or after it?
 */
#include "harness.h"

#define RECORD 16
/* Records in the first ring at any time, and in all. */
#define STANDING 20
#define FLOOD 20000
/* So many of the first ring for one of the second. */
#define OTHER_EVERY 1000
#define OTHERS (FLOOD / OTHER_EVERY)

static struct ring_buffer *rb;
static __u32 flooded, others;
/* What has been delivered; of the second ring, also what came before the end of the flood. */
static __u32 delivered, others_delivered, during;
static unsigned int wrong;

static __u32 sequence_of_record(const void *data, size_t size)
{
	struct record header;

	wrong += size != RECORD || !body_is_intact(data, size);
	memcpy(&header, data, sizeof(header));
	return header.sequence;
}

static int on_flood(void *unused, void *data, size_t size)
{
	(void)unused;
	wrong += sequence_of_record(data, size) != delivered++;
	if (flooded == FLOOD)
		return 0;
	flooded += emit(0, flooded, 1, RECORD);
	if (flooded % OTHER_EVERY == 0)
		others += emit(1, others, 1, RECORD);
	return 0;
}

static int on_other(void *unused, void *data, size_t size)
{
	(void)unused;
	wrong += sequence_of_record(data, size) != others_delivered++;
	during += flooded < FLOOD;
	return 0;
}

static bool is_over(void)
{
	return delivered == FLOOD && others_delivered == others;
}

static int poll(void)
{
	return ring_buffer__poll(rb, 100);
}

static int poll_now(void)
{
	return ring_buffer__poll(rb, 0);
}

static int consume(void)
{
	return ring_buffer__consume(rb);
}

static int consume_one(void)
{
	return ring_buffer__consume_n(rb, 1);
}

static int consume_some(void)
{
	return ring_buffer__consume_n(rb, 64);
}

static void run(const char *name, int (*call)(void))
{
	unsigned int calls, failed = 0, returned = 0;
	int first_map = make_ring(0, 65536), second_map = make_ring(1, PAGE);

	delivered = others_delivered = during = others = wrong = 0;
	rb = ring_buffer__new(first_map, on_flood, NULL, NULL);
	if (!rb || ring_buffer__add(rb, second_map, on_other, NULL))
		die("a manager of two rings");
	close(first_map);
	close(second_map);
	flooded = emit(0, 0, STANDING, RECORD);
	/* Both rings have been notified about. */
	others = emit(1, 0, 1, RECORD);
	for (calls = 0; !is_over() && calls < 2 * FLOOD; calls++) {
		int result = call();

		failed += result < 0;
		returned += result;
	}
	printf("%s: failed %u, not returned %d, wrong %u\n", name, failed,
	       (int)(delivered + others_delivered - returned), wrong);
	printf("  %u and %u records; of the second ring during the flood: %s\n", delivered,
	       others_delivered, during == 0 ? "none" : during < others / 2 ? "few" : "most");
	ring_buffer__free(rb);
}

int main(void)
{
	harness_open();
	run("ring_buffer__poll(rb, 100)", poll);
	run("ring_buffer__poll(rb, 0)", poll_now);
	run("ring_buffer__consume", consume);
	run("ring_buffer__consume_n(rb, 1)", consume_one);
	run("ring_buffer__consume_n(rb, 64)", consume_some);
	return 0;
}
