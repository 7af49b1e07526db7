// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Exceptions and longjmp() out of the calls that consume up to n, or a single ring. */
#include "harness.h"
#include <setjmp.h>

static struct ring_buffer *rb;
static jmp_buf landing;
static int leave_at = -1;
static bool by_jump;

static int leaving(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	memcpy(&header, data, sizeof(header));
	if ((int)header.sequence == leave_at) {
		leave_at = -1;
		if (by_jump)
			longjmp(landing, 1);
		throw 5;
	}
	return 0;
}

#define LEAVE(call)                                                            \
	do {                                                                   \
		if (setjmp(landing) == 0) {                                    \
			try {                                                  \
				SHOW(call);                                    \
			} catch (int) {                                        \
				printf("%s: caught\n", #call);                 \
			}                                                      \
		} else {                                                       \
			printf("%s: jumped out\n", #call);                     \
		}                                                              \
		show_query(0);                                                 \
		show_query(1);                                                 \
	} while (0)

static void fill()
{
	emit(0, 0, 3, 16);
	emit(1, 3, 3, 16);
}

int main()
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), leaving, (void *)"first", NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), leaving, (void *)"second"));

	for (int jump = 0; jump < 2; jump++) {
		by_jump = jump;
		fill();
		leave_at = 1;
		LEAVE(ring_buffer__consume_n(rb, 3));
		leave_at = 4;
		LEAVE(ring_buffer__consume_n(rb, 4));
		LEAVE(ring_buffer__consume_n(rb, 4));

		fill();
		leave_at = 5;
		LEAVE(ring__consume(ring_buffer__ring(rb, 1)));
		leave_at = 0;
		LEAVE(ring__consume_n(ring_buffer__ring(rb, 0), 2));
		LEAVE(ring__consume_n(ring_buffer__ring(rb, 0), 2));
		LEAVE(ring_buffer__consume(rb));
	}
	ring_buffer__free(rb);
	return 0;
}
