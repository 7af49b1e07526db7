// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A ring in overwrite mode, step by step: what the library says beside what the kernel says, who is
 * notified about what, and where a reader begins that comes after another. Exit status: 0 all is right,
 * 1 it is not, 2 cannot set up, 77 there is no overwrite mode here.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "overwrite_open.h"
#include "race.h"

/* All records have the same size, so that each lap has the same places for them. */
#define WORDS 7
#define SPAN (8 + 8 * WORDS)
/* A ring holds so many. */
#define FITS ((MAX_RING - 8) / SPAN)

static struct ring_buffer *manager;
static struct ring *ring;
static int wait_fd;
static __u32 produced;
/* Number of the first record that a call has brought, and how many. */
static __u64 first_number;
static unsigned int delivered;
static unsigned int wrong;

static void check(bool right, const char *what)
{
	printf("  %s: %s\n", what, right ? "yes" : "NO");
	if (!right)
		wrong++;
}

static void produce(__u32 count, enum notify notify)
{
	struct burst burst = {
		.batch = count,
		.shape = { .max_words = WORDS, .fixed = true },
		.notify = notify,
		.first = produced,
	};

	run_program(opened.produce, &burst, sizeof(burst));
	produced += count;
}

static int on_record(void *ctx, void *data, size_t size)
{
	const __u64 *words = data;

	(void)ctx;
	if (size != 8 * WORDS)
		wrong++;
	else if (!delivered++)
		first_number = words[0] & NUMBER_MASK;
	return 0;
}

/* Whether the library agrees with the kernel. */
static void compare(const char *when)
{
	struct look seen = { 0 };

	run_program(opened.look, &seen, sizeof(seen));
	printf("%s: overwritten up to %llu, the reader at %llu, the producer at %llu, available "
	       "%llu\n",
	       when, (unsigned long long)seen.overwrite_pos, (unsigned long long)seen.consumer_pos,
	       (unsigned long long)seen.producer_pos, (unsigned long long)seen.available);
	check(ring__avail_data_size(ring) == seen.available, "available the same");
	check(ring__consumer_pos(ring) == seen.consumer_pos &&
		      ring__producer_pos(ring) == seen.producer_pos,
	      "positions the same");
	check(ring__size(ring) == seen.size, "size the same");
}

static void consume(size_t count, __u64 first, unsigned int expected)
{
	int n;

	delivered = 0;
	n = ring_buffer__consume_n(manager, count);
	printf("  consumed: %d, from record %llu on\n", n, (unsigned long long)first_number);
	check(n == (int)expected && delivered == expected && (!expected || first_number == first),
	      "those that are there");
}

/* Whether somebody who waits edge-triggered for the map is notified. */
static bool notified(void)
{
	struct epoll_event event;

	return epoll_wait(wait_fd, &event, 1, 50) == 1;
}

static void positions(void)
{
	compare("empty");
	produce(10, NOTIFY_DEFAULT);
	compare("10 records");
	consume(1000, 0, 10);
	compare("consumed");
	produce(FITS, NOTIFY_DEFAULT);
	compare("full");
	produce(1, NOTIFY_DEFAULT);
	compare("one more");
	consume(3, 11, 3);
	compare("three of them consumed");
	produce(5000, NOTIFY_DEFAULT);
	compare("lapped many times");
	consume(100000, produced - FITS, FITS);
	compare("consumed");
}

static void notifications(void)
{
	printf("notifications\n");
	while (notified())
		;
	produce(1, NOTIFY_DEFAULT);
	check(notified(), "about the record that the reader waits for");
	produce(1, NOTIFY_DEFAULT);
	check(!notified(), "not about the next one");
	produce(1, NOTIFY_FORCED);
	check(notified(), "about one that is forced");
	consume(1000, produced - 3, 3);
	/* The batch's last one is forced. */
	produce(5, NOTIFY_LAST);
	check(notified() && !notified(), "once about several of which the last is forced");
	/* The reader waits at the first of these five; the last one fills its lap. */
	produce(MAX_RING / SPAN - 5, NOTIFY_DEFAULT);
	check(!notified(), "not about the others of this lap");
	/* The kernel compares places of the ring, not positions. */
	produce(1, NOTIFY_DEFAULT);
	check(notified(), "about one at the reader's place in the next lap");
	consume(100000, produced - FITS, FITS);
}

/* Where another reader has left its position there may be no record. */
static void take_over(__u64 position, __u64 first, unsigned int expected, const char *when)
{
	unsigned long *page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
				   opened.map, 0);

	if (page == MAP_FAILED)
		die(SETUP, "mmap: %s", strerror(errno));
	ring_buffer__free(manager);
	__atomic_store_n(page, position, __ATOMIC_SEQ_CST);
	munmap(page, sysconf(_SC_PAGESIZE));
	manager = ring_buffer__new(opened.map, on_record, NULL, NULL);
	if (!manager)
		die(WRONG, "ring_buffer__new: %s", strerror(errno));
	ring = ring_buffer__ring(manager, 0);
	printf("a reader takes over %s\n", when);
	consume(100000, first, expected);
	check(ring__consumer_pos(ring) == ring__producer_pos(ring), "it has caught up");
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	__u64 end;

	setvbuf(stdout, NULL, _IOLBF, 0);
	require_overwrite_mode();
	open_ring(MAX_RING);
	manager = ring_buffer__new(opened.map, on_record, NULL, NULL);
	wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!manager || epoll_ctl(wait_fd, EPOLL_CTL_ADD, opened.map, &event))
		die(WRONG, "cannot open the ring: %s", strerror(errno));
	ring = ring_buffer__ring(manager, 0);
	positions();
	notifications();
	end = ring__producer_pos(ring);
	take_over(end - 2 * SPAN, produced - 2, 2, "where a record begins");
	take_over(end - 2 * SPAN + 8, produced - FITS, FITS, "within a record");
	take_over(end + 4096, produced - FITS, FITS, "beyond the producer");
	take_over(end - 3 * MAX_RING, produced - FITS, FITS, "where all is overwritten");
	ring_buffer__free(manager);
	printf("wrong: %u\n", wrong);
	return wrong ? WRONG : PASSED;
}
