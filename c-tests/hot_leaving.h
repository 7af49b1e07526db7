/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A reader whose callback does not return when it has got BETWEEN records more. */
#ifndef HOT_LEAVING_H
#define HOT_LEAVING_H

#include "hot_ring.h"
#include <setjmp.h>

#define NEVER 0xffffffffu

static struct ring_buffer *rb;
static jmp_buf landing;
static bool by_exception = true;
static __u32 leave_at = NEVER;

static int leaving(void *unused, void *data, size_t size)
{
	(void)unused;
	hot_expect(data, size);
	if (sequence_of(data) == leave_at) {
		leave_at = NEVER;
		if (by_exception)
			throw 5;
		longjmp(landing, 1);
	}
	hot_note(data);
	return 0;
}

/* Polls until the callback does not return. */
static bool is_left(void)
{
	leave_at = hot.next + BETWEEN;
	if (by_exception) {
		try {
			hot_poll(rb, 2 * BETWEEN);
		} catch (int number) {
			return number == 5;
		}
		return false;
	}
	if (setjmp(landing))
		return true;
	hot_poll(rb, 2 * BETWEEN);
	return false;
}

#endif
