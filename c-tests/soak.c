// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * soak READER RINGS PRODUCERS SIZE NOTIFICATIONS SECONDS
 *
 * One reader of one or more rings against producers that go round them at full speed, in bursts of all
 * lengths. Exit status:
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
#include "soak_load.h"

/* The event of ring `i` is `i`, and that of the manager is 0. */
#define EVENT_STOP MAX_RINGS

static struct watched_ring {
	struct suspicion suspicion;
	/* What has piled up without a notification has been notified about at the end. */
	bool flushed;
	/* Odd while the reader reads this ring alone. */
	counter reads;
} rings[MAX_RINGS];

static int look_fd, wait_fd, stop_fd;
static struct ring_buffer *manager;
static atomic_bool reader_stop;
static counter waits; /* odd while the reader is in epoll_wait */
static counter drains; /* calls that have returned */
static _Atomic pid_t reader_tid;
static unsigned long long out_of_order, damaged;
/* Rings with something unread, when last seen. */
static unsigned int unread;
/* Rings, or the manager, that the reader was notified about when it had to stop. */
static unsigned int events_at_stop;

static int on_record(void *ctx, void *data, size_t size)
{
	const __u64 *words = data;
	__u64 number = words[0] & NUMBER_MASK, from = words[0] >> PRODUCER_SHIFT & 0xff;
	struct watched_ring *ring = ctx;
	struct lane *lane;

	if (size != record_size || from >= producer_count ||
	    words[0] >> RING_SHIFT != (__u64)(ring - rings) ||
	    (size > 8 && words[size / 8 - 1] != ~words[0])) {
		damaged++;
		return 0;
	}
	lane = &producers[from].lanes[ring - rings];
	if (number < lane->next)
		out_of_order++;
	else
		lane->next = number + 1;
	add(lane->delivered, 1);
	return 0;
}

static int read_ring_alone(unsigned int ring)
{
	int n;

	add(rings[ring].reads, 1);
	n = ring__consume(ring_buffer__ring(manager, ring));
	add(rings[ring].reads, 1);
	return n;
}

/* After a wait that has ended with `count` events. */
static void drain(const struct epoll_event *events, int count)
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
	case BY_RING:
		for (int i = 0; i < count && n >= 0; i++)
			n = read_ring_alone(events[i].data.u32);
		break;
	}
	if (n < 0)
		die(WRONG, "draining failed: %s", strerror(-n));
	add(drains, 1);
}

static void *read_rings(void *arg)
{
	struct epoll_event events[MAX_RINGS + 1];
	int n = 0;

	pin(0);
	atomic_store(&reader_tid, gettid());
	while (!atomic_load_explicit(&reader_stop, memory_order_relaxed)) {
		if (reader->wait != NO_WAIT) {
			add(waits, 1);
			n = epoll_wait(wait_fd, events, MAX_RINGS + 1, -1);
			add(waits, 1);
			if (n < 0)
				die(WRONG, "epoll_wait: %s", strerror(errno));
			if (atomic_load(&reader_stop)) {
				/* No drain: what a sleeper has left is counted. */
				while (n-- > 0)
					if (events[n].data.u32 != EVENT_STOP)
						events_at_stop |= 1u << events[n].data.u32;
				break;
			}
		}
		drain(events, n);
	}
	return arg;
}

/* Bytes that may stand unread for as long as they like. */
static __u64 unnotified(bool flushed)
{
	return notify == NOTIFY_SAMPLED && !flushed ? SAMPLED_BYTES + MAX_SIZE + 8 : 0;
}

static struct sighting look(unsigned int ring)
{
	struct sighting seen = { .waits = get(waits), .idle = reader->wait == NO_WAIT };
	struct look look = { .ring = ring };

	if (reader->wait != NO_WAIT)
		seen.idle = seen.waits % 2 && thread_sleeps(atomic_load(&reader_tid));
	run_program(look_fd, &look, sizeof(look));
	seen.idle = seen.idle && seen.waits == get(waits);
	seen.unread = look.unread;
	seen.consumer_pos = look.consumer_pos;
	seen.drains = get(drains);
	for (unsigned int i = 0; i < producer_count; i++)
		seen.runs[i] = get(producers[i].runs);
	return seen;
}

/* Whether the reader hangs in this ring, while it may go on in others. */
static enum verdict judge_ring(unsigned int number)
{
	struct watched_ring *ring = &rings[number];
	struct watch watch = {
		.producers = producer_count,
		.producers_have_stopped = producers_stop,
		.waits = reader->wait != NO_WAIT,
		.unnotified = unnotified(ring->flushed),
	};
	struct sighting seen = look(number);

	if (reader->drain == BY_RING) {
		/* Other rings wake it: what counts is whether it was notified about this one. */
		watch.waits = seen.idle;
		seen.drains = get(waits) / 2;
		seen.waits = get(ring->reads);
		seen.idle = seen.waits % 2 == 0;
	}
	if (seen.unread)
		unread++;
	return judge(&ring->suspicion, &seen, watch, now());
}

/* The last records wake nobody by themselves. */
static void flush(void)
{
	for (unsigned int i = 0; i < ring_count; i++)
		if (!rings[i].flushed)
			rings[i].flushed = !burst(producers, i, 1, NOTIFY_FORCED);
}

/* The ring that the reader hangs in; none in the end: `ring_count`. */
static unsigned int watch(double started)
{
	for (;;) {
		bool moves = true;

		unread = 0;
		for (unsigned int i = 0; i < ring_count; i++) {
			enum verdict verdict = judge_ring(i);

			if (verdict == HANGS)
				return i;
			moves &= verdict == MOVES;
		}
		if (producers_stop && !unread)
			return ring_count;
		if (moves && now() - started > second_limit) {
			stop_producers();
			if (notify == NOTIFY_SAMPLED)
				flush();
		}
		usleep(10000);
	}
}

/* Whether it was notified after all about the ring that it hangs in. */
static bool was_notified(unsigned int ring)
{
	return reader->drain == BY_RING ? events_at_stop >> ring & 1 : events_at_stop != 0;
}

static int run(void)
{
	unsigned long long left;
	struct sums sums;
	unsigned int hung_in;
	double started = now();
	long long lost;
	pthread_t thread;
	bool hung, notified;
	int n;

	if (pthread_create(&thread, NULL, read_rings, NULL))
		die(SETUP, "cannot start a thread");
	while (!atomic_load(&reader_tid))
		usleep(1000);
	start_producers();
	hung_in = watch(started);
	hung = hung_in < ring_count;
	stop_producers();
	atomic_store(&reader_stop, true);
	eventfd_write(stop_fd, 1);
	pthread_join(thread, NULL);

	left = sum_up().delivered;
	n = ring_buffer__consume(manager);
	if (n < 0)
		die(WRONG, "draining failed: %s", strerror(-n));
	sums = sum_up();
	left = sums.delivered - left;
	lost = sums.produced - sums.dropped - sums.delivered;
	notified = hung && was_notified(hung_in);
	printf("result=%s delivered=%llu bytes=%llu dropped=%llu lost=%lld out_of_order=%llu "
	       "damaged=%llu left=%llu\n",
	       hung ? "hung" : "passed", sums.delivered, sums.delivered * record_size,
	       sums.dropped, lost, out_of_order, damaged, left);
	if (hung != (left > 0) || notified)
		die(WRONG, "the reader %s, yet %llu records were left and it was %snotified",
		    hung ? "hung" : "was idle", left, notified ? "" : "not ");
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

static int make_ring(struct bpf_object *object, __u32 number)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "soak", 0, 0, RING_SIZE, NULL);

	if (fd < 0 || bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "rings"), &number,
					  &fd, BPF_ANY))
		die(SETUP, "cannot make a ring: %s", strerror(errno));
	return fd;
}

static void set_up(void)
{
	struct bpf_object *object = bpf_object__open_file("soak.bpf.o", NULL);
	int ring_fds[MAX_RINGS];

	if (!object || bpf_object__load(object))
		die(SETUP, "cannot load soak.bpf.o: %s", strerror(errno));
	produce_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "produce"));
	look_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "look"));
	wait_fd = epoll_create1(EPOLL_CLOEXEC);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (wait_fd < 0 || stop_fd < 0)
		die(SETUP, "no file descriptors: %s", strerror(errno));
	watch_fd(stop_fd, EPOLLIN, EVENT_STOP);
	for (unsigned int i = 0; i < ring_count; i++) {
		ring_fds[i] = make_ring(object, i);
		/*
		 * Registered before the manager's own epoll: the kernel notifies the waiters of a
		 * ring one after the other, the youngest first. Registered after it, this reader
		 * would be woken first, and could ask the manager by poll(0) before the manager's
		 * epoll was notified. It would find nothing and sleep on, with any library.
		 */
		if (reader->wait == WAIT_MAP)
			watch_fd(ring_fds[i], EPOLLIN | EPOLLET, i);
	}
	manager = ring_buffer__new(ring_fds[0], on_record, &rings[0], NULL);
	if (!manager)
		die(SETUP, "ring_buffer__new: %s", strerror(errno));
	for (unsigned int i = 1; i < ring_count; i++)
		if (ring_buffer__add(manager, ring_fds[i], on_record, &rings[i]))
			die(SETUP, "ring_buffer__add: %s", strerror(errno));
	if (reader->wait == WAIT_MANAGER)
		watch_fd(ring_buffer__epoll_fd(manager), EPOLLIN | EPOLLET, 0);
}

int main(int argc, char **argv)
{
	parse_arguments(argc, argv);
	set_up();
	return run();
}
