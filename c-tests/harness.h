/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the C programs share: the producer's commands, rings of any size, and
 * printing of results. Whatever must not fail ends the program with a message.
 */
#ifndef HARNESS_H
#define HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "commands.h"

#define HARNESS_UNUSED __attribute__((unused))

/* Set before each call: a call that leaves errno alone shows as "untouched". */
#define UNTOUCHED 4242

/* The least that a ring may have. Not everywhere 4096. */
#define PAGE ((unsigned int)sysconf(_SC_PAGESIZE))
#define MAX_PAGE 65536

/* Says that this kernel cannot do what the program needs. Others take it for neither a success nor a failure. */
#define CANNOT_RUN 77

static struct {
	struct bpf_object *object;
	struct control *control;
	int rings;
	int produce;
	/* Is it producer_plain.bpf.o? */
	bool plain;
} harness;

HARNESS_UNUSED __attribute__((noreturn)) static void die(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

HARNESS_UNUSED __attribute__((noreturn)) static void cannot(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "this kernel cannot %s\n", what);
	exit(CANNOT_RUN);
}

HARNESS_UNUSED static const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);

	return error == UNTOUCHED ? "untouched" : name ? name : "unknown";
}

/* A call of the library, its value, and what it did to errno. */
#define SHOW(call)                                                             \
	do {                                                                   \
		errno = UNTOUCHED;                                             \
		long show_value = (long)(call);                                \
		int show_errno = errno;                                        \
		printf("%s = %ld, errno %s\n", #call, show_value,              \
		       errno_name(show_errno));                                \
	} while (0)

/* The same for a pointer, which is kept in `variable`. */
#define SHOW_POINTER(variable, call)                                           \
	do {                                                                   \
		errno = UNTOUCHED;                                             \
		variable = call;                                               \
		int show_errno = errno;                                        \
		printf("%s = %s, errno %s\n", #call,                           \
		       variable ? "a pointer" : "NULL",                        \
		       errno_name(show_errno));                                \
	} while (0)

HARNESS_UNUSED static struct bpf_object *load_object(const char *file)
{
	struct bpf_object *object = bpf_object__open(file);

	if (!object)
		die(file);
	if (bpf_object__load(object))
		cannot("load the BPF program");
	return object;
}

HARNESS_UNUSED static int map_named(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		die(name);
	return fd;
}

HARNESS_UNUSED static int program_named(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die(name);
	return bpf_program__fd(program);
}

/* producer.bpf.o or, where the kernel does not load that, the one that takes less. */
HARNESS_UNUSED static struct bpf_object *load_producer(void)
{
	struct bpf_object *object = bpf_object__open("producer.bpf.o");

	if (!object)
		die("producer.bpf.o");
	if (bpf_object__load(object) == 0)
		return object;
	bpf_object__close(object);
	harness.plain = true;
	return load_object("producer_plain.bpf.o");
}

/* A new map. `size` must be a power of two and whole pages: nobody rounds it. */
HARNESS_UNUSED static int create_map(enum bpf_map_type type, unsigned int size)
{
	int fd = bpf_map_create(type, "c_tests", 0, 0, size, NULL);

	if (fd < 0 && type == BPF_MAP_TYPE_USER_RINGBUF && errno == EINVAL)
		cannot("make a user ring buffer");
	if (fd < 0)
		die("bpf_map_create");
	return fd;
}

HARNESS_UNUSED static void harness_open(void)
{
	static __u8 slot[SCRATCH];
	struct bpf_object *object;
	int scratch;
	__u32 i;

	/* So that a forked child does not print the parent's lines again. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	object = load_producer();
	harness.object = object;
	harness.produce = program_named(object, "produce");
	harness.rings = map_named(object, "rings");
	harness.control = (struct control *)mmap(NULL, sysconf(_SC_PAGESIZE),
						 PROT_READ | PROT_WRITE, MAP_SHARED,
						 map_named(object, "control"), 0);
	if (harness.control == MAP_FAILED)
		die("mmap of the control map");
	for (i = 0; i < SCRATCH; i++)
		slot[i] = pattern(i);
	scratch = map_named(object, "scratch");
	for (i = 0; i < MAX_PRODUCERS; i++)
		if (bpf_map_update_elem(scratch, &i, slot, BPF_ANY))
			die("filling the scratch map");
}

/* A ring buffer map of `size` bytes, known to the producer as `index`. */
HARNESS_UNUSED static int make_ring(__u32 index, unsigned int size)
{
	int fd = create_map(BPF_MAP_TYPE_RINGBUF, size);

	if (bpf_map_update_elem(harness.rings, &index, &fd, BPF_ANY))
		die("handing a ring to the producer");
	return fd;
}

/* A program that has a packet for its context: the command is the packet, and comes back as that. */
HARNESS_UNUSED static int run_plain(struct command *command)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	opts.data_in = opts.data_out = command;
	opts.data_size_in = opts.data_size_out = sizeof(*command);
	if (bpf_prog_test_run_opts(harness.produce, &opts))
		return -1;
	if (opts.retval == PLAIN_CANNOT)
		cannot("load producer.bpf.o, and the plain one does not do this");
	return (int)opts.retval;
}

/* In steps, because that producer can only count so far. */
HARNESS_UNUSED static int run_in_steps(struct command *command)
{
	struct command step = *command;
	__u32 left = command->count;

	command->done = command->dropped = 0;
	do {
		step.count = left < PLAIN_STEP ? left : PLAIN_STEP;
		if (run_plain(&step))
			return -1;
		command->done += step.done;
		command->dropped += step.dropped;
		step.first += step.count;
		left -= step.count;
	} while (left);
	command->avail = step.avail;
	command->ring_size = step.ring_size;
	command->consumer_pos = step.consumer_pos;
	command->producer_pos = step.producer_pos;
	return 0;
}

/* Leaves errno alone, so that callbacks may produce as well. */
HARNESS_UNUSED static void run_command(struct command *command)
{
	int error = errno;
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	opts.ctx_in = command;
	opts.ctx_size_in = sizeof(*command);
	if (harness.plain ? run_in_steps(command) :
			    bpf_prog_test_run_opts(harness.produce, &opts) || opts.retval)
		die("running the producer");
	errno = error;
}

HARNESS_UNUSED static struct command
make_command(enum operation operation, __u32 ring, __u32 first, __u32 count, __u32 size,
	     __u64 flags)
{
	struct command command;

	memset(&command, 0, sizeof(command));
	command.operation = operation;
	command.ring = ring;
	command.first = first;
	command.count = count;
	command.size = size;
	command.flags = flags;
	return command;
}

/*
 * The kernel notifies the reader in an interrupt, which comes at once on x86-64 and AArch64. On POWER it is that of
 * the timer, and so has come when a sleep is over: nearly always after the shortest one, and after the longest tick,
 * of 10 ms, in any case.
 */
HARNESS_UNUSED static void sleep_on_power(long ns)
{
#ifdef __powerpc64__
	const struct timespec time = { 0, ns };
	int error = errno;

	nanosleep(&time, NULL);
	errno = error;
#else
	(void)ns;
#endif
}

/* After each record. */
HARNESS_UNUSED static void await_notification(void)
{
	sleep_on_power(1);
}

/* Before a program looks at the epoll instance itself. */
HARNESS_UNUSED static void await_all_notifications(void)
{
	sleep_on_power(20000000);
}

/* Returns the number of records for which there was room. */
HARNESS_UNUSED static __u32 emit_flags(__u32 ring, __u32 first, __u32 count, __u32 size,
				       __u64 flags)
{
	struct command command = make_command(EMIT, ring, first, count, size, flags);

	run_command(&command);
	await_notification();
	return command.done;
}

HARNESS_UNUSED static __u32 emit(__u32 ring, __u32 first, __u32 count, __u32 size)
{
	return emit_flags(ring, first, count, size, 0);
}

HARNESS_UNUSED static __u32 discard(__u32 ring, __u32 count, __u32 size)
{
	struct command command = make_command(DISCARD, ring, 0, count, size, 0);

	run_command(&command);
	await_notification();
	return command.done;
}

/* What the kernel knows of the ring. */
HARNESS_UNUSED static struct command query(__u32 ring)
{
	struct command command = make_command(QUERY, ring, 0, 0, 0, 0);

	run_command(&command);
	return command;
}

HARNESS_UNUSED static void show_query(__u32 ring)
{
	struct command seen = query(ring);

	printf("  the kernel sees ring %u: available %llu, consumer %llu, producer %llu\n", ring,
	       (unsigned long long)seen.avail, (unsigned long long)seen.consumer_pos,
	       (unsigned long long)seen.producer_pos);
}

/* A record left BUSY by another thread, with others after it committed. */
struct holder {
	struct command command;
	pthread_t thread;
};

HARNESS_UNUSED static void *holder_thread(void *command)
{
	run_command((struct command *)command);
	return NULL;
}

HARNESS_UNUSED static void hold(struct holder *holder, struct command command)
{
	__atomic_store_n(&harness.control->held, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&harness.control->release, 0, __ATOMIC_SEQ_CST);
	holder->command = command;
	errno = pthread_create(&holder->thread, NULL, holder_thread, &holder->command);
	if (errno)
		die("pthread_create");
	while (!__atomic_load_n(&harness.control->held, __ATOMIC_SEQ_CST))
		sched_yield();
}

/* Returns when the record is committed or discarded. */
HARNESS_UNUSED static void release(struct holder *holder)
{
	__atomic_store_n(&harness.control->release, 1, __ATOMIC_SEQ_CST);
	pthread_join(holder->thread, NULL);
}

/* Is everything after the header what the producer put there? */
HARNESS_UNUSED static bool body_is_intact(const void *data, size_t size)
{
	const __u8 *bytes = (const __u8 *)data;
	struct record header;
	size_t i;

	if (size < sizeof(header))
		return true;
	memcpy(&header, data, sizeof(header));
	for (i = sizeof(header); i < size; i++)
		if (bytes[i] != pattern((__u32)i + PATTERN_STEP(header.sequence)))
			return false;
	return true;
}

/* A callback that prints each record; the context is the reader's name. */
HARNESS_UNUSED static int print_record(void *name, void *data, size_t size)
{
	struct record header = { 0, 0 };
	int error = errno;

	memcpy(&header, data, size < sizeof(header) ? size : sizeof(header));
	printf("  %s: record %u of producer %u, %zu bytes, %s\n", (const char *)name,
	       header.sequence, header.producer, size,
	       body_is_intact(data, size) ? "intact" : "DAMAGED");
	errno = error;
	return 0;
}

/* Runs `body` in a child and prints how that ended. */
HARNESS_UNUSED static void in_child(const char *what, void (*body)(void))
{
	int status;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		body();
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	if (WIFSIGNALED(status))
		printf("%s: killed by SIG%s\n", what, sigabbrev_np(WTERMSIG(status)));
	else
		printf("%s: exit status %d\n", what, WEXITSTATUS(status));
}

#endif
