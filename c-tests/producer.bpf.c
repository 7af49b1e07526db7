// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Produces, on command, into rings that the C programs create and put into `rings`. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "commands.h"
#include "producer.bpf.h"
#include "rings.bpf.h"

struct work {
	void *ring;
	__u8 *slot;
	__u64 flags;
	__u32 producer;
	__u32 first;
	__u32 size;
	__u32 done;
};

static long emit_one(__u32 i, struct work *work)
{
	__u32 sequence = work->first + i, size = work->size;
	__u8 *start = work->slot + PATTERN_STEP(sequence);
	struct record *header = (struct record *)start;
	__u64 covered = *(__u64 *)start;

	if (size > MAX_RECORD)
		return 1;
	header->producer = work->producer;
	header->sequence = sequence;
	if (bpf_ringbuf_output(work->ring, start, size, work->flags) == 0)
		work->done++;
	*(__u64 *)start = covered;
	return 0;
}

static long discard_one(__u32 i, struct work *work)
{
	struct bpf_dynptr record;

	if (bpf_ringbuf_reserve_dynptr(work->ring, work->size, 0, &record) == 0)
		work->done++;
	bpf_ringbuf_discard_dynptr(&record, work->flags);
	return 0;
}

static long wait_one(__u32 i, struct control **state)
{
	return *(volatile __u32 *)&(*state)->release != 0;
}

static long wait_long(__u32 i, struct control **state)
{
	bpf_loop(1 << 20, wait_one, state, 0);
	return *(volatile __u32 *)&(*state)->release != 0;
}

static void hold(struct command *command, struct work *work, struct control *state)
{
	struct record header = { command->producer, command->first };
	__u8 *start = work->slot + PATTERN_STEP(command->first);
	__u32 size = command->size;
	struct bpf_dynptr record;

	if (size > MAX_RECORD)
		return;
	if (bpf_ringbuf_reserve_dynptr(work->ring, size, 0, &record) == 0) {
		command->done = 1;
		bpf_dynptr_write(&record, 0, start, size, 0);
		bpf_dynptr_write(&record, 0, &header, sizeof(header), 0);
		work->first++;
		bpf_loop(command->count, emit_one, work, 0);
	}
	*(volatile __u32 *)&state->held = 1;
	/* Bounded, so that a program that died does not leave a CPU spinning for good. */
	bpf_loop(1 << 14, wait_long, &state, 0);
	if (command->operation == HOLD)
		bpf_ringbuf_submit_dynptr(&record, command->flags);
	else
		bpf_ringbuf_discard_dynptr(&record, command->flags);
}

SEC("syscall")
int produce(struct command *command)
{
	__u32 zero = 0, ring = command->ring, producer = command->producer;
	struct control *state = bpf_map_lookup_elem(&control, &zero);
	struct work work = {
		.ring = bpf_map_lookup_elem(&rings, &ring),
		.slot = bpf_map_lookup_elem(&scratch, &producer),
		.flags = command->flags,
		.producer = producer,
		.first = command->first,
		.size = command->size,
	};

	if (!work.ring || !work.slot || !state)
		return 1;
	command->done = 0;
	switch (command->operation) {
	case EMIT:
		bpf_loop(command->count, emit_one, &work, 0);
		break;
	case DISCARD:
		bpf_loop(command->count, discard_one, &work, 0);
		break;
	case HOLD:
	case HOLD_AND_DISCARD:
		work.flags = BPF_RB_NO_WAKEUP;
		hold(command, &work, state);
		command->done += work.done;
		command->dropped = command->count + 1 - command->done;
		return 0;
	case QUERY:
		command->avail = bpf_ringbuf_query(work.ring, BPF_RB_AVAIL_DATA);
		command->ring_size = bpf_ringbuf_query(work.ring, BPF_RB_RING_SIZE);
		command->consumer_pos = bpf_ringbuf_query(work.ring, BPF_RB_CONS_POS);
		command->producer_pos = bpf_ringbuf_query(work.ring, BPF_RB_PROD_POS);
		return 0;
	default:
		return 2;
	}
	command->done = work.done;
	command->dropped = command->count - work.done;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
