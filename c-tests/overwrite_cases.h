/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The cases of overwrite_soak.c. */
#ifndef OVERWRITE_CASES_H
#define OVERWRITE_CASES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "overwrite_soak.h"

/* How the reader waits, edge-triggered for a descriptor or in the library or not at all, and what it calls. */
enum wait { WAIT_MANAGER, WAIT_MAP, NO_WAIT };
enum drain { BY_CONSUME, BY_POLL_0, BY_CONSUME_N, BY_RING, BY_RING_N, BY_POLL_100, BY_POLL };
static const struct way {
	const char *name;
	enum wait wait;
	enum drain drain;
} ways[] = {
	{ "poll(-1)", NO_WAIT, BY_POLL },
	{ "poll(100)", NO_WAIT, BY_POLL_100 },
	{ "manager+consume", WAIT_MANAGER, BY_CONSUME },
	{ "map+consume", WAIT_MAP, BY_CONSUME },
	{ "manager+poll(0)", WAIT_MANAGER, BY_POLL_0 },
	{ "manager+consume_n", WAIT_MANAGER, BY_CONSUME_N },
	{ "map+ring__consume", WAIT_MAP, BY_RING },
	{ "map+ring__consume_n", WAIT_MAP, BY_RING_N },
	{ "busy consume", NO_WAIT, BY_CONSUME },
};
/* Of polls alone: they mean nothing to libbpf. */
static const char *const options[] = { "none", "RBSHIM_LINGER_US=0", "RBSHIM_COALESCE_US=100",
				       "RBSHIM_BUSY_POLL=1", "RBSHIM_POLL_MAX_MS=5" };
static const char *const notifications[] = { "default", "last", "forced" };

struct test_case {
	unsigned int number;
	const struct way *way;
	const char *option;
	__u32 ring_size, producers;
	struct shape shape;
	enum notify notify;
	bool pinned;
	/* Callbacks fail, do not return, or take their time; or they read on, too. */
	bool mischief, read_on;
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The same number is always the same case. */
static struct test_case make_case(unsigned int number)
{
	__u64 bits = mix(number + 1) >> 4;
	__u32 page = sysconf(_SC_PAGESIZE);
	struct test_case it = { .number = number, .way = &ways[number % COUNT(ways)] };
	__u32 max_words[4];

	it.ring_size = 4096 << bits % 5;
	if (it.ring_size < page)
		it.ring_size = page;
	it.shape.fixed = bits >> 14 & 1;
	/* 8 bytes, what events have, and half a ring. */
	max_words[0] = 1;
	max_words[1] = 7;
	max_words[2] = 63;
	max_words[3] = it.ring_size / 16 - 1;
	it.shape.max_words = max_words[bits >> 8 & 3];
	it.producers = 1 + (bits >> 10 & 1);
	it.pinned = bits >> 11 & 1;
	it.mischief = bits >> 12 & 1;
	it.read_on = it.mischief && bits >> 13 & 1;
	/* Those are passed over again by the call around the callback, and counted again. */
	it.shape.discards = !it.read_on;
	it.notify = (bits >> 16) % 3;
	it.option = options[it.way->drain >= BY_POLL_100 ? (bits >> 24) % COUNT(options) : 0];
	return it;
}

static void print_case(const struct test_case *it)
{
	fprintf(stderr,
		"case %u: %s, %s, ring of %u, records of %s%u bytes, %u producers%s, notifications "
		"%s%s",
		it->number, it->way->name, it->option, it->ring_size,
		it->shape.fixed ? "" : "up to ", it->shape.max_words * 8, it->producers,
		it->pinned ? " pinned" : "", notifications[it->notify],
		it->read_on  ? ", callbacks read on" :
		it->mischief ? ", mischief" :
			       "");
}

#endif
