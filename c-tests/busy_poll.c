// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What a poll owes its caller beside records: timeouts, signals, and the signal mask, also in callbacks. A library may
 * spin in place of a sleep, and has to notice them all the same.
 */
#include "background.h"
#include "clock.h"
#include <stdatomic.h>

#define RECORDS 200000
#define BATCH 50
/* Signals that are sent while a poll waits, and how often. */
#define TIMES 50
#define EVERY_US 1000

static struct ring_buffer *rb;
static sigset_t own_mask;
static unsigned int masks_changed, handled;
/* Set by a handler, and looked at by two threads. */
static atomic_bool over;
static atomic_bool returned;
static pthread_t reader;

static bool is_own_mask(void)
{
	sigset_t mask;
	int number;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	for (number = 1; number < NSIG; number++)
		if (sigismember(&mask, number) != sigismember(&own_mask, number))
			return false;
	return true;
}

/* One call; whatever it returns, the mask is the program's. */
static int poll_once(int timeout)
{
	int result = ring_buffer__poll(rb, timeout);

	masks_changed += !is_own_mask();
	return result;
}

static int count_and_look(void *ctx, void *data, size_t size)
{
	masks_changed += !is_own_mask();
	return count_record(ctx, data, size);
}

static int fail(void *ctx, void *data, size_t size)
{
	count_and_look(ctx, data, size);
	return -EXDEV;
}

static void on_signal(int number)
{
	(void)number;
	handled++;
	over = true;
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = flags;
	sigaction(number, &action, NULL);
}

static void *send_many(void *number)
{
	for (int i = 0; i < TIMES; i++) {
		usleep(EVERY_US);
		pthread_kill(reader, *(int *)number);
	}
	return NULL;
}

/* Until the call has returned: the first one may come before it. */
static void *send_late(void *number)
{
	while (!returned) {
		usleep(20000);
		pthread_kill(reader, *(int *)number);
	}
	return NULL;
}

/* How does a poll end while another thread sends signals? */
static void signalled(const char *what, void *(*send)(void *), int number, int timeout)
{
	double begun = now();
	pthread_t sender;
	int result;

	handled = 0;
	returned = false;
	errno = pthread_create(&sender, NULL, send, &number);
	if (errno)
		die("pthread_create");
	errno = UNTOUCHED;
	result = poll_once(timeout);
	returned = true;
	printf("%s: %d, errno %s, handled %s, waited %s\n", what, result, errno_name(errno),
	       handled ? "yes" : "no",
	       timeout > 0 && now() - begun >= timeout / 1000.0 - 0.001 ? "all the time" : "less");
	pthread_join(sender, NULL);
}

static void signals(void)
{
	sigset_t one, pending;

	reader = pthread_self();
	handle(SIGUSR1, on_signal, 0);
	signalled("a handler", send_late, SIGUSR1, -1);
	signalled("a handler, with a timeout", send_late, SIGUSR1, 10000);
	handle(SIGUSR1, on_signal, SA_RESTART);
	signalled("a handler that restarts", send_late, SIGUSR1, 10000);
	handle(SIGUSR2, SIG_IGN, 0);
	signalled("ignored", send_many, SIGUSR2, 2 * TIMES * EVERY_US / 1000);
	signalled("ignored by default", send_many, SIGWINCH, 2 * TIMES * EVERY_US / 1000);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	sigaddset(&own_mask, SIGUSR1);
	signalled("blocked", send_many, SIGUSR1, 2 * TIMES * EVERY_US / 1000);
	sigpending(&pending);
	printf("pending: %s\n", sigismember(&pending, SIGUSR1) ? "yes" : "no");
	sigdelset(&own_mask, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	printf("handled: %u\n", handled);
}

static void timeouts(void)
{
	unsigned int short_ones = 0, others = 0;

	for (int timeout = 1; timeout <= 50; timeout += 7) {
		double begun = now();

		errno = UNTOUCHED;
		others += poll_once(timeout) != 0 || errno != UNTOUCHED;
		short_ones += now() - begun < timeout / 1000.0 - 0.0005;
	}
	printf("timeouts: too short %u, another result %u\n", short_ones, others);
	SHOW(poll_once(0));
}

static void *emit_late(void *unused)
{
	usleep(20000);
	background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
	return unused;
}

static void one_record(void)
{
	for (int timeout = -1; timeout <= 10000; timeout += 10001) {
		pthread_t emitter;

		errno = pthread_create(&emitter, NULL, emit_late, NULL);
		if (errno)
			die("pthread_create");
		SHOW(poll_once(timeout));
		pthread_join(emitter, NULL);
	}
}

static void failing(void)
{
	if (ring_buffer__add(rb, make_ring(1, PAGE), fail, NULL))
		die("ring_buffer__add");
	emit(1, 1000000, 2, BACKGROUND_RECORD);
	SHOW(poll_once(1000));
	SHOW(poll_once(1000));
	SHOW(poll_once(20));
	background.delivered -= 2;
	background.last = 0;
}

static void *signal_at_end(void *number)
{
	background.produced += emit(0, (__u32)background.produced, 1, BACKGROUND_RECORD);
	while (!over) {
		__u32 first = (__u32)background.produced;

		background.produced += emit(0, first, 1, BACKGROUND_RECORD);
		if (first % 1000 == 999)
			pthread_kill(reader, *(int *)number);
	}
	return NULL;
}

/* A flag that a handler sets ends the program's loop, with no other timeout. */
static void exit_flag(void)
{
	int number = SIGUSR1;
	pthread_t producer;

	over = false;
	errno = pthread_create(&producer, NULL, signal_at_end, &number);
	if (errno)
		die("pthread_create");
	while (!over)
		poll_once(-1);
	pthread_join(producer, NULL);
	printf("the flag has ended the loop\n");
}

static void conserve(void)
{
	/* Its records are numbered from 0 again. */
	unsigned long before = background.produced;

	background.last = 0;
	background.delivered = background.produced = 0;
	background_start(0, RECORDS, BATCH);
	while (!background_is_done())
		poll_once(100);
	background_end(rb);
	background.produced += before;
}

int main(void)
{
	harness_open();
	pthread_sigmask(SIG_BLOCK, NULL, &own_mask);
	rb = ring_buffer__new(make_ring(0, 512 * 1024), count_and_look, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	timeouts();
	signals();
	one_record();
	timeouts();
	signals();
	exit_flag();
	ring_buffer__consume(rb);
	printf("delivered: %s\n", background.delivered == background.produced ? "all" : "NOT ALL");
	failing();
	timeouts();
	conserve();
	printf("the mask was another one: %u times\n", masks_changed);
	ring_buffer__free(rb);
	return 0;
}
