/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A user ring buffer with the BPF program that drains it. */
#ifndef USER_RING_HARNESS_H
#define USER_RING_HARNESS_H

#include "harness.h"
#include "user_ring.h"

/* The ring has one page: this is the largest sample that fits. */
#define LARGEST (PAGE - 8)

static struct {
	int map;
	int program;
	const struct sample *seen;
} user;

/* The maps and the program of user_ring.bpf.o, with a ring of any size. `seen` has room for a page of samples. */
HARNESS_UNUSED static void user_ring_open_sized(unsigned int ring_bytes)
{
	struct bpf_object *object = bpf_object__open("user_ring.bpf.o");
	struct bpf_map *map = object ? bpf_object__find_map_by_name(object, "user_ring") : NULL;

	if (!map || bpf_map__set_max_entries(map, ring_bytes))
		die("user_ring.bpf.o");
	if (bpf_object__load(object))
		cannot("load the BPF program");
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
	user_ring_open_sized(PAGE);
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

HARNESS_UNUSED static bool is_filled_with(const struct sample *sample, unsigned int seed)
{
	__u32 sum = CHECKSUM_START, i;

	for (i = 0; i < sample->size; i++)
		sum = checksum_step(sum, pattern(i * 3 + seed));
	return sum == sample->checksum;
}

/* Which seed was a sample filled with? -1: none below 1000, or it was damaged. */
HARNESS_UNUSED static int seed_of(const struct sample *sample)
{
	unsigned int seed;

	for (seed = 0; seed < 1000; seed++)
		if (is_filled_with(sample, seed))
			return (int)seed;
	return -1;
}

/* A size as text, which for the largest samples does not depend on the size of a page. */
HARNESS_UNUSED static const char *size_name(__u32 size)
{
	static char name[32];

	if (size > PAGE / 2)
		snprintf(name, sizeof(name), "a page less %u bytes", PAGE - size);
	else
		snprintf(name, sizeof(name), "%u bytes", size);
	return name;
}

/* Drains, and prints in which order which samples arrived. */
HARNESS_UNUSED static void show_drain(__u64 flags)
{
	int i, count = drain(flags);

	printf("drain with flags %llu = %d\n", (unsigned long long)flags, count);
	for (i = 0; i < count; i++)
		printf("  %s, filled with %d\n", size_name(user.seen[i].size),
		       seed_of(&user.seen[i]));
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
