// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A reader under a seccomp filter that allows what libbpf's reader calls and kills the process for anything else. The
 * program answers itself: all records are there before it polls.
 */
#include "harness.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define TIMES 5000
#define BATCH 8

/* What the C library and the loops below need is in it too. */
static const long allowed[] = {
	SYS_bpf,  SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_mmap,	SYS_munmap,
	SYS_read, SYS_write,	     SYS_close,	    SYS_exit_group,  SYS_brk,	SYS_newfstatat,
	SYS_futex,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef __powerpc64__
	/* await_notification() */
	SYS_clock_nanosleep,
#endif
};

#define ALLOWED (sizeof(allowed) / sizeof(*allowed))

static unsigned long delivered;

static int count_record(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	delivered++;
	return 0;
}

static void filter(void)
{
	struct sock_filter code[ALLOWED + 3] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { ALLOWED + 3, code };
	size_t i;

	for (i = 0; i < ALLOWED; i++)
		code[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)allowed[i],
							   (__u8)(ALLOWED - i), 0);
	code[ALLOWED + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[ALLOWED + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("seccomp");
}

int main(void)
{
	unsigned long produced = 0, returned = 0;
	struct ring_buffer *rb;
	int i, map;

	harness_open();
	map = make_ring(0, 512 * 1024);
	filter();
	rb = ring_buffer__new(map, count_record, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	for (i = 0; i < TIMES; i++) {
		int result;

		produced += emit(0, (__u32)produced, BATCH, 16);
		result = ring_buffer__poll(rb, 100);
		if (result < 0)
			die("ring_buffer__poll");
		returned += (unsigned long)result;
	}
	ring_buffer__free(rb);
	printf("delivered %s, returned %s\n", delivered == produced ? "all" : "NOT ALL",
	       returned == produced ? "all" : "NOT ALL");
	return 0;
}
