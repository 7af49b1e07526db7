// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A program that does without libbpf: the map and its producer come from bpf(2), the API from
 * <rbshim.h>. With an argument it asks for a bad descriptor as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <rbshim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../linking/one_record.h"

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	int result = (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));

	if (result < 0) {
		perror("bpf");
		exit(1);
	}
	return result;
}

static int create_ring(void)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = BPF_MAP_TYPE_RINGBUF;
	attributes.max_entries = (__u32)sysconf(_SC_PAGESIZE);
	return bpf(BPF_MAP_CREATE, &attributes);
}

/* Puts one record into the ring. */
static void produce(int ring)
{
	union bpf_attr attributes;
	int program;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_SYSCALL;
	attributes.prog_flags = BPF_F_SLEEPABLE;
	attributes.insns = (__u64)(unsigned long)one_record_for(ring);
	attributes.insn_cnt = ONE_RECORD_COUNT;
	attributes.license = (__u64)(unsigned long)"Dual BSD/GPL";
	program = bpf(BPF_PROG_LOAD, &attributes);
	memset(&attributes, 0, sizeof(attributes));
	attributes.test.prog_fd = (__u32)program;
	bpf(BPF_PROG_TEST_RUN, &attributes);
	close(program);
}

static int on_record(void *context, void *data, size_t size)
{
	unsigned long long value = 0;

	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	printf("%s: %zu bytes, %llu\n", (const char *)context, size, value);
	return 0;
}

int main(int argc, char **argv)
{
	int ring = create_ring(), round;

	(void)argv;
	if (dlopen("libbpf.so.1", RTLD_LAZY | RTLD_NOLOAD)) {
		fputs("libbpf is in the process: this proves nothing\n", stderr);
		return 1;
	}
	for (round = 0; round < 2; round++) {
		struct ring_buffer *manager = ring_buffer__new(ring, on_record, "record", NULL);

		if (!manager) {
			perror("ring_buffer__new");
			return 1;
		}
		produce(ring);
		printf("poll = %d\n", ring_buffer__poll(manager, 10000));
		ring_buffer__free(manager);
	}
	if (argc > 1) {
		ring_buffer__new(-1, on_record, NULL, NULL);
		printf("errno %s\n", strerrorname_np(errno));
	}
	return 0;
}
