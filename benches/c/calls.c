// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * With the argument "version" prints libbpf's version. Else opens an empty ring and prints the time at which it was
 * open, in nanoseconds of CLOCK_MONOTONIC; with "poll" or "consume", then also the nanoseconds of a call that finds
 * nothing.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define DURATION_NS 100000000
#define CALLS_PER_LOOK 500

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int on_record(void *context, void *data, size_t size)
{
	return 0;
}

int main(int argc, char **argv)
{
	const char *call = argc > 1 ? argv[1] : "";
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "empty", 0, 0, 4096, NULL);
	struct ring_buffer *reader = ring_buffer__new(fd, on_record, NULL, NULL);
	unsigned long long start = now(), end, calls = 0;

	if (!strcmp(call, "version"))
		return puts(libbpf_version_string()) < 0;
	if (!reader) {
		perror("ring_buffer__new");
		return 1;
	}
	printf("%llu\n", start);
	if (!*call)
		return 0;
	do {
		int i, result = 0;

		for (i = 0; i < CALLS_PER_LOOK; i++)
			result |= strcmp(call, "poll") ? ring_buffer__consume(reader) :
							 ring_buffer__poll(reader, 0);
		if (result) {
			fprintf(stderr, "%s: %d\n", call, result);
			return 1;
		}
		calls += CALLS_PER_LOOK;
		end = now();
	} while (end - start < DURATION_NS);
	printf("%.3f\n", (double)(end - start) / calls);
	return 0;
}
