/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The time, for programs that show how long something has lasted. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

static inline double seconds_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Seconds since some time in the past. */
static inline double now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

/* The same in whole milliseconds. */
static inline long milliseconds(void)
{
	return (long)(now() * 1000);
}

#endif
