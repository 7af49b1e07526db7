// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Signals by the thousand for each of several polling threads, and for the process. */
#include "../fault_load.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define READERS 3
#define SIGNALS 150
#define RECORDS 20000
#define BATCH 50

static struct reader {
	pthread_t thread, producer;
	__u32 ring;
	struct ring_buffer *rb;
	/* Counted by the handler. */
	volatile sig_atomic_t signals;
	int done;
	unsigned long produced, dropped, delivered, returned, interrupted;
	int out_of_order, damaged, other_errors;
	__u32 next;
} readers[READERS];
static __thread struct reader *self;

static void on_signal(int number)
{
	(void)number;
	if (self)
		self->signals = self->signals + 1;
}

static int count_record(void *ctx, void *data, size_t size)
{
	struct reader *reader = (struct reader *)ctx;
	struct record header;

	memcpy(&header, data, sizeof(header));
	reader->out_of_order += header.sequence < reader->next;
	reader->damaged += !body_is_intact(data, size);
	reader->next = header.sequence + 1;
	reader->delivered++;
	return 0;
}

static void *produce(void *ctx)
{
	struct reader *to = (struct reader *)ctx;
	__u32 first;

	for (first = 0; first < RECORDS; first += BATCH) {
		struct command command = make_command(EMIT, to->ring, first, BATCH, 32, 0);

		command.producer = to->ring;
		run_command(&command);
		to->produced += command.done;
		to->dropped += command.dropped;
		if (first % (8 * BATCH) == 0)
			usleep(200);
	}
	__atomic_store_n(&to->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static timer_t signal_every(long us)
{
	struct itimerspec often = { { 0, us * 1000 }, { 0, us * 1000 } };
	struct sigevent event;
	timer_t timer;

	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = SIGRTMIN;
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &often, NULL))
		die("timer");
	return timer;
}

static void *read_all(void *ctx)
{
	struct reader *reader = (struct reader *)ctx;
	timer_t timer;

	self = reader;
	timer = signal_every(400);
	while (!__atomic_load_n(&reader->done, __ATOMIC_SEQ_CST) || reader->signals < SIGNALS) {
		/* The signals go on: this cannot sleep for ever. */
		int result = ring_buffer__poll(reader->rb, -1);

		if (result >= 0)
			reader->returned += result;
		else if (result == -EINTR)
			reader->interrupted++;
		else
			reader->other_errors++;
	}
	timer_delete(timer);
	return NULL;
}

static void start(struct reader *reader)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	errno = pthread_create(&reader->producer, NULL, produce, reader);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (errno || (errno = pthread_create(&reader->thread, NULL, read_all, reader)))
		die("pthread_create");
}

static struct reader finish(struct reader *reader)
{
	pthread_join(reader->thread, NULL);
	pthread_join(reader->producer, NULL);
	reader->returned += ring_buffer__consume(reader->rb);
	ring_buffer__free(reader->rb);
	return *reader;
}

static bool show(struct reader all[READERS])
{
	long lost = 0, not_counted = 0;
	int out_of_order = 0, damaged = 0, other_errors = 0, i;
	bool interrupted = true;

	for (i = 0; i < READERS; i++) {
		lost += labs((long)(all[i].produced - all[i].delivered));
		lost += labs((long)(RECORDS - all[i].produced - all[i].dropped));
		not_counted += labs((long)(all[i].delivered - all[i].returned));
		out_of_order += all[i].out_of_order;
		damaged += all[i].damaged;
		other_errors += all[i].other_errors;
		interrupted = interrupted && all[i].interrupted;
	}
	printf("signals at 2.5 kHz for each of 3 threads, at 1 kHz for the process | "
	       "ring_buffer__poll | %ld lost, %d out of order, %d damaged, %ld delivered but not "
	       "returned, EINTR: %s, other errors: %d | ",
	       lost, out_of_order, damaged, not_counted, interrupted ? "yes" : "NO", other_errors);
	return !lost && !out_of_order && !damaged && !not_counted && interrupted && !other_errors;
}

int main(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action;
	struct holdings before;
	struct reader all[READERS];
	int maps[READERS], i;
	bool well;

	harness_open();
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	for (i = 0; i < READERS; i++)
		maps[i] = make_ring(i, 32768);
	before = holdings();
	for (i = 0; i < READERS; i++) {
		readers[i].ring = i;
		readers[i].rb = ring_buffer__new(maps[i], count_record, &readers[i], NULL);
		if (!readers[i].rb)
			die("ring_buffer__new");
	}
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < READERS; i++)
		start(&readers[i]);
	for (i = 0; i < READERS; i++)
		all[i] = finish(&readers[i]);
	setitimer(ITIMER_REAL, &never, NULL);
	well = show(all);
	well &= show_left_over(before);
	return !well;
}
