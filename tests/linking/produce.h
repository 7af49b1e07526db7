/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A ring with one record in it, made with libbpf. */
#ifndef PRODUCE_H
#define PRODUCE_H

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "one_record.h"

static int checked(const char *what, int result)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static inline int ring_with_a_record(void)
{
	int ring = checked("bpf_map_create", bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0,
							    (__u32)sysconf(_SC_PAGESIZE), NULL));
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = BPF_F_SLEEPABLE);
	int program = checked("bpf_prog_load",
			      bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "produce", "Dual BSD/GPL",
					    one_record_for(ring), ONE_RECORD_COUNT, &load));
	LIBBPF_OPTS(bpf_test_run_opts, run);

	checked("bpf_prog_test_run_opts", bpf_prog_test_run_opts(program, &run));
	close(program);
	return ring;
}

#endif
