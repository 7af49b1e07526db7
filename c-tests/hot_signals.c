// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Signals while records come as fast as they can: EINTR means that nothing was consumed. And handlers
 * that jump out of ring_buffer__poll(): at most the last record that was delivered comes again.
 */
#include "hot_ring.h"
#include <setjmp.h>
#include <sys/time.h>

#define SIGNALS 800
#define JUMPS 800

static volatile sig_atomic_t signals, in_poll, has_jumped;
static sigjmp_buf landing;
static struct ring_buffer *rb;
static int again;

static void on_alarm(int number)
{
	(void)number;
	signals = signals + 1;
	if (in_poll == 2) {
		in_poll = 0;
		has_jumped = 1;
		siglongjmp(landing, 1);
	}
}

static void alarm_every(long us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

static int count(void *unused, void *data, size_t size)
{
	if (has_jumped && sequence_of(data) + 1 == hot.next) {
		/* It had returned, but the library had not noted that yet. */
		again++;
		hot_note(data);
		hot.next--;
	}
	has_jumped = 0;
	return hot_count(unused, data, size);
}

static void interrupted(void)
{
	int consumed = 0, miscounted = 0, other = 0;

	signals = 0;
	alarm_every(300);
	while (signals < SIGNALS) {
		__u32 before = hot.next;
		int result = ring_buffer__poll(rb, 100);

		if (result == -EINTR)
			consumed += hot.next != before;
		else if (result < 0)
			other++;
		else
			miscounted += hot.next - before != (__u32)result;
	}
	alarm_every(0);
	printf("signals: consumed, yet EINTR %d, miscounted %d, other errors %d, wrong records %u\n",
	       consumed, miscounted, other, hot.wrong);
}

static void jumped_over(void)
{
	volatile int jumps = 0, errors = 0;

	alarm_every(300);
	while (jumps < JUMPS) {
		int result = 0;

		if (sigsetjmp(landing, 1)) {
			jumps++;
			continue;
		}
		in_poll = 2;
		result = ring_buffer__poll(rb, 100);
		in_poll = 1;
		errors += result < 0 && result != -EINTR;
	}
	alarm_every(0);
	/* Past the last record that may come again. */
	hot_poll(rb, 1000);
	printf("jumped out of poll: errors %d, wrong records %u\n", (int)errors, hot.wrong);
	/* Depends on the time. */
	fprintf(stderr, "again=%d\n", again);
}

int main(void)
{
	struct sigaction action;

	harness_open();
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);
	rb = hot_reader(hot_ring(0), count);
	hot_start(0);
	hot_poll(rb, HOT_WARM);
	interrupted();
	jumped_over();
	hot_end(rb);
	return 0;
}
