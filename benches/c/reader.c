// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* An ordinary libbpf program that reads rings and counts; started by the driver. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "shared.h"

#define POLL_MS 100

static __u64 now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static __u32 bucket(__u64 latency)
{
	__u32 value = latency > 0xffffffff ? 0xffffffff : latency, shift;

	if (value < LATENCY_STEPS)
		return value;
	shift = 31 - __builtin_clz(value) - LATENCY_BITS;
	return (shift + 1) * LATENCY_STEPS + (value >> shift) - LATENCY_STEPS;
}

static int on_record(void *context, void *data, size_t size)
{
	struct shared *shared = context;

	if (shared->orders.atomic) {
		__atomic_fetch_add(&shared->delivered, 1, __ATOMIC_RELAXED);
		return 0;
	}
	if (shared->orders.stamped)
		shared->latencies[bucket(now() - *(__u64 *)data)]++;
	if (shared->orders.callback_ns) {
		__u64 end = now() + shared->orders.callback_ns;

		while (now() < end)
			;
	}
	shared->bytes += size;
	__atomic_store_n(&shared->delivered, shared->delivered + 1, __ATOMIC_RELAXED);
	return 0;
}

static int produce(struct shared *shared)
{
	struct command command = { .batch = shared->orders.own_batch };
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &command, .ctx_size_in = sizeof(command));

	shared->triggered += command.batch;
	return bpf_prog_test_run_opts(shared->orders.program_fd, &options) || options.retval;
}

int main(int argc, char **argv)
{
	struct ring_buffer *reader;
	struct shared *shared;
	__u32 i;

	if (argc != 2)
		return 2;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	reader = ring_buffer__new(shared->orders.ring_fds[0], on_record, shared, NULL);
	for (i = 1; reader && i < shared->orders.rings; i++)
		if (ring_buffer__add(reader, shared->orders.ring_fds[i], on_record, shared))
			return 1;
	if (!reader) {
		perror("ring_buffer__new");
		return 1;
	}
	__atomic_store_n(&shared->ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		int result;

		if (shared->orders.own_batch && shared->delivered == shared->triggered &&
		    produce(shared)) {
			fprintf(stderr, "the BPF program failed\n");
			return 1;
		}
		result = ring_buffer__poll(reader, POLL_MS);
		if (result < 0) {
			fprintf(stderr, "poll: %d\n", result);
			return 1;
		}
		__atomic_store_n(&shared->returns, shared->returns + 1, __ATOMIC_RELAXED);
	}
	ring_buffer__free(reader);
	return 0;
}
