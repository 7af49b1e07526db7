// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Leaves a record BUSY in each of two rings for as long as user space likes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAX_RINGS 16
#define MAX_HELD 16384

#include "rings.bpf.h"

/* What the held records contain. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[MAX_HELD]);
} content SEC(".maps");

struct hold {
	/* Indices into `rings`. */
	__u32 rings[2];
	__u32 size;
	/* Discard the records in the end, instead of submitting them. */
	__u32 discard;
	__u64 flags;
	/* Reading this word of user memory lasts until the records are to be committed. */
	__u64 gate;
	/* Answer: in which rings there was room. */
	__u32 done[2];
};

SEC("syscall")
int hold(struct hold *command)
{
	__u32 zero = 0, first = command->rings[0], second = command->rings[1];
	void *first_ring = bpf_map_lookup_elem(&rings, &first);
	void *second_ring = bpf_map_lookup_elem(&rings, &second);
	__u8 *bytes = bpf_map_lookup_elem(&content, &zero);
	struct bpf_dynptr one, other;
	__u32 size = command->size, discard = command->discard;
	__u64 flags = command->flags, word;
	const void *gate = (const void *)command->gate;
	int result = 0;

	if (!first_ring || !second_ring || !bytes || size > MAX_HELD)
		return 1;
	command->done[0] = bpf_ringbuf_reserve_dynptr(first_ring, size, 0, &one) == 0;
	command->done[1] = bpf_ringbuf_reserve_dynptr(second_ring, size, 0, &other) == 0;
	bpf_dynptr_write(&one, 0, bytes, size, 0);
	bpf_dynptr_write(&other, 0, bytes, size, 0);
	if (bpf_copy_from_user(&word, sizeof(word), gate))
		result = 2;
	if (discard) {
		bpf_ringbuf_discard_dynptr(&one, flags);
		bpf_ringbuf_discard_dynptr(&other, flags);
	} else {
		bpf_ringbuf_submit_dynptr(&one, flags);
		bpf_ringbuf_submit_dynptr(&other, flags);
	}
	return result;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
