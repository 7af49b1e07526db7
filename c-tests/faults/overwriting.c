// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A library to preload, which stands between libc and the program with its other libraries. It has each ring buffer
 * taken for one in overwrite mode. On a kernel without the mode such a ring looks like one in which nothing was
 * overwritten: the word after the kernel's two positions is 0.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_OBJ_GET_INFO_BY_FD, BPF_MAP_TYPE_RINGBUF, BPF_F_RB_OVERWRITE. */
enum { GET_INFO = 15, RINGBUF = 27, OVERWRITE = 1 << 19 };

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

long syscall(long number, ...)
{
	__typeof__(&syscall) next = (__typeof__(&syscall))dlsym(RTLD_NEXT, "syscall");
	va_list list;
	long arguments[6], result;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	result = next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
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
