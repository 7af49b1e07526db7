// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A reader that does what it is told on stdin, to be found asleep on data. victim OBJECT [options]
 *
 * It prints `ready RING-ID`, and then an answer to each line of input:
 *   quiet N   N records without a wake-up, as after a lost one
 *   fill N    the same, and then not even an empty record finds room
 *   loud N    N records with a wake-up
 *   more      makes the manager read a second ring, which stays empty
 *   count     `delivered D dropped R produced P`
 * With --wait=none it does not read: another program does.
 * Records are numbered. One that comes out of order, or twice, ends it with status 1.
 */
#define _GNU_SOURCE
#include "victim.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum { ON_MANAGER, ON_MAP, NESTED, BY_POLL, BY_TIMER, BY_URING, NONE };

enum { WAIT, PWAIT, PWAIT2 };

static const char *const calls[] = {"wait", "pwait", "pwait2", NULL};
static const char *const ways[] = {"manager", "map", "nested", "poll", "timer", "uring", "none", NULL};
static int way = ON_MANAGER, call = WAIT, callback_ms, timer_ms;
static bool closes, by_poll, late, greedy;
static unsigned int deaf; /* so many wake-ups it does not hear */
static unsigned int edge = EPOLLET;
static struct ring_buffer *manager;
static int wait_fd, timer_fd = -1;
static _Atomic unsigned long long delivered, next_number;
static unsigned long long produced, dropped;

static void die(const char *what)
{
	fprintf(stderr, "victim: %s: %s\n", what, strerror(errno));
	exit(1);
}

#include "uring.h"

static int on_record(void *ctx, void *data, size_t size)
{
	unsigned long long number = *(unsigned long long *)data;

	(void)ctx;
	if (size != sizeof(number) || number < next_number)
		die("a record that was not due");
	next_number = number + 1;
	if (callback_ms)
		usleep(1000 * callback_ms);
	delivered++;
	return 0;
}

/* The race is one between two CPUs, and the scheduler likes to put both sides on one. */
static void pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("needs the CPUs 0 and 1");
}

static void drain(void)
{
	int n = by_poll ? ring_buffer__poll(manager, 0) : ring_buffer__consume(manager);

	if (n < 0)
		die("draining");
}

/* timeout: 0, or for ever. */
static int wait_for(int timeout)
{
	static const struct timespec zero;
	struct epoll_event event;

	switch (call) {
	case PWAIT:
		return epoll_pwait(wait_fd, &event, 1, timeout, NULL);
	case PWAIT2:
		return epoll_pwait2(wait_fd, &event, 1, timeout ? NULL : &zero, NULL);
	}
	return epoll_wait(wait_fd, &event, 1, timeout);
}

static void *reader(void *arg)
{

	pin(0);
	for (;;) {
		__u64 ticks;

		if (way == BY_POLL) {
			ring_buffer__poll(manager, -1);
			continue;
		}
		if (way == BY_URING)
			uring_wait();
		else if (wait_for(-1) < 0 && errno != EINTR)
			die("epoll_wait");
		while (greedy && wait_for(0) > 0)
			;
		if (deaf && deaf--)
			continue;
		if (timer_fd >= 0 && read(timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
			die("timer");
		drain();
	}
	return arg;
}

static void watch(int epoll, int fd, unsigned int events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static void set_up(int map)
{
	int inner;

	manager = ring_buffer__new(map, on_record, NULL, NULL);
	wait_fd = epoll_create1(EPOLL_CLOEXEC);
	inner = epoll_create1(EPOLL_CLOEXEC);
	if (!manager || wait_fd < 0 || inner < 0)
		die("set up");
	if (timer_ms) {
		struct itimerspec every = {.it_interval.tv_nsec = timer_ms * 1000000L, .it_value.tv_nsec = 1};

		timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
		if (timer_fd < 0 || timerfd_settime(timer_fd, 0, &every, NULL))
			die("timer");
		watch(wait_fd, timer_fd, EPOLLIN);
	}
	switch (way) {
	case ON_MANAGER:
		watch(wait_fd, ring_buffer__epoll_fd(manager), EPOLLIN | edge);
		break;
	case ON_MAP:
		watch(wait_fd, map, EPOLLIN | edge);
		break;
	case BY_URING:
		uring_poll(map);
		break;
	case NESTED:
		watch(inner, map, EPOLLIN | edge);
		watch(wait_fd, inner, EPOLLIN | edge);
		break;
	}
}

static void more(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "second_ring", 0, 0, 4096, NULL);

	if (map < 0 || ring_buffer__add(manager, map, on_record, NULL))
		die("a second ring");
}

static void produce(int program, __u64 flags, unsigned int count, bool pad)
{
	while (count) {
		struct burst burst = {.first = produced, .flags = flags, .count = count < MOST ? count : MOST,
				      .pad = pad && count <= MOST};
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &burst, .ctx_size_in = sizeof(burst));

		if (bpf_prog_test_run_opts(program, &opts) || opts.retval)
			die("produce");
		produced += burst.count;
		dropped += burst.dropped;
		count -= burst.count;
	}
}

static void options(int argc, char **argv)
{
	static const struct option known[] = {
		{"wait", required_argument, NULL, 'w'}, {"level", no_argument, NULL, 'l'},
		{"close", no_argument, NULL, 'c'},      {"poll", no_argument, NULL, 'p'},
		{"callback-ms", required_argument, NULL, 'm'}, {"timer-ms", required_argument, NULL, 't'},
		{"name", required_argument, NULL, 'n'}, {"deaf", optional_argument, NULL, 'd'},
		{"late", no_argument, NULL, 'L'},       {"greedy", no_argument, NULL, 'g'},
		{"call", required_argument, NULL, 'C'}, {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (option) {
		case 'w':
			for (way = 0; ways[way] && strcmp(ways[way], optarg);)
				way++;
			break;
		case 'l':
			edge = 0;
			break;
		case 'c':
			closes = true;
			break;
		case 'p':
			by_poll = true;
			break;
		case 'd':
			deaf = optarg ? (unsigned int)atoi(optarg) : UINT_MAX;
			break;
		case 'g':
			greedy = true;
			break;
		case 'C':
			for (call = 0; calls[call] && strcmp(calls[call], optarg);)
				call++;
			break;
		case 'L':
			late = true;
			break;
		case 'm':
			callback_ms = atoi(optarg);
			break;
		case 't':
			timer_ms = atoi(optarg);
			break;
		case 'n':
			prctl(PR_SET_NAME, optarg);
			break;
		default:
			exit(2);
		}
}

int main(int argc, char **argv)
{
	struct bpf_map_info info = {0};
	unsigned int size = sizeof(info), count;
	struct bpf_object *object;
	pthread_t thread;
	char word[16], line[64];
	int map, program;

	options(argc, argv);
	object = bpf_object__open_file(argv[optind], NULL);
	if (!object || bpf_object__load(object))
		die("load");
	map = bpf_object__find_map_fd_by_name(object, "victims_ring");
	program = bpf_program__fd(bpf_object__find_program_by_name(object, "produce"));
	if (bpf_obj_get_info_by_fd(map, &info, &size))
		die("map info");
	if (way != NONE) {
		set_up(map);
		if (closes)
			close(map);
		if (!late && pthread_create(&thread, NULL, reader, NULL))
			die("thread");
	}
	pin(1);
	printf("ready %u\n", info.id);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (late && pthread_create(&thread, NULL, reader, NULL))
			die("thread");
		late = false;
		count = 0;
		if (!strncmp(line, "more", 4))
			more();
		if (sscanf(line, "%15s %u", word, &count) == 2)
			produce(program, strcmp(word, "loud") ? BPF_RB_NO_WAKEUP : 0, count,
				!strcmp(word, "fill"));
		printf("delivered %llu dropped %llu produced %llu\n", delivered, dropped, produced);
		fflush(stdout);
	}
	return 0;
}
