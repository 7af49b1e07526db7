// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Signals while polling, and under load. */
#include "harness.h"
#include <setjmp.h>
#include <sys/time.h>

#define RECORDS 300000
#define BATCH 100

static volatile sig_atomic_t signals;
static sigjmp_buf landing;
static int done;
static unsigned long produced, dropped, delivered, out_of_order;

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

static int count_record(void *ctx, void *data, size_t size)
{
	static __u32 last;
	struct record header;

	(void)ctx;
	(void)size;
	memcpy(&header, data, sizeof(header));
	if (delivered && header.sequence <= last)
		out_of_order++;
	last = header.sequence;
	delivered++;
	return 0;
}

static int raise_alarm(void *name, void *data, size_t size)
{
	print_record(name, data, size);
	raise(SIGALRM);
	return 0;
}

static void *producer(void *unused)
{
	for (__u32 first = 0; first < RECORDS; first += BATCH) {
		struct command command = make_command(EMIT, 1, first, BATCH, 16, 0);

		run_command(&command);
		produced += command.done;
		dropped += command.dropped;
	}
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void under_load(void)
{
	struct ring_buffer *rb = ring_buffer__new(make_ring(1, 65536), count_record, NULL, NULL);
	int result, other = 0;
	pthread_t thread;
	sigset_t alarm_set;

	/* The alarms are for this thread: the producer must not be interrupted. */
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
	pthread_create(&thread, NULL, producer, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarm_set, NULL);
	signals = 0;
	alarm_every(500, 500);
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST) || signals < 20) {
		result = ring_buffer__poll(rb, 100);
		other += result < 0 && result != -EINTR;
	}
	alarm_every(0, 0);
	pthread_join(thread, NULL);
	ring_buffer__consume(rb);
	printf("under load: produced + dropped = %lu\n", produced + dropped);
	printf("delivered what was produced: %s\n", delivered == produced ? "yes" : "no");
	printf("out of order: %lu; errors other than EINTR: %d\n", out_of_order, other);
	ring_buffer__free(rb);
}

int main(void)
{
	struct ring_buffer *rb;

	harness_open();
	rb = ring_buffer__new(make_ring(0, 4096), raise_alarm, (void *)"reader", NULL);

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
