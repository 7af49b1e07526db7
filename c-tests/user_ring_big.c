// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Records that a BPF program cannot be given: it sees a record as a dynptr, which has 24 bits for its length. One of
 * 2^24 bytes makes each drain fail from then on, and what is behind it never arrives.
 */
#include "user_ring_harness.h"

#define RING_BYTES (64 * 1024 * 1024)
#define TOO_BIG (1u << 24)
#define BEHIND 10

static struct user_ring_buffer *ring;

static void reserve_and_submit(unsigned int size)
{
	void *sample;

	SHOW_POINTER(sample, user_ring_buffer__reserve(ring, size));
	if (sample)
		user_ring_buffer__submit(ring, sample);
}

int main(void)
{
	int i, drained = 0;
	void *sample;

	user_ring_open_sized(RING_BYTES);
	ring = user_ring_buffer__new(user.map, NULL);
	if (!ring)
		die("user_ring_buffer__new");
	printf("a record of 2^24 bytes\n");
	reserve_and_submit(TOO_BIG);
	printf("a larger one, with time to wait\n");
	SHOW_POINTER(sample, user_ring_buffer__reserve_blocking(ring, TOO_BIG + 1, 10));
	if (sample)
		user_ring_buffer__submit(ring, sample);
	printf("a record of 2^24 - 1 bytes, and small ones\n");
	reserve_and_submit(TOO_BIG - 1);
	for (i = 0; i < BEHIND; i++)
		reserve_and_submit(8);
	for (i = 0; i < 2; i++) {
		int result = drain(0);

		printf("drain: %s\n", result < 0 ? errno_name(-result) : "no error");
		drained += result > 0 ? result : 0;
	}
	printf("drained: %d\n", drained);
	user_ring_buffer__free(ring);
	return 0;
}
