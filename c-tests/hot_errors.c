// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Callbacks that fail while records come as fast as they can: that record is consumed, no other is,
 * and the call says which error it was.
 */
#include "hot_ring.h"

#define ERRORS 300

static __u32 fail_at = HOT_WARM;
static int value;

static int failing(void *unused, void *data, size_t size)
{
	__u32 sequence = sequence_of(data);

	(void)unused;
	hot_expect(data, size);
	hot_note(data);
	if (sequence != fail_at)
		/* A positive value has no meaning. */
		return sequence % 100;
	fail_at += 500 + sequence % 7;
	value = sequence % 2 ? -ENOENT : -EINTR;
	return value;
}

int main(void)
{
	int errors = 0, other = 0, inexact = 0, not_there = 0, miscounted = 0;
	struct ring_buffer *rb;

	harness_open();
	rb = hot_reader(hot_ring(0), failing);
	hot_start(0);
	while (errors < ERRORS) {
		__u32 before = hot.next, failed_at = fail_at;
		int result;

		errno = UNTOUCHED;
		result = ring_buffer__poll(rb, 100);
		if (result < 0) {
			errors++;
			other += result != value || errno != -value;
			not_there += hot.next != failed_at + 1;
		} else {
			other += errno != UNTOUCHED;
			miscounted += hot.next - before != (__u32)result;
		}
		/* Not after each call: that would slow the reader down, and the ring would not stay hot. */
		if (result < 0 || hot.next % 64 == 0)
			inexact += !hot_position_is_exact();
	}
	printf("%d errors: other results %d, behind the record that failed %d, miscounted %d, "
	       "position inexact %d\n",
	       errors, other, not_there, miscounted, inexact);
	fail_at = 0;
	hot_end(rb);
	return 0;
}
