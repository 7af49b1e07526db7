/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Judges whether a reader hangs. */
#ifndef HANG_H
#define HANG_H

#include <stdbool.h>
#include "asleep.h"
#include "die.h"

#define WATCHED_PRODUCERS 4

/* What is to be seen of a reader and one of its rings at one time. */
struct sighting {
	/* Bytes, and where the reader is, as the kernel sees it. */
	unsigned long long unread, consumer_pos;
	/* Changes when the reader begins or ends a wait of its own. */
	unsigned long long waits;
	/* It sleeps in that wait, or is one that never waits. */
	bool idle;
	/* Calls of the library, or else waits, that it has ended. */
	unsigned long long drains;
	/* What each producer has finished. */
	unsigned long long runs[WATCHED_PRODUCERS];
};

/* Of a reader that has not moved in that ring since. */
struct suspicion {
	struct sighting since;
	double began;
	unsigned long long drains;
};

/* How to look at it. */
struct watch {
	unsigned int producers;
	bool producers_have_stopped;
	/* The reader waits. If not, it hangs when its calls or waits end and bring nothing. */
	bool waits;
	/* So many unread bytes are no hang: the reader has not been notified about them. */
	unsigned long long unnotified;
};

enum verdict { MOVES, STUCK, HANGS };

/*
 * The reader hangs if both hold for a second:
 * - the same record is the next one to read. It is committed, since each producer has finished a run
 *   since the record was first seen, and the reader must have been notified about it;
 * - the reader sleeps in one and the same wait or, if it does not wait, its calls bring nothing.
 */
static enum verdict judge(struct suspicion *suspicion, const struct sighting *seen, struct watch watch,
			  double now)
{
	const struct sighting *since = &suspicion->since;
	bool committed = true, stuck;

	stuck = seen->idle && seen->waits == since->waits && since->unread > watch.unnotified &&
		seen->consumer_pos == since->consumer_pos;
	for (unsigned int i = 0; i < watch.producers; i++)
		committed &= seen->runs[i] >= since->runs[i] + 2;
	committed |= watch.producers_have_stopped;
	if (!stuck) {
		suspicion->began = now;
		suspicion->since = *seen;
	}
	if (!stuck || !committed)
		suspicion->drains = seen->drains;
	if (stuck && committed && now - suspicion->began > 1 &&
	    (watch.waits || seen->drains >= suspicion->drains + 3))
		return HANGS;
	return stuck ? STUCK : MOVES;
}

static bool thread_sleeps(pid_t thread)
{
	char state = thread_state(thread);

	if (!state)
		die(SETUP, "cannot read the state of thread %d", thread);
	return state == 'S';
}

#endif
