// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A library to preload, which stands between libc and the program with its other libraries. It has each ring buffer
 * taken for one in overwrite mode. On a kernel without the mode such a ring looks like one in which nothing was
 * overwritten: the word after the kernel's two positions is 0.
 *
 * With LOCK_RUNS=N in the environment the library's own BPF program is run N times, and then no more; with 0 it is not
 * loaded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_PROG_LOAD, BPF_PROG_TEST_RUN, BPF_OBJ_GET_INFO_BY_FD, BPF_MAP_TYPE_RINGBUF, BPF_F_RB_OVERWRITE. */
enum { LOAD = 5, RUN = 10, GET_INFO = 15, RINGBUF = 27, OVERWRITE = 1 << 19 };

/* Of union bpf_attr: where a program's name stands, and which bytes. */
enum { NAME_AT = 48, NAME_LEN = 16 };

/* The beginning of struct bpf_map_info. */
struct map_info {
	uint32_t type, id, key_size, value_size, max_entries, flags;
};

/* What bpf(2) is given for GET_INFO. */
struct info_attr {
	uint32_t fd, len;
	uint64_t info;
};

static int rings;

/* So that whoever runs the program knows that it had such rings. */
__attribute__((destructor)) static void say_how_many(void)
{
	fprintf(stderr, "%d rings taken for overwriting\n", rings);
}

/* The library's program; how often it was run. */
static int lock = -1, lock_runs;

/* Whether a call is about the library's program. */
static int is_about_lock(int command, const char *attr)
{
	int fd;

	if (command == LOAD)
		return !strncmp(attr + NAME_AT, "rbshim_lock", NAME_LEN);
	memcpy(&fd, attr, sizeof(fd));
	return command == RUN && lock >= 0 && fd == lock;
}

/* Whether it is one too many. */
static int is_denied(int command)
{
	const char *runs = getenv("LOCK_RUNS");

	if (!runs)
		return 0;
	return command == LOAD ? atoi(runs) == 0 : lock_runs++ >= atoi(runs);
}

long syscall(long number, ...)
{
	__typeof__(&syscall) next = (__typeof__(&syscall))dlsym(RTLD_NEXT, "syscall");
	va_list list;
	long arguments[6], result;
	int about_lock;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	about_lock = number == SYS_bpf && is_about_lock((int)arguments[0], (const char *)arguments[1]);
	if (about_lock && is_denied((int)arguments[0])) {
		errno = EPERM;
		return -1;
	}
	result = next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
	if (about_lock && (int)arguments[0] == LOAD)
		lock = (int)result;
	if (number == SYS_bpf && (int)arguments[0] == GET_INFO && result >= 0) {
		const struct info_attr *attr = (const struct info_attr *)arguments[1];
		struct map_info *info = (struct map_info *)(uintptr_t)attr->info;

		if (attr->len >= sizeof(*info) && info->type == RINGBUF) {
			info->flags |= OVERWRITE;
			rings++;
		}
	}
	return result;
}
