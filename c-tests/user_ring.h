/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What user_ring.bpf.c and the programs that feed it have in common. */
#ifndef USER_RING_H
#define USER_RING_H

#include <linux/types.h>

/* The programs' rings have one page, and no page is larger: what fits into a ring, and how many samples. */
#define MAX_BYTES 65536
#define MAX_SEEN (MAX_BYTES / 8)

/* The context of `drain`: flags in, the value of bpf_user_ringbuf_drain() out. */
struct drain {
	__u64 flags;
	__s64 result;
};

/* A sample as the BPF program saw it, in the map `seen`. Of a longer one, the first MAX_BYTES - 1 bytes. */
struct sample {
	__u32 size;
	__u32 checksum;
};

#define CHECKSUM_START 2166136261u

static inline __u32 checksum_step(__u32 sum, __u8 byte)
{
	return (sum ^ byte) * 16777619u;
}

#endif
