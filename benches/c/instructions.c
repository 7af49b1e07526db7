// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Makes calls whose instructions callgrind counts: FUNCTION COUNT RING_FD PROGRAM_FD.
 * "consume" is one call for what the driver has put into the ring, "one" and "two" are calls for so many records of
 * it; "empty-consume" and "empty-poll" are COUNT calls that find nothing, "single" COUNT polls of which each finds one
 * record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "shared.h"

static int on_record(void *context, void *data, size_t size)
{
	++*(long *)context;
	return 0;
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
	printf("%d %ld\n", found, delivered);
	return 0;
}
