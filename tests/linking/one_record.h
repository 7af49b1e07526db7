/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A BPF program that puts one record, the number 42, into a ring; in instructions, which need no compiler. */
#ifndef ONE_RECORD_H
#define ONE_RECORD_H

#include <linux/bpf.h>

/* *(u64 *)(r10 - 8) = 42; bpf_ringbuf_output(ring, r10 - 8, 8, 0); return 0 */
static struct bpf_insn one_record[] = {
	{ BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 42 },
	{ BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, -1 /* the ring */ },
	{ 0, 0, 0, 0, 0 },
	{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
	{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8 },
	{ BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 8 },
	{ BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0 },
	{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output },
	{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
};
#define ONE_RECORD_COUNT (sizeof(one_record) / sizeof(*one_record))

static inline const struct bpf_insn *one_record_for(int ring)
{
	one_record[1].imm = ring;
	return one_record;
}

#endif
