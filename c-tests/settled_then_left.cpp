// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Four calls, each in a callback of the one before. The innermost reads all rings to the end. The one around it goes
 * on with its own records of the second ring, and a callback throws in the midst of them; the next outer callback
 * catches that and fails. The outermost call must read the second ring from there on.
 */
#include "many_rings.h"

#define TIMES 40
/* Of each ring, while nobody else produces. */
#define RECORDS 20
/* Where the callback throws. The one before it is published when its callback begins, in a hot ring too. */
#define THROWN_AT 2

struct left {};

/* Of the call that runs. 0: it is a poll while records come. */
static int level;
/* Records of the second ring that the third and the outermost call have got. */
static __u32 third, outermost;
/* Whether each of the outermost call's was the next one. */
static bool in_order;
static int inner_failed, innermost_failed;
/* Calls that had more than one record unpublished when the exception was thrown. */
static unsigned int hot_when_left;

static int in_level(int next_level, int (*call)(struct ring_buffer *))
{
	int before = level, result;

	level = next_level;
	try {
		result = call(many.rb);
	} catch (const left &) {
		level = before;
		throw;
	}
	level = before;
	return result;
}

static int poll(struct ring_buffer *rb)
{
	return ring_buffer__poll(rb, 100);
}

static int in_outermost(__u32 ring, const void *data)
{
	if (ring == 0 && third == 0)
		inner_failed += in_level(2, ring_buffer__consume) == -ECANCELED;
	if (ring != 1)
		return 0;
	in_order = in_order && sequence_of(data) == many.next[1] + THROWN_AT + outermost;
	outermost++;
	return 0;
}

static int in_second()
{
	try {
		in_level(3, poll);
	} catch (const left &) {
	}
	return -ECANCELED;
}

static int in_third(__u32 ring, const void *data)
{
	if (ring != 1)
		return 0;
	if (third == THROWN_AT) {
		hot_when_left += query(1).consumer_pos < (__u64)sequence_of(data) * HOT_SPAN;
		throw left();
	}
	if (third++ == 0)
		innermost_failed += in_level(4, ring_buffer__consume) < 1;
	return 0;
}

static int got(void *next, void *data, size_t size)
{
	__u32 ring = many_ring(next);

	switch (level) {
	case 0:
		many_expect(ring, data, size);
		many_note(ring);
		return 0;
	case 1:
		return in_outermost(ring, data);
	case 2:
		return in_second();
	case 3:
		return in_third(ring, data);
	default:
		return 0;
	}
}

/* Polls while records come, so that a reader who adapts to their rate does. Nothing is left then. */
static void warm(__u32 count)
{
	__u32 until = many_total(many.next) + count;

	while ((__s32)(many_total(many.next) - until) < 0)
		if (ring_buffer__poll(many.rb, 100) < 0)
			die("ring_buffer__poll");
	hot_stop();
	if (ring_buffer__consume(many.rb) < 0)
		die("ring_buffer__consume");
}

int main()
{
	unsigned int whole = 0, behind = 0;

	harness_open();
	many_open(got);
	for (int i = 0; i < TIMES; i++) {
		warm(i == 0 ? HOT_WARM : HOT_WARM / 10);
		for (__u32 ring = 0; ring < RINGS; ring++)
			emit(ring, many.produced[ring], RECORDS, HOT_RECORD);
		third = outermost = 0;
		in_order = true;
		in_level(1, ring_buffer__consume);
		whole += in_order && outermost == RECORDS - THROWN_AT;
		for (__u32 ring = 0; ring < RINGS; ring++) {
			many.produced[ring] += RECORDS;
			many.next[ring] += RECORDS;
		}
		behind += !many_positions_are_exact();
		hot_run(many_produce);
	}
	printf("read on from there: %u of %u; position elsewhere: %u; second call failed %d, innermost %d\n",
	       whole, TIMES, behind, inner_failed, innermost_failed);
	fprintf(stderr, "hot_when_left=%u\n", hot_when_left);
	many_end();
	return 0;
}
