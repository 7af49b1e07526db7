// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include "overwrite_soak.h"

/* User space sets its size. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(map_flags, BPF_F_RB_OVERWRITE);
	__uint(max_entries, MAX_RING);
} ring SEC(".maps");

/* One slot per producer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PRODUCERS);
	__type(key, __u32);
	__type(value, __u64[MAX_WORDS]);
} scratch SEC(".maps");

struct work {
	__u64 *words;
	struct burst burst;
};

struct filling {
	__u64 *words;
	__u64 first;
};

static long fill(__u32 i, struct filling *filling)
{
	filling->words[i & (MAX_WORDS - 1)] = i ? later_word(filling->first, i) : filling->first;
	return 0;
}

static long idle(__u32 i, void *unused)
{
	(void)unused;
	return i + 1 == 0;
}

static __u64 wakeup(const struct burst *burst, bool last)
{
	if (burst->notify == NOTIFY_DEFAULT)
		return 0;
	return last || burst->notify == NOTIFY_FORCED ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Of 16 bytes. Whether it was refused. */
static bool reserve_and_wait(__u64 first, __u64 position, enum kind kind, __u64 flags)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, 16, 0);

	if (!record)
		return true;
	record[0] = first;
	bpf_loop((first & 7) * 64, idle, NULL, 0);
	record[1] = position;
	if (kind == DISCARDED)
		bpf_ringbuf_discard(record, flags);
	else
		bpf_ringbuf_submit(record, flags);
	return false;
}

static bool output(struct work *work, __u64 first, __u64 position, __u64 words, __u64 flags)
{
	struct filling filling = { work->words, first };

	bpf_loop(words, fill, &filling, 0);
	work->words[1] = position;
	if (words > MAX_WORDS)
		return true;
	return bpf_ringbuf_output(&ring, work->words, words * 8, flags) != 0;
}

static long produce_one(__u32 i, struct work *work)
{
	struct burst *burst = &work->burst;
	__u64 first = first_word(burst->producer, burst->first + i);
	__u64 flags = wakeup(burst, i + 1 == burst->batch);
	__u64 words = words_of(first, burst->shape);
	__u64 position = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	enum kind kind = kind_of(first, burst->shape);
	bool refused = kind == PLAIN ? output(work, first, position, words, flags) :
				       reserve_and_wait(first, position, kind, flags);

	if (refused)
		burst->refused++;
	else
		burst->bytes += 8 + words * 8;
	if (!refused && kind == DISCARDED)
		burst->discarded++;
	return 0;
}

SEC("syscall")
int produce(struct burst *burst)
{
	__u32 producer = burst->producer;
	struct work work = {
		.words = bpf_map_lookup_elem(&scratch, &producer),
		.burst = {
			.producer = burst->producer,
			.batch = burst->batch,
			.shape = burst->shape,
			.notify = burst->notify,
			.first = burst->first,
		},
	};

	if (!work.words)
		return 1;
	bpf_loop(burst->batch, produce_one, &work, 0);
	burst->refused = work.burst.refused;
	burst->bytes = work.burst.bytes;
	burst->discarded = work.burst.discarded;
	burst->producer_pos = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	return 0;
}

SEC("syscall")
int look(struct look *look)
{
	look->available = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	look->size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
	look->consumer_pos = bpf_ringbuf_query(&ring, BPF_RB_CONS_POS);
	look->producer_pos = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	look->overwrite_pos = bpf_ringbuf_query(&ring, QUERY_OVERWRITE_POS);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
