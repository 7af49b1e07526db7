// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Signals while polling, and under load. */
#include "background.h"
#include <setjmp.h>
#include <sys/time.h>

#define RECORDS 300000
#define BATCH 100

static volatile sig_atomic_t signals;
static sigjmp_buf landing;

static void on_alarm(int number)
{
	(void)number;
	signals = signals + 1;
}

static void jump_out(int number)
{
	(void)number;
	siglongjmp(landing, 1);
}

static void handle_alarm(void (*handler)(int), int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = flags;
	sigaction(SIGALRM, &action, NULL);
}

static void alarm_every(long first_us, long then_us)
{
	struct itimerval timer = { { 0, then_us }, { 0, first_us } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

static int raise_alarm(void *name, void *data, size_t size)
{
	print_record(name, data, size);
	raise(SIGALRM);
	return 0;
}

static void under_load(void)
{
	struct ring_buffer *rb = ring_buffer__new(make_ring(1, 65536), count_record, NULL, NULL);
	int result, other = 0;
	sigset_t alarm_set;

	/* The alarms are for this thread: the producer must not be interrupted. */
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
	background_start(1, RECORDS, BATCH);
	pthread_sigmask(SIG_UNBLOCK, &alarm_set, NULL);
	signals = 0;
	alarm_every(500, 500);
	while (!background_is_done() || signals < 20) {
		result = ring_buffer__poll(rb, 100);
		other += result < 0 && result != -EINTR;
	}
	alarm_every(0, 0);
	printf("under load\n");
	background_end(rb);
	printf("errors other than EINTR: %d\n", other);
	ring_buffer__free(rb);
}

int main(void)
{
	struct ring_buffer *rb;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), raise_alarm, (void *)"reader", NULL);

	handle_alarm(on_alarm, 0);
	alarm_every(20000, 0);
	SHOW(ring_buffer__poll(rb, -1));
	printf("signals: %d\n", (int)signals);
	/* A wait for events is never restarted. */
	handle_alarm(on_alarm, SA_RESTART);
	alarm_every(20000, 0);
	SHOW(ring_buffer__poll(rb, 10000));
	printf("signals: %d\n", (int)signals);

	/* A signal in the callback is no business of the poll. */
	emit(0, 0, 2, 16);
	SHOW(ring_buffer__poll(rb, -1));
	printf("signals: %d\n", (int)signals);

	handle_alarm(jump_out, 0);
	if (sigsetjmp(landing, 1) == 0) {
		alarm_every(20000, 0);
		SHOW(ring_buffer__poll(rb, -1));
	} else {
		printf("the handler jumped out of ring_buffer__poll\n");
	}
	handle_alarm(on_alarm, 0);
	emit(0, 2, 2, 16);
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	ring_buffer__free(rb);

	under_load();
	return 0;
}
