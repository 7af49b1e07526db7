/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Runs the BPF program of rbshim_ring__statistics(3) until its ring has been full twice, and asks the two functions
 * beside it: print_fill() and count_refused().
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS 20000

struct ring_buffer;
void print_fill(struct ring_buffer *rb);
long long count_refused(int map_fd);

static int count_event(void *events, void *data, size_t size)
{
	(void)data, (void)size;
	++*(long long *)events;
	return 0;
}

static void run(int program)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(program, &opts)) {
		perror("bpf_prog_test_run_opts");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 2 ? bpf_object__open(argv[1]) : NULL;
	struct bpf_program *program;
	struct ring_buffer *rb;
	long long events = 0;
	int refused;

	if (!object || bpf_object__load(object))
		return 1;
	program = bpf_object__find_program_by_name(object, "on_exec");
	refused = bpf_object__find_map_fd_by_name(object, "refused");
	rb = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "events"), count_event, &events, NULL);
	if (!program || !rb)
		return 1;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < RUNS; i++)
			run(bpf_program__fd(program));
		if (ring_buffer__consume(rb) < 0)
			return 1;
	}
	printf("%lld delivered, %lld refused\n", events, count_refused(refused));
	print_fill(rb);
	ring_buffer__free(rb);
	bpf_object__close(object);
	return 0;
}
