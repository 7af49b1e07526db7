// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A reader of two rings whose records come at a moderate pace, by turns. Where a library collects records,
 * it does so for both together: the first record of the other ring does not end that.
 */
#include "paced.h"

#define TURNS 50

int main(void)
{
	unsigned long calls;

	harness_open();
	paced_open();
	start_reader();
	for (int i = 0; i < TURNS; i++) {
		for (__u32 ring = 0; ring < PACED_RINGS; ring++) {
			produce_paced(ring, 0);
			usleep(PACE_US);
		}
	}
	/* This one is not waited for. */
	produce_paced(1, BPF_RB_FORCE_WAKEUP);
	until_delivered();
	calls = paced.calls;
	stop_reader();
	printf("delivered: %s, wrong %lu, miscounted %lu\n", all_delivered() ? "all" : "NOT ALL",
	       paced.wrong, paced.miscounted);
	/* On stderr: it depends on the library's options, and the output is compared. */
	fprintf(stderr, "calls=%lu\n", calls);
	ring_buffer__free(paced.rb);
	return 0;
}
