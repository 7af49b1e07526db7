// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * When a callback begins, all space before its record has been handed back: what the
 * callback produces fits into the ring exactly when it does with libbpf.
 */
#include "harness.h"

/* A record which takes as much of a ring of one page as one of `bytes` bytes, and its header, take of 4096. */
#define OF_PAGE(bytes) (((bytes) + 8) * (PAGE / 4096) - 8)

static struct ring_buffer *rb;
static __u32 next, answer_size;
static int answers;

static int produce_in_callback(void *name, void *data, size_t size)
{
	__u32 went_in = 0;

	(void)name;
	if (answers > 0) {
		answers--;
		went_in = emit(0, next, 1, answer_size);
		next += went_in;
	}
	printf("  record of %zu bytes, %s; room for %u more: %s\n", size,
	       body_is_intact(data, size) ? "intact" : "DAMAGED", answer_size,
	       went_in ? "yes" : "no");
	return 0;
}

static __u32 fill(__u32 size)
{
	__u32 went_in = emit(0, next, 1000, size);

	next += went_in;
	return went_in;
}

static void fill_and_answer(__u32 size, __u32 answer)
{
	printf("a ring full of records of %u bytes: ", size);
	printf("%u of them\n", fill(size));
	answer_size = answer;
	answers = 20;
	SHOW(ring_buffer__consume(rb));
	show_query(0);
}

static void discards_first(__u32 count, __u32 size, __u32 answer)
{
	printf("%u discarded records of %u bytes, then as many others as fit\n", count, size);
	discard(0, count, size);
	fill(size);
	answer_size = answer;
	answers = 10;
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
}

int main(void)
{
	static const __u32 sizes[] = { 300, 500, 1000, 1350, 2032, 4080 };
	size_t i;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), produce_in_callback, NULL, NULL);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		__u32 size = OF_PAGE(sizes[i]);

		fill_and_answer(size, size);
		fill_and_answer(size, size / 2);
		fill_and_answer(size, size + 8);
	}
	/* While discarded records are walked, a little of the space before is not handed back yet. */
	for (i = 1; i < 130; i += 9)
		discards_first(i, OF_PAGE(16), OF_PAGE((__u32)i * 24 - 8));
	discards_first(7, OF_PAGE(300), OF_PAGE(2100));
	discards_first(1, OF_PAGE(2000), OF_PAGE(2000));
	ring_buffer__free(rb);
	return 0;
}
