// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* longjmp() out of a callback: its record is still there, and so are those after it. */
#include "harness.h"
#include <setjmp.h>

static struct ring_buffer *rb;
static jmp_buf landing;
static int jump_at = -1;

static int jumping(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	show_query(0);
	memcpy(&header, data, sizeof(header));
	if ((int)header.sequence == jump_at) {
		jump_at = -1;
		longjmp(landing, 1);
	}
	return 0;
}

#define LANDED(call)                                                           \
	do {                                                                   \
		if (setjmp(landing) == 0)                                      \
			SHOW(call);                                            \
		else                                                           \
			printf("%s: jumped out\n", #call);                     \
	} while (0)

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), jumping, (void *)"reader", NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), jumping, (void *)"second"));

	printf("out of consume\n");
	emit(0, 0, 4, 16);
	jump_at = 2;
	LANDED(ring_buffer__consume(rb));
	show_query(0);
	LANDED(ring_buffer__consume(rb));
	show_query(0);

	printf("out of poll\n");
	emit(0, 4, 4, 16);
	jump_at = 5;
	LANDED(ring_buffer__poll(rb, -1));
	show_query(0);
	LANDED(ring_buffer__poll(rb, -1));
	LANDED(ring_buffer__poll(rb, 0));

	printf("out of the second ring\n");
	emit(0, 8, 1, 16);
	emit(1, 9, 2, 16);
	jump_at = 10;
	LANDED(ring_buffer__consume(rb));
	show_query(0);
	show_query(1);
	LANDED(ring_buffer__consume(rb));

	printf("after discarded ones, and more come meanwhile\n");
	discard(0, 20, 24);
	emit(0, 11, 2, 16);
	jump_at = 11;
	LANDED(ring_buffer__poll(rb, -1));
	show_query(0);
	emit(0, 13, 1, 16);
	LANDED(ring_buffer__poll(rb, -1));
	show_query(0);
	ring_buffer__free(rb);
	return 0;
}
