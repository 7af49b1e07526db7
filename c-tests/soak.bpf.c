// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "soak.h"
#include "rings.bpf.h"

/* One slot per producer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PRODUCERS);
	__type(key, __u32);
	__type(value, __u64[MAX_SIZE / 8]);
} scratch SEC(".maps");

struct work {
	void *ring;
	__u64 *words;
	__u64 next;
	__u32 size;
	__u32 notify;
	__u64 dropped;
};

static __u64 wakeup(const struct work *work)
{
	switch (work->notify) {
	case NOTIFY_SAMPLED:
		return bpf_ringbuf_query(work->ring, BPF_RB_AVAIL_DATA) >= SAMPLED_BYTES ?
			       BPF_RB_FORCE_WAKEUP :
			       BPF_RB_NO_WAKEUP;
	case NOTIFY_FORCED:
		return BPF_RB_FORCE_WAKEUP;
	default:
		return 0;
	}
}

static long produce_one(__u32 i, struct work *work)
{
	__u32 size = work->size;

	if (size < 8 || size > MAX_SIZE)
		return 1;
	work->words[((size - 8) / 8) & (MAX_SIZE / 8 - 1)] = ~work->next;
	work->words[0] = work->next;
	if (bpf_ringbuf_output(work->ring, work->words, size, wakeup(work)))
		work->dropped++;
	work->next++;
	return 0;
}

SEC("syscall")
int produce(struct burst *burst)
{
	__u32 ring = burst->ring, producer = burst->producer;
	struct work work = {
		.ring = bpf_map_lookup_elem(&rings, &ring),
		.words = bpf_map_lookup_elem(&scratch, &producer),
		.next = (__u64)ring << RING_SHIFT | (__u64)producer << PRODUCER_SHIFT |
			burst->first,
		.size = burst->size,
		.notify = burst->notify,
	};

	if (!work.ring || !work.words)
		return 1;
	bpf_loop(burst->batch, produce_one, &work, 0);
	burst->dropped = work.dropped;
	return 0;
}

SEC("syscall")
int look(struct look *look)
{
	__u32 index = look->ring;
	void *ring = bpf_map_lookup_elem(&rings, &index);

	if (!ring)
		return 1;
	look->unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	look->consumer_pos = bpf_ringbuf_query(ring, BPF_RB_CONS_POS);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
