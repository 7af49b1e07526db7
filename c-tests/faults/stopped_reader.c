// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* SIGSTOP and SIGCONT for a reading process, again and again; meanwhile its ring runs over. */
#include "../fault_load.h"

#define STOPS 60

static int map;

static int count_record(void *unused, void *data, size_t size)
{
	(void)unused;
	begin_record();
	note_record(data, size);
	return 0;
}

/* Nothing but a record, or being stopped, ends a wait. */
static void read_all(void)
{
	struct holdings before = holdings();
	struct ring_buffer *rb = ring_buffer__new(map, count_record, NULL, NULL);
	bool well;

	if (!rb)
		die("ring_buffer__new");
	while (!ended()) {
		int result = ring_buffer__poll(rb, -1);

		if (result < 0 && result != -EINTR)
			die("ring_buffer__poll");
	}
	ring_buffer__free(rb);
	well = show_tally("SIGSTOP and SIGCONT, 60 times", "ring_buffer__poll", 0);
	well &= show_left_over(before);
	fflush(stdout);
	_exit(!well);
}

static void stop_and_continue(pid_t reader)
{
	__u64 dropped = dropped_by_loads();
	__u32 since;
	int status;

	kill(reader, SIGSTOP);
	if (waitpid(reader, &status, WUNTRACED) != reader || !WIFSTOPPED(status))
		die("the reader did not stop");
	/* Full. */
	while (dropped_by_loads() == dropped)
		usleep(50);
	since = begun();
	kill(reader, SIGCONT);
	/* It must come back by itself: nobody wakes the reader of a full ring. */
	wait_for_records(since, 1000);
}

int main(void)
{
	pid_t reader;
	int status, i;

	harness_open();
	tally_open(-1);
	map = make_ring(0, 16384);
	reader = fork();
	if (reader < 0)
		die("fork");
	if (reader == 0)
		read_all();
	start_loads(0);
	for (i = 0; i < STOPS; i++)
		stop_and_continue(reader);
	end_loads();
	if (waitpid(reader, &status, 0) != reader)
		die("waitpid");
	printf("the reader: exit status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return status != 0;
}
