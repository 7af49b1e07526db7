// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What producer.bpf.c does, as far as Linux 5.10 can, and kernels without a JIT compiler: without bpf_loop() and
 * dynptrs, and with a packet in the place of the context. It holds no record back, and discards records of a few sizes.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "commands.h"
#include "producer.bpf.h"
#include "rings.bpf.h"

static __always_inline int emit_one(void *ring, __u8 *slot, __u32 producer, __u32 sequence, __u64 size, __u64 flags)
{
	__u8 *start = slot + PATTERN_STEP(sequence);
	struct record *header = (struct record *)start;
	__u64 covered = *(__u64 *)start;
	long error;

	header->producer = producer;
	header->sequence = sequence;
	/* Once more, just before its use: an old verifier forgets what it knows of a value on the stack. */
	asm volatile("" : "+r"(size));
	if (size > MAX_RECORD)
		return 0;
	error = bpf_ringbuf_output(ring, start, size, flags);
	*(__u64 *)start = covered;
	return error == 0;
}

/* The size has to be known to the verifier. */
#define DISCARDED(ring, bytes, flags)                                          \
	({                                                                     \
		void *record = bpf_ringbuf_reserve(ring, bytes, 0);            \
                                                                               \
		if (record)                                                    \
			bpf_ringbuf_discard(record, flags);                    \
		!!record;                                                      \
	})

static __always_inline int discard_one(void *ring, __u32 size, __u64 flags)
{
	switch (size) {
	case 0:
		return DISCARDED(ring, 0, flags);
	case 8:
		return DISCARDED(ring, 8, flags);
	case 16:
		return DISCARDED(ring, 16, flags);
	case 24:
		return DISCARDED(ring, 24, flags);
	case 40:
		return DISCARDED(ring, 40, flags);
	case 100:
		return DISCARDED(ring, 100, flags);
	case 300:
		return DISCARDED(ring, 300, flags);
	case 2000:
		return DISCARDED(ring, 2000, flags);
	case 4080:
		return DISCARDED(ring, 4080, flags);
	}
	return -1;
}

SEC("tc")
int produce(struct __sk_buff *packet)
{
	struct command *command = (void *)(long)packet->data;
	__u32 ring_number, producer, operation, first, count, size, done = 0, i;
	__u64 flags;
	void *ring;
	__u8 *slot;

	if ((void *)(command + 1) > (void *)(long)packet->data_end)
		return 1;
	ring_number = command->ring;
	producer = command->producer;
	operation = command->operation;
	first = command->first;
	count = command->count;
	size = command->size;
	flags = command->flags;
	ring = bpf_map_lookup_elem(&rings, &ring_number);
	slot = bpf_map_lookup_elem(&scratch, &producer);
	if (!ring || !slot || count > PLAIN_STEP)
		return 1;
	if (operation == QUERY) {
		command->avail = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
		command->ring_size = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
		command->consumer_pos = bpf_ringbuf_query(ring, BPF_RB_CONS_POS);
		command->producer_pos = bpf_ringbuf_query(ring, BPF_RB_PROD_POS);
		return 0;
	}
	if ((operation != EMIT && operation != DISCARD) || size > MAX_RECORD)
		return PLAIN_CANNOT;
#pragma clang loop unroll(disable)
	for (i = 0; i < PLAIN_STEP; i++) {
		int made;

		if (i >= count)
			break;
		if (operation == EMIT)
			made = emit_one(ring, slot, producer, first + i, size, flags);
		else
			made = discard_one(ring, size, flags);
		if (made < 0)
			return PLAIN_CANNOT;
		done += made;
	}
	command->done = done;
	command->dropped = count - done;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
