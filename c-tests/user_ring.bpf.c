// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Drains a user ring buffer on command and notes what was in it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "user_ring.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	/* The programs choose another size. Without that, libbpf makes whole pages of it. */
	__uint(max_entries, 4096);
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
/* The bytes of the sample at hand, and their checksum so far. */
static __u8 copy[MAX_BYTES];
static __u32 sum;

static long add_byte(__u32 i, void *context)
{
	sum = checksum_step(sum, copy[i & (MAX_BYTES - 1)]);
	return 0;
}

static long note(struct bpf_dynptr *sample, void *context)
{
	__u32 key = seen_count++, bit;
	struct sample *entry = bpf_map_lookup_elem(&seen, &key);
	__u8 byte;

	if (!entry)
		return 0;
	/*
	 * The size is where reading ends: Linux 6.1 has nothing that tells it. It is looked for bit by bit, since the
	 * verifier follows each turn of a loop, and kept in the map, where the verifier does not follow it.
	 */
	entry->size = 0;
	for (bit = MAX_BYTES / 2; bit; bit /= 2)
		if (bpf_dynptr_read(&byte, 1, sample, entry->size + bit - 1, 0) == 0)
			entry->size += bit;
	bpf_dynptr_read(copy, entry->size & (MAX_BYTES - 1), sample, 0, 0);
	sum = CHECKSUM_START;
	bpf_loop(entry->size, add_byte, NULL, 0);
	entry->checksum = sum;
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
