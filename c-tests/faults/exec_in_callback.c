// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A reader whose callback executes another program, which goes on with the ring; and so on. */
#include "../fault_load.h"
#include <fcntl.h>

#define EXECS 12
#define BETWEEN 300

/* Descriptors that stay open across exec(). */
#define MAP_FD 300
#define TALLY_FD 301

static int number;
static __u32 begun_before;

static void become(int next)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", next);
	execl("/proc/self/exe", "reader", text, (char *)NULL);
	die("execl");
}

static int executing(void *unused, void *data, size_t size)
{
	(void)unused;
	begin_record();
	note_record(data, size);
	if (number < EXECS && begun() - begun_before == BETWEEN) {
		reader_ends();
		become(number + 1);
	}
	return 0;
}

static void read_until_the_end(struct ring_buffer *rb)
{
	while (!ended()) {
		int result = number % 2 ? ring_buffer__consume(rb) : ring_buffer__poll(rb, -1);

		if (result < 0)
			die("reading");
	}
}

static bool show_descriptors(int first)
{
	int more = count_descriptors() - first;

	printf("descriptors that the programs before have left: %d\n", more);
	return more == 0;
}

static int read_on(void)
{
	struct holdings before;
	struct ring_buffer *rb;
	bool well;

	tally_open(TALLY_FD);
	begun_before = begun();
	before = holdings();
	if (number == 0)
		tally->descriptors = before.descriptors;
	rb = ring_buffer__new(MAP_FD, executing, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	read_until_the_end(rb);
	ring_buffer__free(rb);
	well = show_tally("exec in the callback, 12 times", "ring_buffer__poll, __consume", EXECS);
	well &= show_left_over(before);
	well &= show_descriptors(tally->descriptors);
	if (tally->repeated < EXECS)
		printf("NOT AGAIN EACH TIME: %u\n", tally->repeated);
	return !well || tally->repeated < EXECS;
}

static void keep(int fd, int as)
{
	if (dup2(fd, as) != as)
		die("dup2");
}

int main(int argc, char **argv)
{
	int status, memory;
	pid_t reader;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		number = atoi(argv[1]);
		return read_on();
	}
	harness_open();
	memory = memfd_create("tally", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, sizeof(struct tally)))
		die("memfd_create");
	tally_open(memory);
	keep(make_ring(0, 65536), MAP_FD);
	keep(memory, TALLY_FD);
	reader = fork();
	if (reader < 0)
		die("fork");
	if (reader == 0)
		become(0);
	start_loads(0);
	wait_for_records(0, EXECS * BETWEEN + 100);
	end_loads();
	if (waitpid(reader, &status, 0) != reader)
		die("waitpid");
	return status != 0;
}
