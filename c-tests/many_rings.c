// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Four rings in one manager, with records in all of them all the time. Each ring's records come once and
 * in order; the positions of all rings are those of what has been read; callbacks read the other rings,
 * and fail.
 */
#include "many_rings.h"

/* Records of each ring, and how many where questions keep the rings from being hot. */
#define RECORDS 150000
#define ASKED_RECORDS 50000
/* Callbacks from one special one to the next: primes, so that all combinations come. */
#define READ_EVERY 251
#define FAIL_EVERY 1009
#define QUERY_EVERY 127

/* What the callbacks do: ask for positions; read other rings, and fail. */
static bool asks, disturbs;
static unsigned long callbacks, inexact, far_behind, ahead, miscounted, misreported, inner_calls, failures;
/* Of the outer and of the inner call: records noted, and whether a callback has failed. */
static struct {
	int noted;
	bool failed;
} calls[2];

/* Asks as a program does that looks after its rings. */
static void ask(void)
{
	for (__u32 ring = 0; ring < RINGS; ring++) {
		const struct ring *asked = ring_buffer__ring(many.rb, ring);
		__u64 position = (__u64)many.next[ring] * HOT_SPAN;
		__u64 before = ring__producer_pos(asked);
		__u64 available = ring__avail_data_size(asked);
		__u64 after = ring__producer_pos(asked);

		inexact += ring__consumer_pos(asked) != position;
		inexact += available < before - position || available > after - position;
	}
}

/* Asks the kernel. */
static void look(void)
{
	for (__u32 ring = 0; ring < RINGS; ring++) {
		__u64 position = (__u64)many.next[ring] * HOT_SPAN;
		__u64 seen = query(ring).consumer_pos;

		ahead += seen > position;
		far_behind += seen + BEHIND_MAX < position;
	}
}

/* Whether a call of the program's has returned what its callbacks have done. */
static void judge(int result, unsigned int depth)
{
	if (calls[depth].failed)
		misreported += result != -1;
	else
		miscounted += result != calls[depth].noted;
}

static void read_another(__u32 ring)
{
	struct ring *other = ring_buffer__ring(many.rb, (ring + 1 + callbacks % (RINGS - 1)) % RINGS);

	calls[1].noted = 0;
	calls[1].failed = false;
	judge(callbacks % 2 ? ring__consume(other) : ring__consume_n(other, 3), 1);
	inner_calls++;
}

static int on_record(void *next, void *data, size_t size)
{
	unsigned int depth = many.depth++;
	__u32 ring = many_ring(next);
	bool fails;

	many_expect(ring, data, size);
	callbacks++;
	fails = disturbs && callbacks % FAIL_EVERY == 0;
	if (asks)
		ask();
	if (callbacks % QUERY_EVERY == 0)
		look();
	if (disturbs && depth == 0 && callbacks % READ_EVERY == 0)
		read_another(ring);
	many_note(ring);
	calls[depth].noted++;
	calls[depth].failed = fails;
	failures += fails;
	many.depth--;
	return fails ? -1 : 0;
}

static bool have_come(__u32 records)
{
	for (__u32 ring = 0; ring < RINGS; ring++)
		if (many.next[ring] < records)
			return false;
	return true;
}

static void run(const char *name, bool with_questions)
{
	unsigned long after_call = 0, polls;

	asks = with_questions;
	disturbs = true;
	callbacks = inexact = far_behind = ahead = miscounted = misreported = inner_calls = failures = 0;
	many_open(on_record);
	for (polls = 0; !have_come(asks ? ASKED_RECORDS : RECORDS); polls++) {
		calls[0].noted = 0;
		calls[0].failed = false;
		judge(ring_buffer__poll(many.rb, 100), 0);
		/* Not after each: the rings would not stay hot. */
		if (calls[0].failed || polls % 64 == 0)
			after_call += !many_positions_are_exact();
	}
	printf("%s: inexact in callbacks %lu, after calls %lu; the kernel saw the reader too far behind %lu, "
	       "ahead %lu\n",
	       name, inexact, after_call, far_behind, ahead);
	printf("failures: %s, misreported %lu; calls inside: %s; miscounted %lu\n",
	       failures > 100 ? "many" : "FEW", misreported, inner_calls > 100 ? "many" : "FEW", miscounted);
	disturbs = false;
	many_end();
}

int main(void)
{
	harness_open();
	run("asked in each callback", true);
	run("never asked", false);
	return 0;
}
