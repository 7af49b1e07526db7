// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Threads cancelled in the library and in its callback, again and again; the next one goes on. */
#include "../fault_load.h"
#include "../user_ring_harness.h"

#define CANCELS 25

static struct ring_buffer *rb;
static struct user_ring_buffer *user_rb;
static int map;
static int (*read_ring)(struct ring_buffer *);
/* The callback blocks in read() while `block` is set. */
static int never[2];
static int block, blocked, asleep;
static int cleaned_callbacks, cleaned_threads, cancelled;

static void clean_up(void *counter)
{
	__atomic_add_fetch((int *)counter, 1, __ATOMIC_SEQ_CST);
}

static int cancellable(void *unused, void *data, size_t size)
{
	char byte;

	(void)unused;
	pthread_cleanup_push(clean_up, &cleaned_callbacks);
	begin_record();
	if (__atomic_exchange_n(&block, 0, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&blocked, 1, __ATOMIC_SEQ_CST);
		if (read(never[0], &byte, 1) != -2)
			die("woken from a read that waits for ever");
	}
	pthread_testcancel();
	/* From here on it is consumed. */
	note_record(data, size);
	pthread_cleanup_pop(0);
	return 0;
}

static void *read_for_ever(void *unused)
{
	pthread_cleanup_push(clean_up, &cleaned_threads);
	__atomic_store_n(&asleep, 1, __ATOMIC_SEQ_CST);
	for (;;)
		if (read_ring(rb) < 0)
			die("reading");
	pthread_cleanup_pop(0);
	return unused;
}

static void *reserve_for_ever(void *unused)
{
	pthread_cleanup_push(clean_up, &cleaned_threads);
	__atomic_store_n(&asleep, 1, __ATOMIC_SEQ_CST);
	user_ring_buffer__reserve_blocking(user_rb, 8, -1);
	pthread_cleanup_pop(0);
	return unused;
}

static pthread_t start(void *(*body)(void *))
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, body, NULL);
	if (errno)
		die("pthread_create");
	return thread;
}

static void cancel(pthread_t thread)
{
	void *value = NULL;

	pthread_cancel(thread);
	pthread_join(thread, &value);
	cancelled += value == PTHREAD_CANCELED;
}

static void wait_until(int *flag)
{
	while (!__atomic_exchange_n(flag, 0, __ATOMIC_SEQ_CST))
		usleep(50);
}

static int poll_for_ever(struct ring_buffer *manager)
{
	return ring_buffer__poll(manager, -1);
}

/* Has no cancellation point of its own: the thread is cancelled inside the library. */
static int consume_for_ever(struct ring_buffer *manager)
{
	int result = ring_buffer__consume(manager);

	if (result == 0)
		sched_yield();
	return result;
}

static bool all_cleaned_up(int callbacks)
{
	printf("cancelled: %d, cleaned up: %d threads, callbacks: %s\n", cancelled, cleaned_threads,
	       callbacks < 0 ? "as many as were left" : cleaned_callbacks == callbacks ? "all" : "NOT ALL");
	return cancelled == CANCELS && cleaned_threads == CANCELS &&
	       (callbacks < 0 || cleaned_callbacks == callbacks);
}

static struct holdings begin(void)
{
	memset(tally, 0, sizeof(*tally));
	cancelled = cleaned_threads = cleaned_callbacks = 0;
	map = make_ring(0, 65536);
	return holdings();
}

static bool end(const char *fault, const char *call, int callbacks, struct holdings before)
{
	/* What was begun and not left was consumed. */
	__u32 left = begun() - (__u32)tally->of[0].noted - (__u32)tally->of[1].noted;
	bool well;

	ring_buffer__free(rb);
	well = show_tally(fault, call, 0);
	well &= show_left_over(before);
	well &= all_cleaned_up(callbacks);
	if ((int)left != cleaned_callbacks)
		puts("CONSUMED WITHOUT ITS CALLBACK");
	close(map);
	return well && (int)left == cleaned_callbacks;
}

static bool asleep_in_poll(void)
{
	struct holdings before = begin();
	bool well = true;
	int i;

	rb = ring_buffer__new(map, cancellable, NULL, NULL);
	read_ring = poll_for_ever;
	for (i = 0; i < CANCELS; i++) {
		pthread_t thread = start(read_for_ever);

		wait_until(&asleep);
		if (i % 2)
			usleep(2000);
		cancel(thread);
		tally->of[0].produced += emit(0, i, 1, LOAD_RECORD);
		well &= ring_buffer__poll(rb, -1) == 1;
	}
	if (!well)
		puts("THE NEXT POLL FAILS");
	return end("pthread_cancel, asleep", "ring_buffer__poll", 0, before) && well;
}

static bool under_load(const char *call, int (*how)(struct ring_buffer *), bool blocking)
{
	struct holdings before = begin();
	bool well = true;
	int i;

	rb = ring_buffer__new(map, cancellable, NULL, NULL);
	read_ring = how;
	start_loads(0);
	for (i = 0; i < CANCELS; i++) {
		__u32 since = begun();
		pthread_t thread = start(read_for_ever);

		wait_for_records(since, 200 + i);
		if (blocking) {
			__atomic_store_n(&block, 1, __ATOMIC_SEQ_CST);
			wait_until(&blocked);
		}
		cancel(thread);
	}
	stop_loads();
	well = ring_buffer__consume(rb) >= 0;
	return end(blocking ? "pthread_cancel, asleep in the callback" : "pthread_cancel, under load",
		   call, blocking ? CANCELS : -1, before) && well;
}

static bool asleep_in_reserve(void)
{
	struct holdings before = holdings();
	bool well = true;
	void *sample;
	int i;

	cancelled = cleaned_threads = cleaned_callbacks = 0;
	user_rb = user_ring_buffer__new(user.map, NULL);
	for (i = 0; i < CANCELS; i++) {
		pthread_t thread;

		sample = user_ring_buffer__reserve(user_rb, LARGEST);
		if (!sample)
			die("filling the ring");
		fill(sample, LARGEST, i);
		user_ring_buffer__submit(user_rb, sample);
		thread = start(reserve_for_ever);
		wait_until(&asleep);
		if (i % 2)
			usleep(2000);
		cancel(thread);
		well &= drain(0) == 1 && seed_of(&user.seen[0]) == i;
	}
	user_ring_buffer__free(user_rb);
	printf("pthread_cancel, asleep | user_ring_buffer__reserve_blocking | the next call %s | ",
	       well ? "works" : "FAILS");
	well &= show_left_over(before);
	return all_cleaned_up(0) && well;
}

int main(void)
{
	bool well;

	if (pipe(never))
		die("pipe");
	user_ring_open();
	harness_open();
	tally_open(-1);
	well = asleep_in_poll();
	well &= under_load("ring_buffer__poll", poll_for_ever, false);
	well &= under_load("ring_buffer__consume", consume_for_ever, false);
	well &= under_load("ring_buffer__poll", poll_for_ever, true);
	well &= under_load("ring_buffer__consume", consume_for_ever, true);
	well &= asleep_in_reserve();
	return !well;
}
