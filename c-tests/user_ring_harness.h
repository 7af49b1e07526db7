/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A user ring buffer with the BPF program that drains it. */
#ifndef USER_RING_HARNESS_H
#define USER_RING_HARNESS_H

#include "harness.h"
#include "user_ring.h"

#define LARGEST (USER_RING_BYTES - 8)

static struct {
	int map;
	int program;
	const struct sample *seen;
} user;

/* The maps and the program of user_ring.bpf.o, once it is loaded. */
HARNESS_UNUSED static void user_ring_use(struct bpf_object *object)
{
	user.map = map_named(object, "user_ring");
	user.program = program_named(object, "drain");
	user.seen = (const struct sample *)mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED,
						map_named(object, "seen"), 0);
	if (user.seen == MAP_FAILED)
		die("mmap of the seen samples");
}

HARNESS_UNUSED static void user_ring_open(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (PAGE > USER_RING_BYTES)
		cannot("make a user ring buffer of 4096 bytes");
	user_ring_use(load_object("user_ring.bpf.o"));
}

/* What bpf_user_ringbuf_drain() returned in the BPF program; `seen` holds these samples alone. */
HARNESS_UNUSED static int drain(__u64 flags)
{
	struct drain command = { flags, 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	/* The kernel writes the context of such a program back to where it came from. */
	opts.ctx_in = &command;
	opts.ctx_size_in = sizeof(command);
	if (bpf_prog_test_run_opts(user.program, &opts) || opts.retval)
		die("running the draining program");
	return (int)command.result;
}

HARNESS_UNUSED static void fill(void *sample, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		((__u8 *)sample)[i] = pattern((__u32)i * 3 + seed);
}

/* Which seed was a sample filled with? -1: none below 1000, or it was damaged. */
HARNESS_UNUSED static int seed_of(const struct sample *sample)
{
	unsigned int seed;
	__u32 i;

	for (seed = 0; seed < 1000; seed++) {
		__u32 sum = CHECKSUM_START;

		for (i = 0; i < sample->size; i++)
			sum = checksum_step(sum, pattern(i * 3 + seed));
		if (sum == sample->checksum)
			return (int)seed;
	}
	return -1;
}

/* Drains, and prints in which order which samples arrived. */
HARNESS_UNUSED static void show_drain(__u64 flags)
{
	int i, count = drain(flags);

	printf("drain with flags %llu = %d\n", (unsigned long long)flags, count);
	for (i = 0; i < count; i++)
		printf("  %u bytes, filled with %d\n", user.seen[i].size, seed_of(&user.seen[i]));
}

/* The state of the ring, as the kernel's pages say it. */
HARNESS_UNUSED static void show_positions(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned long *consumer, *producer;

	consumer = (unsigned long *)mmap(NULL, page, PROT_READ, MAP_SHARED, user.map, 0);
	producer = (unsigned long *)mmap(NULL, page, PROT_READ, MAP_SHARED, user.map, page);
	if (consumer == MAP_FAILED || producer == MAP_FAILED)
		die("mmap of the positions");
	printf("  consumer %lu, producer %lu\n", *consumer, *producer);
	munmap(consumer, page);
	munmap(producer, page);
}

#endif
