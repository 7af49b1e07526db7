// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Records of all sizes, round and round: each comes once, whole and in order. */
#include "harness.h"

/* What the callback expects, and what it found. */
static struct {
	const __u32 *sizes;
	__u32 count;
	__u32 next;
	__u32 wrong;
} expected;

static int check_record(void *ctx, void *data, size_t size)
{
	struct record header = { 0, expected.next };
	(void)ctx;

	if (size >= sizeof(header))
		memcpy(&header, data, sizeof(header));
	if (size != expected.sizes[expected.next % expected.count] ||
	    header.sequence != expected.next || !body_is_intact(data, size)) {
		expected.wrong++;
		print_record((void *)"wrong", data, size);
	}
	expected.next++;
	return 0;
}

static void expect(const __u32 *sizes, __u32 count)
{
	expected.sizes = sizes;
	expected.count = count;
	expected.next = expected.wrong = 0;
}

static void mixed_sizes(void)
{
	static const __u32 sizes[] = { 0,  1,  7,   8,   9,   15,   16, 17,
				       63, 64, 100, 255, 333, 1000, 4,  2048 };
	const __u32 count = sizeof(sizes) / sizeof(sizes[0]);
	struct ring_buffer *rb = ring_buffer__new(make_ring(0, PAGE), check_record, NULL, NULL);
	__u32 sequence = 0;
	int consumed = 0;

	expect(sizes, count);
	/* 20,000 records of 245 bytes on average: about 1200 times round a ring of 4096. */
	while (sequence < 20000) {
		int more;

		while (sequence < 20000 && emit(0, sequence, 1, sizes[sequence % count]))
			sequence++;
		more = sequence % 3 ? ring_buffer__consume(rb) : ring_buffer__poll(rb, -1);
		if (more <= 0)
			SHOW(more);
		consumed += more;
	}
	printf("mixed sizes: %u produced, %d consumed, %u wrong\n", sequence, consumed,
	       expected.wrong);
	show_query(0);
	ring_buffer__free(rb);
}

/* The largest record, beginning at many offsets: all but the first span the end of the ring. */
static void largest(__u32 ring_size)
{
	const __u32 size = ring_size - 16, small = 8;
	struct ring_buffer *rb = ring_buffer__new(make_ring(0, ring_size), check_record, NULL, NULL);
	int offset, consumed = 0, wrong = 0;

	printf("ring of %u bytes\n", ring_size);
	SHOW(emit(0, 0, 1, size + 1));
	for (offset = 0; offset < 600; offset++) {
		expect(&size, 1);
		emit(0, 0, 1, size);
		/* Nothing fits into the ring after it. */
		if (emit(0, 1, 1, 0))
			SHOW(offset);
		consumed += ring_buffer__consume(rb);
		wrong += expected.wrong;
		expect(&small, 1);
		emit(0, 0, 1, small);
		consumed += ring_buffer__consume(rb);
		wrong += expected.wrong;
	}
	printf("largest: %d consumed, %d wrong\n", consumed, wrong);
	show_query(0);
	ring_buffer__free(rb);
}

static void empty_records(void)
{
	struct ring_buffer *rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"empty", NULL);

	SHOW(emit(0, 0, 3, 0));
	SHOW(ring_buffer__poll(rb, -1));
	/* One less than the ring has room for headers: it never fills to the last byte. */
	SHOW(emit(0, 0, PAGE / 8, 0));
	show_query(0);
	ring_buffer__free(rb);
}

int main(void)
{
	harness_open();
	mixed_sizes();
	largest(PAGE);
	largest(65536);
	empty_records();
	return 0;
}
