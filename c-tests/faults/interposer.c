// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A library to preload, which stands between libc and the program with its other libraries. It makes one
 * call of a kind fail, and counts the blocks of the heap in use. The program finds its functions with dlsym().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's own names for its allocator: finding the next `malloc` could allocate. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

/* Only the calls of the thread that has armed the fault are counted. */
static __thread struct {
	const char *kind;
	int nth;
	int error;
	int seen;
} fault __attribute__((tls_model("initial-exec")));

static long blocks;

/* From now on the `nth` call of this kind, counted from 1, fails with `error`. */
void fault_arm(const char *kind, int nth, int error)
{
	fault.kind = kind;
	fault.nth = nth;
	fault.error = error;
	fault.seen = 0;
}

/* Returns how many calls of the kind there have been since it was armed. */
int fault_disarm(void)
{
	fault.kind = NULL;
	return fault.seen;
}

/* Blocks of the heap in use. */
long fault_blocks(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_SEQ_CST);
}

static int fails(const char *kind)
{
	if (!fault.kind || strcmp(kind, fault.kind) != 0 || ++fault.seen != fault.nth)
		return 0;
	errno = fault.error;
	return 1;
}

static void count(int change)
{
	__atomic_add_fetch(&blocks, change, __ATOMIC_SEQ_CST);
}

static void *counted(void *block)
{
	count(block != NULL);
	return block;
}

void *malloc(size_t size)
{
	return fails("allocation") ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return fails("allocation") ? NULL : counted(__libc_calloc(number, size));
}

void *realloc(void *old, size_t size)
{
	void *block;

	if (fails("allocation"))
		return NULL;
	block = __libc_realloc(old, size);
	if (!old)
		return counted(block);
	/* Without a size it is a free(). */
	count(-(size == 0 && !block));
	return block;
}

void free(void *block)
{
	count(-(block != NULL));
	__libc_free(block);
}

/* libc's own function of this name. */
#define NEXT(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (fails("mmap"))
		return MAP_FAILED;
	return NEXT(mmap)(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	if (fails("mmap"))
		return MAP_FAILED;
	return NEXT(mmap64)(address, length, protection, flags, fd, offset);
}

int epoll_create1(int flags)
{
	return fails("epoll_create1") ? -1 : NEXT(epoll_create1)(flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return fails("epoll_ctl") ? -1 : NEXT(epoll_ctl)(epoll, operation, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
	return fails("epoll_wait") ? -1 : NEXT(epoll_wait)(epoll, events, most, timeout);
}

long syscall(long number, ...)
{
	long argument[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_bpf && fails("bpf"))
		return -1;
	return NEXT(syscall)(number, argument[0], argument[1], argument[2], argument[3], argument[4],
			     argument[5]);
}
