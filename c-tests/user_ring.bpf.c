// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Drains a user ring buffer on command and notes what was in it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "user_ring.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, USER_RING_BYTES);
} user_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_SEEN);
	__type(key, __u32);
	__type(value, struct sample);
} seen SEC(".maps");

/* Samples of the drain under way. */
__u32 seen_count;

static long note(struct bpf_dynptr *sample, void *context)
{
	__u32 key = seen_count, size, sum = CHECKSUM_START;
	struct sample *entry;
	__u8 byte;

	/* The size is where reading ends. */
	for (size = 0; size < USER_RING_BYTES; size++) {
		if (bpf_dynptr_read(&byte, 1, sample, size, 0))
			break;
		sum = checksum_step(sum, byte);
	}
	entry = bpf_map_lookup_elem(&seen, &key);
	if (entry) {
		entry->size = size;
		entry->checksum = sum;
	}
	seen_count++;
	return 0;
}

SEC("syscall")
int drain(struct drain *command)
{
	seen_count = 0;
	command->result = bpf_user_ringbuf_drain(&user_ring, note, NULL, command->flags);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
