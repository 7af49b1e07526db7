// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A reader of records that come at a moderate pace. A library may collect records so that the reader is
 * woken less often. Even then the first record of another ring is delivered at once, and a forced wake-up,
 * a signal and the timeout of the call end the wait; and after the call, others who wait for the ring are
 * notified about the next record.
 */
#include "paced.h"
#include <sys/epoll.h>

#define TIMES 2
/* The first of them may find a library that does not collect, since the last time was in vain. */
#define DISCARDS 4

static void on_signal(int number)
{
	(void)number;
}

static void forced(void)
{
	int late = 0;

	for (int i = 0; i < TIMES; i++) {
		feed(PACED_WARM);
		produce_paced(0, BPF_RB_FORCE_WAKEUP);
		late += until_delivered() > SOON_MS;
	}
	printf("forced wake-ups: late %d\n", late);
}

static void other_ring(void)
{
	int late;

	feed(PACED_WARM);
	produce_paced(1, 0);
	late = until_delivered() > SOON_MS;
	printf("another ring: late %d\n", late);
}

static void signalled(void)
{
	int late = 0;

	for (int i = 0; i < TIMES; i++) {
		unsigned long calls;
		long begun;

		feed(PACED_WARM);
		calls = paced.calls;
		begun = milliseconds();
		pthread_kill(paced.thread, SIGUSR1);
		while (paced.calls == calls && milliseconds() - begun <= 10 * SOON_MS)
			usleep(100);
		late += milliseconds() - begun > SOON_MS;
	}
	printf("signals: late %d\n", late);
}

/* What was discarded is never delivered: such a call has nothing to return when the signal comes. */
static void signalled_in_vain(void)
{
	int late = 0;

	for (int i = 0; i < TIMES; i++) {
		unsigned long interrupted = paced.interrupted;
		long begun;

		feed(PACED_WARM);
		until_delivered();
		for (int j = 0; j < DISCARDS; j++) {
			discard(0, 1, PACED_RECORD);
			usleep(10 * PACE_US);
		}
		begun = milliseconds();
		pthread_kill(paced.thread, SIGUSR1);
		while (paced.interrupted == interrupted && milliseconds() - begun <= 10 * SOON_MS)
			usleep(100);
		late += milliseconds() - begun > SOON_MS;
	}
	printf("signals, and nothing was consumed: no EINTR in time %d\n", late);
}

static void unforced(void)
{
	feed(PACED_WARM);
	produce_paced(0, 0);
	/* On stderr: it depends on the library's options, and the output is compared. */
	fprintf(stderr, "unforced_ms=%ld\n", until_delivered());
}

static void *feed_for_a_while(void *unused)
{
	feed(6 * PACED_WARM);
	return unused;
}

static void timeouts(void)
{
	unsigned int too_long = 0, calls = 0;
	pthread_t feeder;

	errno = pthread_create(&feeder, NULL, feed_for_a_while, NULL);
	if (errno)
		die("pthread_create");
	for (long begun = milliseconds(); milliseconds() - begun < 5 * PACED_WARM; calls++) {
		long before = milliseconds();

		paced_poll(30);
		too_long += milliseconds() - before > SOON_MS;
	}
	pthread_join(feeder, NULL);
	printf("calls with a timeout: too long %u, several: %s\n", too_long, calls > 3 ? "yes" : "NO");
}

static void second_waiter(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int not_told = 0, waiter = epoll_create1(EPOLL_CLOEXEC);

	if (waiter < 0 || epoll_ctl(waiter, EPOLL_CTL_ADD, ring_buffer__epoll_fd(paced.rb), &event))
		die("epoll");
	for (int i = 0; i < TIMES; i++) {
		start_reader();
		feed(PACED_WARM);
		stop_reader();
		ring_buffer__consume(paced.rb);
		while (epoll_wait(waiter, &event, 1, 0) > 0)
			;
		produce_paced(0, 0);
		not_told += epoll_wait(waiter, &event, 1, 2000) != 1;
	}
	printf("a second waiter: not told %d\n", not_told);
	close(waiter);
}

int main(void)
{
	struct sigaction action;

	harness_open();
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, NULL);
	paced_open();
	start_reader();
	forced();
	other_ring();
	signalled();
	signalled_in_vain();
	unforced();
	stop_reader();
	timeouts();
	second_waiter();
	paced_poll(100);
	printf("delivered: %s, wrong %lu, miscounted %lu\n", all_delivered() ? "all" : "NOT ALL",
	       paced.wrong, paced.miscounted);
	ring_buffer__free(paced.rb);
	return 0;
}
