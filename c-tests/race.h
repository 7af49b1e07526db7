/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What provokes the race that loses a wake-up. */
#ifndef RACE_H
#define RACE_H

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "die.h"

/* The race is one between two CPUs, and the scheduler likes to put both sides on one. */
__attribute__((unused)) static void pin(int nth)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(getpid(), sizeof(allowed), &allowed))
		die(SETUP, "sched_getaffinity: %s", strerror(errno));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nth--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			die(SETUP, "sched_setaffinity: %s", strerror(errno));
		return;
	}
	die(SETUP, "needs two CPUs");
}

/* A counter is written by one thread, and read by others while it runs. */
typedef _Atomic unsigned long long counter;
#define get(c) atomic_load_explicit(&(c), memory_order_relaxed)
#define add(c, n) atomic_store_explicit(&(c), get(c) + (n), memory_order_relaxed)

static void run_program(int fd, void *ctx, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = size);
	int err = bpf_prog_test_run_opts(fd, &opts);

	if (err || opts.retval)
		die(SETUP, "cannot run a BPF program: %s", strerror(err ? -err : EINVAL));
}

#endif
