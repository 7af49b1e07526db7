/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The command line of edge_triggered.c. */
#ifndef EDGE_TRIGGERED_OPTIONS_H
#define EDGE_TRIGGERED_OPTIONS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "die.h"
#include "edge_triggered.h"

enum { WAIT_MAP, WAIT_MANAGER };
enum { DRAIN_CONSUME, DRAIN_POLL, DRAIN_POLL_ALL, DRAIN_CONSUME_N };

static const char *const wait_names[] = {"map", "manager", NULL};
static const char *const drain_names[] = {"consume", "poll", "poll_all", "consume_n", NULL};

static int wait_on = WAIT_MAP, drain_by = DRAIN_CONSUME;
static unsigned int producer_count = 1, batch = 500;
/* Without a limit on records the one on seconds holds. */
static unsigned long long record_limit;
static double second_limit = 10;
static bool register_first, progress;

static const char usage[] =
	"edge_triggered [options]\n"
	"  --wait=map|manager   wait on the map's fd, or on ring_buffer__epoll_fd()\n"
	"  --drain=consume|poll|poll_all|consume_n\n"
	"                       consume(), poll(0), poll(0) until 0, consume_n(1) until 0\n"
	"  --batch=N            records per run of the BPF program\n"
	"  --producers=1|2      threads that run it\n"
	"  --records=N          stop after so many records,\n"
	"  --seconds=N          or after so long\n"
	"  --register-first     watch the map before ring_buffer__new() does\n"
	"  --progress           a line four times a second on stderr\n";

static int choice(const char *const names[], const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	die(SETUP, "no such choice: %s\n%s", name, usage);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"wait", required_argument, NULL, 'w'},     {"drain", required_argument, NULL, 'd'},
		{"batch", required_argument, NULL, 'b'},    {"producers", required_argument, NULL, 'p'},
		{"records", required_argument, NULL, 'r'},  {"seconds", required_argument, NULL, 's'},
		{"register-first", no_argument, NULL, 'f'}, {"progress", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'w':
			wait_on = choice(wait_names, optarg);
			break;
		case 'd':
			drain_by = choice(drain_names, optarg);
			break;
		case 'b':
			batch = strtoul(optarg, NULL, 0);
			break;
		case 'p':
			producer_count = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			record_limit = strtoull(optarg, NULL, 0);
			break;
		case 's':
			second_limit = strtod(optarg, NULL);
			break;
		case 'f':
			register_first = true;
			break;
		case 'v':
			progress = true;
			break;
		default:
			die(SETUP, "%s", usage);
		}
	}
	if (optind < argc || !batch || batch > MAX_BATCH || !producer_count ||
	    producer_count > MAX_PRODUCERS || (!record_limit && !(second_limit > 0)))
		die(SETUP, "batches of 1 to %d records, 1 to %d producers\n%s", MAX_BATCH, MAX_PRODUCERS,
		    usage);
}

#endif
