// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "edge_triggered.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} ring SEC(".maps");

SEC("syscall")
int produce(struct burst *burst)
{
	struct record record = {.producer = burst->producer, .number = burst->first};
	__u32 batch = burst->batch, dropped = 0;

	for (__u32 i = 0; i < MAX_BATCH && i < batch; i++) {
		if (bpf_ringbuf_output(&ring, &record, sizeof(record), 0))
			dropped++;
		record.number++;
	}
	burst->dropped = dropped;
	return 0;
}

SEC("syscall")
int look(struct look *look)
{
	look->unread = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	look->size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
	look->consumer_pos = bpf_ringbuf_query(&ring, BPF_RB_CONS_POS);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
