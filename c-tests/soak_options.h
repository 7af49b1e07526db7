/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The arguments of soak.c. */
#ifndef SOAK_OPTIONS_H
#define SOAK_OPTIONS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "die.h"
#include "soak.h"

/* How the reader waits, edge-triggered or not at all, and what it calls then. */
enum { WAIT_MAP, WAIT_MANAGER, NO_WAIT };
/* BY_RING reads those rings alone that it was notified about; the others read all. */
enum { BY_CONSUME, BY_POLL_0, BY_CONSUME_1, BY_POLL, BY_RING };
static const struct reader {
	const char *name;
	int wait, drain;
} readers[] = {
	{"map+consume", WAIT_MAP, BY_CONSUME},
	{"map+poll(0)", WAIT_MAP, BY_POLL_0},
	{"map+consume_n(1)", WAIT_MAP, BY_CONSUME_1},
	{"map+ring__consume", WAIT_MAP, BY_RING},
	{"manager+consume", WAIT_MANAGER, BY_CONSUME},
	{"manager+poll(0)", WAIT_MANAGER, BY_POLL_0},
	{"manager+consume_n(1)", WAIT_MANAGER, BY_CONSUME_1},
	{"poll(100)", NO_WAIT, BY_POLL},
	{"busy+consume", NO_WAIT, BY_CONSUME},
}, *reader;
static const char *const notifications[] = {"default", "sampled", "forced"};

static unsigned int ring_count, producer_count, record_size, notify;
static double second_limit;

static void parse_arguments(int argc, char **argv)
{
	if (argc != 7)
		die(SETUP, "READER RINGS PRODUCERS SIZE NOTIFICATIONS SECONDS");
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (!strcmp(argv[1], readers[i].name))
			reader = &readers[i];
	ring_count = strtoul(argv[2], NULL, 0);
	producer_count = strtoul(argv[3], NULL, 0);
	record_size = strtoul(argv[4], NULL, 0);
	while (notify < 3 && strcmp(argv[5], notifications[notify]))
		notify++;
	second_limit = strtod(argv[6], NULL);
	if (!reader || !ring_count || ring_count > MAX_RINGS || !producer_count ||
	    producer_count > MAX_PRODUCERS || record_size < 8 || record_size % 8 ||
	    record_size > MAX_SIZE || notify == 3 || !(second_limit > 0))
		die(SETUP, "no such reader, rings, producers, size, notifications or time");
}

#endif
