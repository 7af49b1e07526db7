// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Callbacks that throw out of a poll of four rings, with records in all of them all the time; some of them
 * read another ring, and are thrown through. The records in hand come again, no other does, and none is
 * lost, whatever is called next.
 */
#include "many_rings.h"

#define TIMES 40
/* Records from one exception to the next. */
#define BETWEEN 1500

struct left {};

static bool nests;
/* Callbacks until the next exception. */
static int until;
static unsigned int thrown_through;
static int delivered;

static int leaving(void *next, void *data, size_t size)
{
	__u32 ring = many_ring(next);

	many_expect(ring, data, size);
	if (--until == 0)
		throw left();
	if (nests && until == 1 && many.depth == 0) {
		/* The exception comes from the inner call, if the other ring has a record. */
		many.depth = 1;
		try {
			ring__consume(ring_buffer__ring(many.rb, (ring + 1) % RINGS));
		} catch (const left &) {
			thrown_through++;
			many.depth = 0;
			throw;
		}
		many.depth = 0;
	}
	many_note(ring);
	delivered++;
	return 0;
}

static int poll()
{
	return ring_buffer__poll(many.rb, -1);
}

static int poll_now()
{
	return ring_buffer__poll(many.rb, 0);
}

static int consume()
{
	return ring_buffer__consume(many.rb);
}

static int consume_some()
{
	return ring_buffer__consume_n(many.rb, 10);
}

/* The record in hand, in its ring alone; then all others. */
static int consume_ring_by_ring()
{
	int result = 0;

	for (__u32 ring = 0; ring < RINGS; ring++)
		result += ring__consume(ring_buffer__ring(many.rb, ring));
	return result;
}

static const struct next_call {
	const char *name;
	int (*call)();
} next_calls[] = {
	{ "ring_buffer__poll(rb, -1)", poll },
	{ "ring_buffer__poll(rb, 0)", poll_now },
	{ "ring_buffer__consume", consume },
	{ "ring_buffer__consume_n(rb, 10)", consume_some },
	{ "ring__consume of each", consume_ring_by_ring },
};

/* Polls until a callback throws. */
static void leave()
{
	until = BETWEEN;
	try {
		for (;;)
			ring_buffer__poll(many.rb, 100);
	} catch (const left &) {
	}
}

static void leave_and(const next_call &next)
{
	unsigned int far = 0, miscounted = 0, inexact = 0;

	thrown_through = 0;
	for (int i = 0; i < TIMES; i++) {
		int result;

		leave();
		for (__u32 ring = 0; ring < RINGS; ring++) {
			__u64 position = (__u64)many.next[ring] * HOT_SPAN;
			__u64 seen = query(ring).consumer_pos;

			far += seen > position || seen + BEHIND_MAX < position;
		}
		/* Nothing is thrown in this one. */
		until = -1;
		delivered = 0;
		result = next.call();
		miscounted += result != delivered;
		inexact += !many_positions_are_exact();
	}
	printf("then %s: position far off %u, miscounted %u, inexact %u, wrong %lu; thrown through a callback: %s\n",
	       next.name, far, miscounted, inexact, many.wrong,
	       !nests && thrown_through == 0 ? "never" : nests && thrown_through > 0 ? "yes" : "NO");
}

int main()
{
	harness_open();
	many_open(leaving);
	for (int i = 0; i < 2; i++) {
		nests = i;
		for (const next_call &next : next_calls)
			leave_and(next);
	}
	until = -1;
	many_end();
	return 0;
}
