/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A ring with one record in it, made with libbpf. */
#ifndef PRODUCE_H
#define PRODUCE_H

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
	struct bpf_insn code[] = {
		/* *(u64 *)(r10 - 8) = 42; bpf_ringbuf_output(ring, r10 - 8, 8, 0); return 0 */
		{ BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 42 },
		{ BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, ring },
		{ 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 8 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = BPF_F_SLEEPABLE);
	int program = checked("bpf_prog_load",
			      bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "produce", "Dual BSD/GPL", code,
					    sizeof(code) / sizeof(*code), &load));
	LIBBPF_OPTS(bpf_test_run_opts, run);

	checked("bpf_prog_test_run_opts", bpf_prog_test_run_opts(program, &run));
	close(program);
	return ring;
}

#endif
