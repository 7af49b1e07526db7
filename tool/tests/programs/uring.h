/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One multishot poll by io_uring, for a program that has die(). */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int uring_fd;
static _Atomic unsigned int *uring_head, *uring_tail;

static void *uring_map(size_t size, off_t offset)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring_fd, offset);

	if (map == MAP_FAILED)
		die("io_uring");
	return map;
}

/* Begins to poll fd. Needs IORING_FEAT_SINGLE_MMAP: Linux 5.4. */
static void uring_poll(int fd)
{
	struct io_uring_params params = {0};
	struct io_uring_sqe *entry;
	char *rings;

	uring_fd = syscall(SYS_io_uring_setup, 4, &params);
	if (uring_fd < 0)
		die("io_uring");
	rings = uring_map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe) + 4096,
			  IORING_OFF_SQ_RING);
	entry = uring_map(params.sq_entries * sizeof(*entry), IORING_OFF_SQES);
	memset(entry, 0, sizeof(*entry));
	entry->opcode = IORING_OP_POLL_ADD;
	entry->fd = fd;
	entry->poll32_events = 1; /* POLLIN */
	entry->len = IORING_POLL_ADD_MULTI;
	*(unsigned int *)(rings + params.sq_off.array) = 0;
	atomic_store((_Atomic unsigned int *)(rings + params.sq_off.tail), 1);
	uring_head = (void *)(rings + params.cq_off.head);
	uring_tail = (void *)(rings + params.cq_off.tail);
	if (syscall(SYS_io_uring_enter, uring_fd, 1, 0, 0, NULL, 0) != 1)
		die("io_uring");
}

/* Sleeps until it was notified, and takes all notifications. */
static void uring_wait(void)
{
	if (atomic_load(uring_head) == atomic_load(uring_tail))
		syscall(SYS_io_uring_enter, uring_fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	atomic_store(uring_head, atomic_load(uring_tail));
}

#endif
