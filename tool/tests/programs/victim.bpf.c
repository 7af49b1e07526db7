// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "victim.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} victims_ring SEC(".maps");

SEC("syscall")
int produce(struct burst *burst)
{
	__u64 number = burst->first, flags = burst->flags;
	__u32 count = burst->count, dropped = 0;

	for (__u32 i = 0; i < MOST && i < count; i++) {
		if (bpf_ringbuf_output(&victims_ring, &number, sizeof(number), flags))
			dropped++;
		number++;
	}
	burst->dropped = dropped;
	if (burst->pad) {
		void *record = bpf_ringbuf_reserve(&victims_ring, 0, 0);

		if (record)
			bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
