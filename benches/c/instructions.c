// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Makes calls whose instructions callgrind counts, or whose time is taken: FUNCTION COUNT RING_FD PROGRAM_FD.
 * "consume" is one call for what the driver has put into the ring, "one" and "two" are calls for so many records of
 * it; "empty-consume" and "empty-poll" are COUNT calls that find nothing, "single" COUNT polls of which each finds one
 * record. Prints what they returned and delivered; then the nanoseconds that they took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "shared.h"

static int on_record(void *context, void *data, size_t size)
{
	++*(long *)context;
	return 0;
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int produce(int program)
{
	struct command command = { .batch = 1 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &command, .ctx_size_in = sizeof(command));

	return bpf_prog_test_run_opts(program, &options) || options.retval;
}

int main(int argc, char **argv)
{
	const char *calls = argc == 5 ? argv[1] : "";
	int count, ring, program, i, found = 0;
	struct ring_buffer *reader;
	long delivered = 0;
	long long start;

	if (!*calls)
		return 2;
	count = atoi(argv[2]);
	ring = atoi(argv[3]);
	program = atoi(argv[4]);
	reader = ring_buffer__new(ring, on_record, &delivered, NULL);
	if (!reader) {
		perror("ring_buffer__new");
		return 1;
	}
	start = now();
	if (!strcmp(calls, "consume"))
		found = ring_buffer__consume(reader);
	for (i = 0; i < count; i++) {
		if (!strcmp(calls, "empty-consume"))
			found |= ring_buffer__consume(reader);
		else if (!strcmp(calls, "empty-poll"))
			found |= ring_buffer__poll(reader, 0);
		else if (!strcmp(calls, "single") && !produce(program))
			found += ring_buffer__poll(reader, 100);
		else if (!strcmp(calls, "one"))
			found += ring_buffer__consume_n(reader, 1);
		else if (!strcmp(calls, "two") && found < count)
			found += ring_buffer__consume_n(reader, 2);
	}
	start = now() - start;
	printf("%d %ld\n%lld\n", found, delivered, start);
	return 0;
}
