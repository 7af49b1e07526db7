/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The reader of overwrite_soak.c. Needs the other headers of that. */
#ifndef OVERWRITE_READER_H
#define OVERWRITE_READER_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What a callback returns that fails. */
#define FAILURE (-ECANCELED)

static struct test_case it;
static struct ring_buffer *manager;
static struct ring *ring;
static int wait_fd;
static atomic_bool reader_stop;
static _Atomic pid_t reader_tid;
static jmp_buf landing;
static __u32 chance = 1;

static int call_library(unsigned int how)
{
	switch (how) {
	case BY_POLL_0:
		return ring_buffer__poll(manager, 0);
	case BY_CONSUME_N:
		return ring_buffer__consume_n(manager, 1 + next_random(&chance) % 4);
	case BY_RING:
		return ring__consume(ring);
	case BY_RING_N:
		return ring__consume_n(ring, 1 + next_random(&chance) % 4);
	case BY_POLL_100:
		return ring_buffer__poll(manager, 100);
	case BY_POLL:
		return ring_buffer__poll(manager, -1);
	default:
		return ring_buffer__consume(manager);
	}
}

/*
 * Returns whether there may be more that nobody is notified about. An edge-triggered reader of the map must go on until
 * a call finds nothing; who waits in another way is notified again.
 */
static bool drain(unsigned int how)
{
	int n = call_library(how);

	if (n < 0 && n != FAILURE) {
		if (!found->errors++)
			fprintf(stderr, "first error: %s from call %u\n", strerror(-n), how);
		/* It may be the same each time, with a warning. */
		usleep(10000);
	}
	return n == FAILURE ||
	       (n > 0 && (how == BY_CONSUME_N || how == BY_RING_N || it.way->wait == WAIT_MAP));
}

/* With a function that does not wait. */
static void read_on(__u64 first_word)
{
	unsigned int how = BY_CONSUME + next_random(&chance) % BY_POLL_100;

	/* Else there would be no end: calls that deliver whole rings in callbacks of such calls. */
	if (expected.depth)
		how = how % 2 ? BY_CONSUME_N : BY_RING_N;
	found->nested++;
	expect_again_in_callback(first_word);
	drain(how);
	expected.depth--;
}

static void take_time(void)
{
	double until = now() + (next_random(&chance) % 100) / 1e6;

	while (now() < until)
		;
}

/* More in callbacks of calls that were made in callbacks, which are few. */
static int do_mischief(__u64 first_word)
{
	__u32 what = next_random(&chance) >> 8 & 255, more = expected.depth ? 16 : 2;

	if (what < 4 * more) {
		if (it.read_on && expected.depth < MAX_DEPTH)
			read_on(first_word);
	} else if (what < 6 * more) {
		found->jumped++;
		expect_again(first_word);
		longjmp(landing, 1);
	} else if (what < 7 * more) {
		found->ended++;
		expect_again(first_word);
		pthread_exit(NULL);
	} else if (what < 8 * more) {
		found->failed++;
		return FAILURE;
	} else if (what < 8 * more + 32) {
		take_time();
	}
	return 0;
}

static int on_record(void *ctx, void *data, size_t size)
{
	const __u64 *words = data;
	__u64 first;
	int result;

	(void)ctx;
	if (!check_record(ring, words, size) || !it.mischief)
		return 0;
	first = words[0];
	result = do_mischief(first);
	if (words[0] != first || !is_whole(words, size / 8))
		found->changed++;
	return result;
}

/* It may end in a callback. Then another one goes on. */
static void *read_ring(void *arg)
{
	struct epoll_event event;

	if (it.pinned)
		pin(0);
	atomic_store(&reader_tid, gettid());
	/* Where callbacks jump to. Some records may have been left behind: the first thing is to read them. */
	setjmp(landing);
	for (;;) {
		while (drain(it.way->drain) && !atomic_load(&reader_stop))
			;
		if (atomic_load(&reader_stop))
			return arg;
		if (it.way->wait != NO_WAIT && epoll_wait(wait_fd, &event, 1, -1) < 0)
			die(WRONG, "epoll_wait: %s", strerror(errno));
	}
}

static void *have_ring_read(void *arg)
{
	pthread_t thread;

	do {
		if (pthread_create(&thread, NULL, read_ring, NULL))
			die(SETUP, "cannot start a thread");
		pthread_join(thread, NULL);
	} while (!atomic_load(&reader_stop));
	return arg;
}

#endif
