// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * overwrite_soak [SECONDS [CASE]]
 *
 * Readers of a ring in overwrite mode, which producers at full speed lap, case after case, or one case
 * again and again. Each record is checked, and with rbshim, which counts what was overwritten, each byte
 * of the ring accounted for. What was counted is on stderr. Exit status: 0 all is right; 1 records are
 * damaged, doubled, out of order, or bytes are missing, or the reader died; 2 cannot set up; 3 the reader
 * hangs; 77 there is no overwrite mode here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "asleep.h"
#include "clock.h"
#include "overwrite_cases.h"
#include "overwrite_open.h"
#include "overwrite_check.h"
#include "race.h"
#include "overwrite_load.h"
#include "overwrite_reader.h"

#define CASE_SECONDS 0.3
/* A reader that sleeps for so long while records lie there is not woken. */
#define LOST_SECONDS 3
#define STUCK_SECONDS 10

/* Until the producers have had their time and the reader has caught up. Whether it does. */
static bool watch(void)
{
	double began = now(), moved = began, awake = began;
	bool stopped = false;
	__u64 pos = 0;

	for (;;) {
		__u64 end = atomic_load(&load.finished_pos), seen = ring__consumer_pos(ring);

		if (seen != pos || seen >= end)
			moved = awake = now();
		if (thread_state(atomic_load(&reader_tid)) != 'S')
			awake = now();
		pos = seen;
		if (stopped && pos == end)
			return true;
		if (now() - awake > LOST_SECONDS) {
			found->lost_wakeups++;
			return false;
		}
		if (now() - moved > STUCK_SECONDS || now() - began > 2 * STUCK_SECONDS) {
			found->stuck++;
			return false;
		}
		if (!stopped && now() - began > CASE_SECONDS) {
			stop_producers(it.producers);
			stopped = true;
		}
		usleep(2000);
	}
}

static void sum_up(const struct found *before)
{
	__u64 bytes = 0;

	for (__u32 i = 0; i < it.producers; i++) {
		found->produced += producers[i].produced;
		found->refused += producers[i].refused;
		bytes += producers[i].bytes;
	}
	found->bytes += bytes;
	if (!rbshim_ring__statistics) {
		found->unknown_sums++;
		return;
	}
	if (!count_undelivered(ring) || bytes != ring__producer_pos(ring) ||
	    bytes != ring__consumer_pos(ring) ||
	    bytes != found->delivered_bytes - before->delivered_bytes + found->discarded_bytes -
			     before->discarded_bytes + found->overwritten_bytes -
			     before->overwritten_bytes)
		found->wrong_sums++;
}

static void watch_fd(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (epoll_ctl(wait_fd, EPOLL_CTL_ADD, fd, &event))
		die(SETUP, "epoll_ctl: %s", strerror(errno));
}

static void set_up(void)
{
	open_ring(it.ring_size);
	load.shape = it.shape;
	load.notify = it.notify;
	load.pinned = it.pinned;
	expected.ring_size = it.ring_size;
	expected.shape = it.shape;
	expected.producers = it.producers;
	wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (it.way->wait == WAIT_MAP)
		watch_fd(opened.map);
	manager = ring_buffer__new(opened.map, on_record, NULL, NULL);
	if (!manager)
		die(SETUP, "ring_buffer__new: %s", strerror(errno));
	ring = ring_buffer__ring(manager, 0);
	if (it.way->wait == WAIT_MANAGER)
		watch_fd(ring_buffer__epoll_fd(manager));
}

/* In a process of its own. */
static void run_case(void)
{
	struct found before = *found;
	pthread_t thread;

	if (strchr(it.option, '='))
		putenv(strdup(it.option));
	alarm(6 * STUCK_SECONDS);
	set_up();
	chance = it.number * 2 + 1;
	if (pthread_create(&thread, NULL, have_ring_read, NULL))
		die(SETUP, "cannot start a thread");
	start_producers(it.producers, it.number);
	if (!watch())
		_exit(PASSED);
	/* One more record ends its wait. */
	atomic_store(&reader_stop, true);
	burst_of(&producers[0], 1, NOTIFY_FORCED);
	pthread_join(thread, NULL);
	it.mischief = false;
	while (drain(BY_CONSUME))
		;
	sum_up(&before);
	/* What RBSHIM_STATS has counted is printed then. */
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	ring_buffer__free(manager);
	_exit(PASSED);
}

/* What has gone wrong in the case, if anything has. */
static void print_failure(const struct found *before, int status)
{
	bool sums = found->wrong_sums != before->wrong_sums,
	     errors = found->errors != before->errors;
	bool lost = found->lost_wakeups != before->lost_wakeups;
	bool stuck = found->stuck != before->stuck;
	unsigned long long bad = bad_records(found) - bad_records(before);

	if (!status && !bad && !sums && !errors && !lost && !stuck)
		return;
	print_case(&it);
	fprintf(stderr, ": %llu bad records, %llu delivered%s%s%s%s%s%s\n", bad,
		found->delivered - before->delivered, sums ? ", WRONG SUM" : "",
		errors ? ", ERRORS" : "", lost ? ", LOST WAKE-UP" : "", stuck ? ", STUCK" : "",
		WIFSIGNALED(status) ? ", " : "",
		WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
}

static void run_in_child(unsigned int number)
{
	struct found before = *found;
	int status;
	pid_t child;

	it = make_case(number);
	fflush(stdout);
	child = fork();
	if (child == 0)
		run_case();
	if (child < 0 || waitpid(child, &status, 0) != child)
		die(SETUP, "cannot run a child: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == SETUP)
		exit(SETUP);
	found->cases++;
	found->killed += status != 0;
	print_failure(&before, status);
}

int main(int argc, char **argv)
{
	double until = now() + (argc > 1 ? strtod(argv[1], NULL) : 10);
	int status = PASSED;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setenv("RBSHIM_STATS", "1", 0);
	require_overwrite_mode();
	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (found == MAP_FAILED)
		die(SETUP, "mmap: %s", strerror(errno));
	for (unsigned int i = 0; now() < until; i++)
		run_in_child(argc > 2 ? strtoul(argv[2], NULL, 0) : i);
	print_totals();
	if (bad_records(found) || found->wrong_sums || found->errors || found->killed)
		status = WRONG;
	else if (found->lost_wakeups || found->stuck)
		status = HUNG;
	puts(status == PASSED ? "all right" : "WRONG");
	return status;
}
