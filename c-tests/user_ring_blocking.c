// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* user_ring_buffer__reserve_blocking(): what ends the wait, and what the wait costs. */
#include "user_ring_harness.h"
#include "asleep.h"
#include "clock.h"
#include <limits.h>
#include <sys/time.h>

#define HALF (PAGE / 2 - 8)
/* Does not fit before a drain has taken both halves: what comes while the drain goes on would be drained by it. */
#define LARGER (HALF + 1)

static struct user_ring_buffer *ring;

static void fill_halves(int halves)
{
	while (halves--) {
		void *sample = user_ring_buffer__reserve(ring, HALF);

		if (!sample)
			die("filling the ring");
		fill(sample, HALF, 1);
		user_ring_buffer__submit(ring, sample);
	}
}

struct drainer {
	pthread_t thread;
	unsigned int after_ms;
	__u64 flags;
};

static void *drain_later(void *argument)
{
	struct drainer *drainer = (struct drainer *)argument;

	usleep(drainer->after_ms * 1000);
	drain(drainer->flags);
	return NULL;
}

static void start(struct drainer *drainer)
{
	sigset_t all, old;

	/* The new thread has all signals blocked, so that the waiting thread gets them. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	errno = pthread_create(&drainer->thread, NULL, drain_later, drainer);
	if (errno)
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Returns whether a sample was had; it is submitted. */
static bool reserve(const char *what, unsigned int size, int timeout)
{
	void *sample;
	int error;

	errno = UNTOUCHED;
	sample = user_ring_buffer__reserve_blocking(ring, size, timeout);
	error = errno;
	if (sample) {
		fill(sample, size, 2);
		user_ring_buffer__submit(ring, sample);
		printf("%s: a sample\n", what);
	} else {
		printf("%s: NULL, errno %s\n", what, errno_name(error));
	}
	return sample != NULL;
}

static void with_room(void)
{
	static const int timeouts[] = { 0, 1, 1000, INT_MAX, -1 };
	void *sample;
	size_t i;

	puts("with room for it, there is nothing to wait for");
	for (i = 0; i < sizeof(timeouts) / sizeof(*timeouts); i++) {
		SHOW_POINTER(sample, user_ring_buffer__reserve_blocking(ring, 100, timeouts[i]));
		if (!sample)
			die("reserve");
		fill(sample, 100, (unsigned int)i + 1);
		user_ring_buffer__submit(ring, sample);
	}
	show_drain(0);
}

static void refused(void)
{
	puts("refused at once, with room and without");
	reserve("a timeout of -2", 8, -2);
	reserve("a timeout of INT_MIN", 8, INT_MIN);
	reserve("larger than the ring", LARGEST + 1, -1);
	reserve("with a flag of the header in its size", 0x80000008, -1);
	reserve("both", LARGEST + 1, -2);
	fill_halves(2);
	reserve("a timeout of -2", 8, -2);
	reserve("larger than the ring", LARGEST + 1, -1);
	reserve("a timeout of 0", 8, 0);
	drain(0);
}

static void expires(void)
{
	double begin;

	puts("full until the timeout");
	fill_halves(2);
	begin = now();
	reserve("a timeout of 120 ms", 8, 120);
	puts(now() - begin >= 0.12 ? "  after it" : "  BEFORE IT");
	drain(0);
}

static void drained(const char *what, unsigned int size, int halves, int timeout, __u64 flags)
{
	struct drainer drainer = { 0, 100, flags };

	fill_halves(halves);
	start(&drainer);
	reserve(what, size, timeout);
	pthread_join(drainer.thread, NULL);
	show_drain(0);
}

static void drained_meanwhile(void)
{
	puts("drained by another thread");
	drained("full, for ever", LARGER, 2, -1, 0);
	drained("full, for ever, the largest", LARGEST, 2, -1, 0);
	drained("full, with a timeout", LARGER, 2, 60000, 0);
	drained("full, wake-up forced", LARGER, 2, -1, BPF_RB_FORCE_WAKEUP);
	drained("half full, for ever", LARGEST, 1, -1, 0);
	drained("half full, with a timeout", LARGEST, 1, 60000, 0);
}

/* The drain makes room and notifies nobody. */
static void drained_silently(void)
{
	struct drainer drainer = { 0, 100, BPF_RB_NO_WAKEUP };
	double begin;

	puts("drained with BPF_RB_NO_WAKEUP");
	fill_halves(2);
	begin = now();
	start(&drainer);
	reserve("full, with a timeout", LARGER, 3000);
	puts(now() - begin < 3 ? "  noticed at once" : "  noticed at the timeout");
	pthread_join(drainer.thread, NULL);
	show_drain(0);
}

static void some_room(void)
{
	struct rusage before, after;
	double wall, used;
	long slept;

	puts("some room, but not enough");
	fill_halves(1);
	wall = now();
	used = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	getrusage(RUSAGE_THREAD, &before);
	reserve("a timeout of 500 ms", LARGER, 500);
	getrusage(RUSAGE_THREAD, &after);
	slept = after.ru_nvcsw - before.ru_nvcsw;
	used = seconds_of(CLOCK_THREAD_CPUTIME_ID) - used;
	wall = now() - wall;
	puts(wall >= 0.5 ? "  after it" : "  BEFORE IT");
	/* Who spins gives the CPU up never, or only to print. How much a sleep costs is up to the machine. */
	puts(slept < 10 || used > wall / 2 ? "  waited: spinning" : "  waited: sleeping");
	drain(0);
}

static void *drain_when_asleep(void *thread)
{
	await_sleep(*(pid_t *)thread);
	drain(0);
	return NULL;
}

/* A success after a wait, which has begun with ENOSPC. */
static void errno_of_a_wait(void)
{
	pid_t self = gettid();
	pthread_t thread;
	void *sample;

	puts("errno after a wait");
	fill_halves(2);
	errno = pthread_create(&thread, NULL, drain_when_asleep, &self);
	if (errno)
		die("pthread_create");
	SHOW_POINTER(sample, user_ring_buffer__reserve_blocking(ring, LARGEST, -1));
	pthread_join(thread, NULL);
	if (!sample)
		die("reserve");
	user_ring_buffer__discard(ring, sample);
	drain(0);
}

static volatile sig_atomic_t signals;

static void on_alarm(int signal)
{
	(void)signal;
	signals++;
}

static void interrupted_by(const char *what, int flags, int halves, int timeout)
{
	struct itimerval often = { { 0, 40000 }, { 0, 40000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	action.sa_flags = flags;
	sigaction(SIGALRM, &action, NULL);
	fill_halves(halves);
	signals = 0;
	/* More than one: it could come between two waits. */
	setitimer(ITIMER_REAL, &often, NULL);
	reserve(what, LARGEST, timeout);
	setitimer(ITIMER_REAL, &never, NULL);
	puts(signals ? "  there was a signal" : "  THERE WAS NO SIGNAL");
	drain(0);
}

static void interrupted(void)
{
	puts("interrupted by a signal");
	interrupted_by("for ever", 0, 2, -1);
	interrupted_by("with a timeout", 0, 2, 60000);
	interrupted_by("for ever, SA_RESTART", SA_RESTART, 2, -1);
}

int main(void)
{
	user_ring_open();
	ring = user_ring_buffer__new(user.map, NULL);
	if (!ring)
		die("user_ring_buffer__new");
	with_room();
	refused();
	expires();
	drained_meanwhile();
	drained_silently();
	some_room();
	errno_of_a_wait();
	interrupted();
	user_ring_buffer__free(ring);
	return 0;
}
