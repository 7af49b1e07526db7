// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A reader that waits edge-triggered and drains after each wake-up, against
 * producers at full speed. Exit status: 0 every record came, 3 the reader hangs,
 * 1 records out of order or miscounted, 2 cannot run here.
 */
#include "edge_triggered_options.h"
#include "clock.h"
#include "hang.h"
#include "race.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "edge_triggered.h"

/* Weak: libbpf has it since 1.5 only. */
extern int ring_buffer__consume_n(struct ring_buffer *rb, size_t n) __attribute__((weak));

enum { EVENT_RING, EVENT_STOP };

static struct producer {
	pthread_t thread;
	counter produced, dropped, delivered;
	__u64 next; /* the smallest number that may come */
} producers[MAX_PRODUCERS];

static int produce_fd, look_fd, ring_fd, wait_fd, stop_fd;
static struct ring_buffer *manager;
static atomic_bool producers_stop;
static counter waits; /* odd while the reader is in epoll_wait */
static _Atomic pid_t reader_tid;
static bool ring_event_at_stop;

static int on_record(void *ctx, void *data, size_t size)
{
	const struct record *record = data;
	struct producer *p;

	(void)ctx;
	if (size != sizeof(*record) || record->producer >= MAX_PRODUCERS || record->zero)
		die(WRONG, "a record of %zu bytes that nobody sent", size);
	p = &producers[record->producer];
	if (record->number < p->next)
		die(WRONG, "producer %u: record %llu came where %llu or later was due",
		    record->producer, record->number, p->next);
	p->next = record->number + 1;
	add(p->delivered, 1);
	return 0;
}

static void *produce(void *arg)
{
	struct producer *p = arg;

	if (p == producers)
		pin(1);
	while (!atomic_load_explicit(&producers_stop, memory_order_relaxed)) {
		struct burst burst = {.producer = p - producers, .batch = batch, .first = get(p->produced)};

		run_program(produce_fd, &burst, sizeof(burst));
		add(p->dropped, burst.dropped);
		add(p->produced, batch);
	}
	return NULL;
}

static void drain(void)
{
	int n = 0;

	switch (drain_by) {
	case DRAIN_CONSUME:
		n = ring_buffer__consume(manager);
		break;
	case DRAIN_POLL:
		n = ring_buffer__poll(manager, 0);
		break;
	case DRAIN_POLL_ALL:
		while ((n = ring_buffer__poll(manager, 0)) > 0)
			;
		break;
	case DRAIN_CONSUME_N:
		while ((n = ring_buffer__consume_n(manager, 1)) > 0)
			;
		break;
	}
	if (n < 0)
		die(WRONG, "draining failed: %s", strerror(-n));
}

static void *read_ring(void *arg)
{
	struct epoll_event events[2];

	pin(0);
	atomic_store(&reader_tid, gettid());
	for (;;) {
		bool ring = false, stop = false;
		int n;

		add(waits, 1);
		n = epoll_wait(wait_fd, events, 2, -1);
		add(waits, 1);
		if (n < 0)
			die(WRONG, "epoll_wait: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			ring |= events[i].data.u32 == EVENT_RING;
			stop |= events[i].data.u32 == EVENT_STOP;
		}
		if (stop) {
			ring_event_at_stop = ring;
			return arg;
		}
		drain();
	}
}

static unsigned long long delivered(void)
{
	return get(producers[0].delivered) + get(producers[1].delivered);
}

static struct look look(void)
{
	struct look look;

	memset(&look, 0, sizeof(look));
	run_program(look_fd, &look, sizeof(look));
	return look;
}

static void report_progress(double started, const struct look *ring)
{
	static unsigned long long last;
	static double last_time;
	unsigned long long records = delivered();
	double time = now() - started;

	if (!progress || time - last_time < 0.25)
		return;
	fprintf(stderr, "%5.1f s  %12llu records  %5.1f M/s  ring %3.0f%% full%c", time, records,
		(records - last) / (time - last_time) / 1e6, 100.0 * ring->unread / ring->size,
		isatty(STDERR_FILENO) ? '\r' : '\n');
	last = records;
	last_time = time;
}

static void stop_producers(void)
{
	if (atomic_exchange(&producers_stop, true))
		return;
	for (unsigned int i = 0; i < producer_count; i++)
		pthread_join(producers[i].thread, NULL);
}

static bool watch(double started, struct look *ring, double *seconds)
{
	struct suspicion suspicion = { 0 };

	for (;;) {
		struct watch watch = { .producers = producer_count, .waits = true };
		struct sighting seen = { 0 };
		enum verdict verdict;

		usleep(20000);
		watch.producers_have_stopped = producers_stop;
		seen.waits = get(waits);
		seen.idle = seen.waits % 2 && thread_sleeps(atomic_load(&reader_tid));
		*ring = look();
		seen.idle = seen.idle && seen.waits == get(waits);
		seen.unread = ring->unread;
		seen.consumer_pos = ring->consumer_pos;
		for (unsigned int i = 0; i < producer_count; i++)
			seen.runs[i] = get(producers[i].produced) / batch;
		report_progress(started, ring);
		verdict = judge(&suspicion, &seen, watch, now());
		*seconds = suspicion.began - started;
		if (verdict == HANGS)
			return true;
		if (producers_stop && !ring->unread)
			return false;
		if (verdict == MOVES &&
		    (record_limit ? delivered() >= record_limit : now() - started > second_limit))
			stop_producers();
	}
}

static int run(void)
{
	unsigned long long produced = 0, dropped = 0, woken, left;
	double started = now(), seconds;
	pthread_t reader;
	struct look ring;
	bool hung;
	int err;

	if (pthread_create(&reader, NULL, read_ring, NULL))
		die(SETUP, "cannot start a thread");
	while (!get(waits))
		usleep(1000);
	for (unsigned int i = 0; i < producer_count; i++)
		if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]))
			die(SETUP, "cannot start a thread");

	hung = watch(started, &ring, &seconds);
	stop_producers();
	eventfd_write(stop_fd, 1);
	pthread_join(reader, NULL);

	woken = delivered();
	err = ring_buffer__consume(manager);
	if (err < 0)
		die(WRONG, "draining failed: %s", strerror(-err));
	left = delivered() - woken;

	for (unsigned int i = 0; i < producer_count; i++) {
		struct producer *p = &producers[i];

		if (get(p->delivered) + get(p->dropped) != get(p->produced))
			die(WRONG, "producer %u: %llu delivered and %llu dropped of %llu", i,
			    get(p->delivered), get(p->dropped), get(p->produced));
		produced += get(p->produced);
		dropped += get(p->dropped);
	}
	if (hung != (left > 0) || (hung && ring_event_at_stop))
		die(WRONG, "the reader %s, yet %llu records were left and it was %snotified",
		    hung ? "hung" : "was idle", left, ring_event_at_stop ? "" : "not ");

	printf("result=%s delivered=%llu dropped=%llu produced=%llu left=%llu unread=%llu size=%llu "
	       "wakeups=%llu seconds=%.2f\n",
	       hung ? "hung" : "passed", woken, dropped, produced, left, ring.unread, ring.size,
	       get(waits) / 2, seconds);
	return hung ? HUNG : PASSED;
}

static void watch_fd(int fd, unsigned int events, unsigned int name)
{
	struct epoll_event event = {.events = events, .data.u32 = name};

	if (epoll_ctl(wait_fd, EPOLL_CTL_ADD, fd, &event))
		die(SETUP, "epoll_ctl: %s", strerror(errno));
}

static int program_fd(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die(SETUP, "edge_triggered.bpf.o has no program %s", name);
	return bpf_program__fd(program);
}

static void set_up(void)
{
	struct bpf_object *object = bpf_object__open_file("edge_triggered.bpf.o", NULL);

	if (!object)
		die(SETUP, "cannot open edge_triggered.bpf.o: %s", strerror(errno));
	if (bpf_object__load(object))
		die(SETUP, "cannot load BPF programs: %s", strerror(errno));
	ring_fd = bpf_object__find_map_fd_by_name(object, "ring");
	produce_fd = program_fd(object, "produce");
	look_fd = program_fd(object, "look");

	wait_fd = epoll_create1(EPOLL_CLOEXEC);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (wait_fd < 0 || stop_fd < 0)
		die(SETUP, "no file descriptors: %s", strerror(errno));
	watch_fd(stop_fd, EPOLLIN, EVENT_STOP);
	if (register_first && wait_on == WAIT_MAP)
		watch_fd(ring_fd, EPOLLIN | EPOLLET, EVENT_RING);
	manager = ring_buffer__new(ring_fd, on_record, NULL, NULL);
	if (!manager)
		die(SETUP, "ring_buffer__new: %s", strerror(errno));
	if (wait_on == WAIT_MANAGER)
		watch_fd(ring_buffer__epoll_fd(manager), EPOLLIN | EPOLLET, EVENT_RING);
	else if (!register_first)
		watch_fd(ring_fd, EPOLLIN | EPOLLET, EVENT_RING);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	if (drain_by == DRAIN_CONSUME_N && !ring_buffer__consume_n)
		die(SETUP, "this libbpf has no ring_buffer__consume_n");
	set_up();
	return run();
}
