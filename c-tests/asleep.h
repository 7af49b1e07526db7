/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Whether a thread of this process sleeps. */
#ifndef ASLEEP_H
#define ASLEEP_H

#include <sched.h>
#include <stdio.h>
#include <sys/types.h>

/* Its state in proc_pid_stat(5): R, S, D... 0 if there is no such thread. */
static char thread_state(pid_t thread)
{
	char path[64], state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

/* Returns when it sleeps, or is gone. */
__attribute__((unused)) static void await_sleep(pid_t thread)
{
	char state;

	while ((state = thread_state(thread)) && state != 'S')
		sched_yield();
}

#endif
