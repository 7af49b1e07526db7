// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Threads that end in ring_buffer__poll() and in its callback while records come as fast as they can:
 * the next thread goes on with the record that was not done with.
 */
#include "hot_ring.h"

#define TIMES 25
#define BETWEEN 10000
#define NEVER 0xffffffffu

enum how { BY_EXIT, BY_CANCEL, FROM_OUTSIDE };

static struct ring_buffer *rb;
static __u32 end_at = NEVER;
static enum how how;
static int cleaned_up;

static void clean_up(void *unused)
{
	(void)unused;
	cleaned_up++;
}

static int ending(void *unused, void *data, size_t size)
{
	(void)unused;
	hot_expect(data, size);
	if (sequence_of(data) == end_at) {
		end_at = NEVER;
		if (how == BY_EXIT)
			pthread_exit(NULL);
		pthread_cancel(pthread_self());
	}
	if (how != BY_EXIT)
		pthread_testcancel();
	hot_note(data);
	return 0;
}

static void *read_for_ever(void *unused)
{
	pthread_cleanup_push(clean_up, NULL);
	for (;;)
		if (ring_buffer__poll(rb, -1) < 0)
			die("ring_buffer__poll");
	pthread_cleanup_pop(0);
	return unused;
}

static void end_threads(const char *name, enum how by)
{
	how = by;
	cleaned_up = 0;
	for (int i = 0; i < TIMES; i++) {
		__u32 before = hot.next;
		pthread_t thread;

		if (by != FROM_OUTSIDE)
			end_at = before + BETWEEN + i;
		errno = pthread_create(&thread, NULL, read_for_ever, NULL);
		if (errno)
			die("pthread_create");
		if (by == FROM_OUTSIDE) {
			while (hot_next() - before < BETWEEN)
				sched_yield();
			pthread_cancel(thread);
		}
		pthread_join(thread, NULL);
	}
	printf("%s: %d of %d cleaned up, wrong records %u\n", name, cleaned_up, TIMES, hot.wrong);
}

int main(void)
{
	harness_open();
	rb = hot_reader(hot_ring(0), ending);
	hot_start(0);
	hot_poll(rb, HOT_WARM);
	end_threads("pthread_exit in the callback", BY_EXIT);
	end_threads("cancelled in the callback", BY_CANCEL);
	end_threads("cancelled from outside", FROM_OUTSIDE);
	hot_end(rb);
	return 0;
}
