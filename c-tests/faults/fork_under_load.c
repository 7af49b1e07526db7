// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A callback that forks while the producers go on; the child has a manager of its own, and ends. */
#include "../fault_load.h"

#define FORKS 20
#define BETWEEN 400
/* Each producer is used by one process at a time. */
#define CHILDS_PRODUCER LOADS

static int forks, bad_children;
static __u32 next_fork = BETWEEN;

static int count_own(void *count, void *data, size_t size)
{
	*(int *)count += body_is_intact(data, size);
	return 0;
}

/* Returns how many of its own records the child got. */
static int read_own(void)
{
	struct command command = make_command(EMIT, 1, 0, 5, 40, 0);
	int count = 0, map = make_ring(1, PAGE);
	struct ring_buffer *rb = ring_buffer__new(map, count_own, &count, NULL);

	if (!rb)
		return -1;
	command.producer = CHILDS_PRODUCER;
	run_command(&command);
	if (command.done != 5 || ring_buffer__poll(rb, -1) != 5)
		return -1;
	ring_buffer__free(rb);
	return count;
}

static void fork_here(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0)
		_exit(read_own() == 5 ? 3 : 4);
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	bad_children += !WIFEXITED(status) || WEXITSTATUS(status) != 3;
	forks++;
}

static int forking(void *unused, void *data, size_t size)
{
	(void)unused;
	begin_record();
	if (begun() >= next_fork && forks < FORKS) {
		fork_here();
		next_fork = begun() + BETWEEN;
	}
	note_record(data, size);
	return 0;
}

static bool run(const char *call, int (*read)(struct ring_buffer *))
{
	struct holdings before;
	struct ring_buffer *rb;
	int map = make_ring(0, 65536), result = 0;
	bool well;

	memset(tally, 0, sizeof(*tally));
	forks = bad_children = 0;
	next_fork = BETWEEN;
	before = holdings();
	rb = ring_buffer__new(map, forking, NULL, NULL);
	start_loads(0);
	while (result >= 0 && forks < FORKS)
		result = read(rb);
	stop_loads();
	if (result >= 0)
		result = ring_buffer__consume(rb);
	ring_buffer__free(rb);
	well = show_tally("fork in the callback, 20 times", call, 0);
	well &= show_left_over(before);
	printf("forks: %d, children that did not get their records: %d, errors: %d\n", forks,
	       bad_children, result < 0 ? result : 0);
	close(map);
	return well && forks == FORKS && !bad_children && result >= 0;
}

static int poll_for_ever(struct ring_buffer *rb)
{
	return ring_buffer__poll(rb, -1);
}

int main(void)
{
	bool well;

	harness_open();
	tally_open(-1);
	well = run("ring_buffer__poll", poll_for_ever);
	well &= run("ring_buffer__consume", ring_buffer__consume);
	return !well;
}
