// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * soak READER PRODUCERS SIZE NOTIFICATIONS SECONDS
 *
 * One reader against producers at full speed, in bursts of all lengths. Exit status:
 * 0 every record came, 3 the reader hangs, 1 records lost, damaged or out of order,
 * 2 cannot run here.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "soak_options.h"
#include "clock.h"
#include "hang.h"
#include "race.h"

enum { EVENT_RING, EVENT_STOP };

static struct producer {
	pthread_t thread;
	counter runs, produced, dropped, delivered;
	__u64 next; /* the smallest number that may come */
} producers[MAX_PRODUCERS];

static int produce_fd, look_fd, wait_fd, stop_fd;
static struct ring_buffer *manager;
static atomic_bool producers_stop, reader_stop;
static counter waits; /* odd while the reader is in epoll_wait */
static counter drains; /* calls that have returned */
static _Atomic pid_t reader_tid;
static unsigned long long out_of_order, damaged;
static bool ring_event_at_stop;

static int on_record(void *ctx, void *data, size_t size)
{
	const __u64 *words = data;
	__u64 number = words[0] & NUMBER_MASK, from = words[0] >> PRODUCER_SHIFT;

	(void)ctx;
	if (size != record_size || from >= producer_count ||
	    (size > 8 && words[size / 8 - 1] != ~words[0])) {
		damaged++;
		return 0;
	}
	if (number < producers[from].next)
		out_of_order++;
	else
		producers[from].next = number + 1;
	add(producers[from].delivered, 1);
	return 0;
}

/* Returns the number of records that found no room. */
static __u64 burst(struct producer *p, unsigned int batch, unsigned int how)
{
	struct burst burst = {
		.producer = p - producers,
		.batch = batch,
		.size = record_size,
		.notify = how,
		.first = get(p->produced),
	};

	run_program(produce_fd, &burst, sizeof(burst));
	add(p->dropped, burst.dropped);
	add(p->produced, batch);
	add(p->runs, 1);
	return burst.dropped;
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	__u32 random = 0x9e3779b9u + (p - producers);

	if (p == producers)
		pin(1);
	while (!atomic_load_explicit(&producers_stop, memory_order_relaxed)) {
		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		/* As often in every power of two: alone, few, many. */
		burst(p, 1 + (random >> 8) % (1 << random % 10), notify);
	}
	return NULL;
}

static void drain(void)
{
	int n = 0;

	switch (reader->drain) {
	case BY_CONSUME:
		n = ring_buffer__consume(manager);
		break;
	case BY_POLL_0:
		n = ring_buffer__poll(manager, 0);
		break;
	case BY_CONSUME_1:
		while ((n = ring_buffer__consume_n(manager, 1)) > 0)
			;
		break;
	case BY_POLL:
		n = ring_buffer__poll(manager, 100);
		break;
	}
	if (n < 0)
		die(WRONG, "draining failed: %s", strerror(-n));
	add(drains, 1);
}

static void *read_ring(void *arg)
{
	struct epoll_event events[2];
	int n;

	pin(0);
	atomic_store(&reader_tid, gettid());
	while (!atomic_load_explicit(&reader_stop, memory_order_relaxed)) {
		if (reader->wait != NO_WAIT) {
			add(waits, 1);
			n = epoll_wait(wait_fd, events, 2, -1);
			add(waits, 1);
			if (n < 0)
				die(WRONG, "epoll_wait: %s", strerror(errno));
			if (atomic_load(&reader_stop)) {
				/* No drain: what a sleeper has left is counted. */
				while (n-- > 0)
					ring_event_at_stop |= events[n].data.u32 == EVENT_RING;
				break;
			}
		}
		drain();
	}
	return arg;
}

static void stop_producers(void)
{
	if (atomic_exchange(&producers_stop, true))
		return;
	for (unsigned int i = 0; i < producer_count; i++)
		pthread_join(producers[i].thread, NULL);
}

/* Bytes that may stand unread for as long as they like. */
static __u64 unnotified(bool flushed)
{
	return notify == NOTIFY_SAMPLED && !flushed ? SAMPLED_BYTES + MAX_SIZE + 8 : 0;
}

static struct sighting look(void)
{
	struct sighting seen = { .waits = get(waits), .idle = reader->wait == NO_WAIT };
	struct look ring = { 0 };

	if (reader->wait != NO_WAIT)
		seen.idle = seen.waits % 2 && thread_sleeps(atomic_load(&reader_tid));
	run_program(look_fd, &ring, sizeof(ring));
	seen.idle = seen.idle && seen.waits == get(waits);
	seen.unread = ring.unread;
	seen.consumer_pos = ring.consumer_pos;
	seen.drains = get(drains);
	for (unsigned int i = 0; i < producer_count; i++)
		seen.runs[i] = get(producers[i].runs);
	return seen;
}

static bool watch(double started)
{
	struct suspicion suspicion = { 0 };
	bool flushed = false;

	for (;;) {
		struct watch watch = {
			.producers = producer_count,
			.producers_have_stopped = producers_stop,
			.waits = reader->wait != NO_WAIT,
			.unnotified = unnotified(flushed),
		};
		struct sighting seen = look();
		enum verdict verdict = judge(&suspicion, &seen, watch, now());

		if (verdict == HANGS)
			return true;
		if (producers_stop && !seen.unread)
			return false;
		if (verdict == MOVES && now() - started > second_limit) {
			stop_producers();
			/* The last records wake nobody by themselves. */
			if (notify == NOTIFY_SAMPLED && !flushed)
				flushed = !burst(producers, 1, NOTIFY_FORCED);
		}
		usleep(10000);
	}
}

static int run(void)
{
	unsigned long long produced = 0, dropped = 0, delivered = 0, left = 0;
	double started = now();
	long long lost;
	pthread_t thread;
	bool hung;
	int n;

	if (pthread_create(&thread, NULL, read_ring, NULL))
		die(SETUP, "cannot start a thread");
	while (!atomic_load(&reader_tid))
		usleep(1000);
	for (unsigned int i = 0; i < producer_count; i++)
		if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]))
			die(SETUP, "cannot start a thread");
	hung = watch(started);
	stop_producers();
	atomic_store(&reader_stop, true);
	eventfd_write(stop_fd, 1);
	pthread_join(thread, NULL);

	for (unsigned int i = 0; i < producer_count; i++)
		left -= get(producers[i].delivered);
	n = ring_buffer__consume(manager);
	if (n < 0)
		die(WRONG, "draining failed: %s", strerror(-n));
	for (unsigned int i = 0; i < producer_count; i++) {
		struct producer *p = &producers[i];

		delivered += get(p->delivered);
		dropped += get(p->dropped);
		produced += get(p->produced);
	}
	left += delivered;
	lost = produced - dropped - delivered;
	printf("result=%s delivered=%llu bytes=%llu dropped=%llu lost=%lld out_of_order=%llu "
	       "damaged=%llu left=%llu\n",
	       hung ? "hung" : "passed", delivered, delivered * record_size, dropped, lost,
	       out_of_order, damaged, left);
	if (hung != (left > 0) || (hung && ring_event_at_stop))
		die(WRONG, "the reader %s, yet %llu records were left and it was %snotified",
		    hung ? "hung" : "was idle", left, ring_event_at_stop ? "" : "not ");
	if (lost || out_of_order || damaged)
		return WRONG;
	return hung ? HUNG : PASSED;
}

static void watch_fd(int fd, unsigned int events, unsigned int name)
{
	struct epoll_event event = {.events = events, .data.u32 = name};

	if (epoll_ctl(wait_fd, EPOLL_CTL_ADD, fd, &event))
		die(SETUP, "epoll_ctl: %s", strerror(errno));
}

static void set_up(void)
{
	struct bpf_object *object = bpf_object__open_file("soak.bpf.o", NULL);
	int ring_fd;

	if (!object || bpf_object__load(object))
		die(SETUP, "cannot load soak.bpf.o: %s", strerror(errno));
	ring_fd = bpf_object__find_map_fd_by_name(object, "ring");
	produce_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "produce"));
	look_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "look"));
	wait_fd = epoll_create1(EPOLL_CLOEXEC);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (wait_fd < 0 || stop_fd < 0)
		die(SETUP, "no file descriptors: %s", strerror(errno));
	watch_fd(stop_fd, EPOLLIN, EVENT_STOP);
	/*
	 * Registered before the manager's own epoll: the kernel notifies the waiters of a ring one
	 * after the other, the youngest first. Registered after it, this reader would be woken
	 * first, and could ask the manager by poll(0) before the manager's epoll was notified. It
	 * would find nothing and sleep on, with any library.
	 */
	if (reader->wait == WAIT_MAP)
		watch_fd(ring_fd, EPOLLIN | EPOLLET, EVENT_RING);
	manager = ring_buffer__new(ring_fd, on_record, NULL, NULL);
	if (!manager)
		die(SETUP, "ring_buffer__new: %s", strerror(errno));
	if (reader->wait == WAIT_MANAGER)
		watch_fd(ring_buffer__epoll_fd(manager), EPOLLIN | EPOLLET, EVENT_RING);
}

int main(int argc, char **argv)
{
	parse_arguments(argc, argv);
	set_up();
	return run();
}
