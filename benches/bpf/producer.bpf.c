// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Produces a batch of records at a time, and measures how long that takes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "shared.h"
#include "../../c-tests/rings.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

const volatile struct production production = { .size = 8, .turns = 1 };

struct tally tallies[MAX_PRODUCERS];

struct work {
	__u64 accepted;
	__u64 dropped;
	__u32 turn;
};

static __u64 notification(void *into)
{
	if (production.silent)
		return BPF_RB_NO_WAKEUP;
	if (!production.wake_bytes)
		return 0;
	return bpf_ringbuf_query(into, BPF_RB_AVAIL_DATA) >= production.wake_bytes ?
		       BPF_RB_FORCE_WAKEUP :
		       BPF_RB_NO_WAKEUP;
}

static long produce_one(__u32 i, struct work *work)
{
	void *into = &ring;
	__u64 *record, flags;

	if (production.turns > 1) {
		__u32 turn = work->turn % production.turns;

		if (!production.own_ring)
			work->turn++;

		into = bpf_map_lookup_elem(&rings, &turn);
		if (!into)
			return 1;
	}
	record = bpf_ringbuf_reserve(into, production.size, 0);
	if (!record) {
		work->dropped++;
		return 0;
	}
	flags = notification(into);
	*record = production.stamped ? bpf_ktime_get_ns() : i;
	bpf_ringbuf_submit(record, flags);
	work->accepted++;
	return 0;
}

SEC("syscall")
int produce(struct command *command)
{
	__u32 producer = command->producer;
	__u64 start = bpf_ktime_get_ns();
	struct work work = {};
	struct tally *tally;

	if (producer >= MAX_PRODUCERS)
		return 1;
	tally = &tallies[producer];
	work.turn = production.own_ring ? producer : (tally->accepted + tally->dropped) % production.turns;
	bpf_loop(command->batch, produce_one, &work, 0);
	tally->accepted += work.accepted;
	tally->dropped += work.dropped;
	tally->nanoseconds += bpf_ktime_get_ns() - start;
	return 0;
}

/* Notifies the reader of the first ring, with nothing for it to deliver. */
SEC("syscall")
int notify(struct command *command)
{
	void *record = bpf_ringbuf_reserve(&ring, 8, 0);

	if (!record)
		return 1;
	bpf_ringbuf_discard(record, BPF_RB_FORCE_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
