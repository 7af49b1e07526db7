/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The arguments of soak.c, and how it ends. */
#ifndef SOAK_OPTIONS_H
#define SOAK_OPTIONS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "soak.h"

enum { PASSED, WRONG, SETUP, HUNG };

/* How the reader waits, edge-triggered or not at all, and what it calls then. */
enum { WAIT_MAP, WAIT_MANAGER, NO_WAIT };
enum { BY_CONSUME, BY_POLL_0, BY_CONSUME_1, BY_POLL };
static const struct reader {
	const char *name;
	int wait, drain;
} readers[] = {
	{"map+consume", WAIT_MAP, BY_CONSUME},
	{"map+poll(0)", WAIT_MAP, BY_POLL_0},
	{"map+consume_n(1)", WAIT_MAP, BY_CONSUME_1},
	{"manager+consume", WAIT_MANAGER, BY_CONSUME},
	{"manager+poll(0)", WAIT_MANAGER, BY_POLL_0},
	{"manager+consume_n(1)", WAIT_MANAGER, BY_CONSUME_1},
	{"poll(100)", NO_WAIT, BY_POLL},
	{"busy+consume", NO_WAIT, BY_CONSUME},
}, *reader;
static const char *const notifications[] = {"default", "sampled", "forced"};

static unsigned int producer_count, record_size, notify;
static double second_limit;

__attribute__((noreturn, format(printf, 2, 3))) static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("soak: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static void parse_arguments(int argc, char **argv)
{
	if (argc != 6)
		die(SETUP, "READER PRODUCERS SIZE NOTIFICATIONS SECONDS");
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (!strcmp(argv[1], readers[i].name))
			reader = &readers[i];
	producer_count = strtoul(argv[2], NULL, 0);
	record_size = strtoul(argv[3], NULL, 0);
	while (notify < 3 && strcmp(argv[4], notifications[notify]))
		notify++;
	second_limit = strtod(argv[5], NULL);
	if (!reader || !producer_count || producer_count > MAX_PRODUCERS || record_size < 8 ||
	    record_size % 8 || record_size > MAX_SIZE || notify == 3 || !(second_limit > 0))
		die(SETUP, "no such reader, producers, size, notifications or time");
}

#endif
