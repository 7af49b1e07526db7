// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * More managers of one map than the kernel lets be watched through further epolls: all of them open, and
 * each gets the records that come when it is its turn to read.
 */
#include "harness.h"

#define MANAGERS 510

static unsigned int delivered;

static int count(void *unused, void *data, size_t size)
{
	(void)unused;
	(void)data;
	(void)size;
	delivered++;
	return 0;
}

int main(void)
{
	static struct ring_buffer *managers[MANAGERS];
	struct rlimit files = { 4 * MANAGERS, 4 * MANAGERS };
	unsigned int opened = 0, wrong = 0;
	int map;

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	harness_open();
	map = make_ring(0, PAGE);
	for (unsigned int i = 0; i < MANAGERS; i++) {
		managers[i] = ring_buffer__new(map, count, NULL, NULL);
		opened += managers[i] != NULL;
	}
	printf("%u of %u managers\n", opened, MANAGERS);
	for (unsigned int i = 0; i < MANAGERS; i++) {
		/* Two records: a library that may wait for more does so then. */
		emit(0, 2 * i, 2, 16);
		wrong += !managers[i] || ring_buffer__poll(managers[i], 1000) != 2;
	}
	printf("%u records, wrong results %u\n", delivered, wrong);
	for (unsigned int i = 0; i < MANAGERS; i++)
		ring_buffer__free(managers[i]);
	return 0;
}
