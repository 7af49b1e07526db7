// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Readers of a pinned map, each killed in the middle of it, while the producers go on. */
#include "../fault_load.h"
#include <sched.h>
#include <sys/mount.h>

#define KILLS 30
#define PIN "/sys/fs/bpf/ring"

static bool in_callback;
static __u32 begun_before;

static int count_record(void *unused, void *data, size_t size)
{
	(void)unused;
	begin_record();
	note_record(data, size);
	if (in_callback && begun() - begun_before >= 150)
		raise(SIGKILL);
	return 0;
}

static struct ring_buffer *open_pinned(void)
{
	int fd = bpf_obj_get(PIN);
	struct ring_buffer *rb;

	if (fd < 0)
		die(PIN);
	rb = ring_buffer__new(fd, count_record, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	close(fd);
	return rb;
}

static void read_until_killed(bool by_poll)
{
	struct ring_buffer *rb = open_pinned();

	for (;;)
		if ((by_poll ? ring_buffer__poll(rb, -1) : ring_buffer__consume(rb)) < 0)
			die("reading");
}

static void read_and_kill(int round)
{
	pid_t reader;
	int status;

	begun_before = begun();
	in_callback = round % 3 == 0;
	reader = fork();
	if (reader < 0)
		die("fork");
	if (reader == 0)
		read_until_killed(round % 2);
	if (!in_callback) {
		wait_for_records(begun_before, 100 + 17 * round);
		kill(reader, SIGKILL);
	}
	if (waitpid(reader, &status, 0) != reader || !WIFSIGNALED(status))
		die("the reader was not killed");
	reader_ends();
}

/* A file system of our own, gone with the process. */
static void pin(int map)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		die("a BPF file system of our own");
	if (bpf_obj_pin(map, PIN))
		die(PIN);
}

int main(void)
{
	struct holdings before;
	struct ring_buffer *rb;
	bool well;
	int map, i;

	harness_open();
	tally_open(-1);
	map = make_ring(0, 65536);
	pin(map);
	close(map);
	start_loads(0);
	for (i = 0; i < KILLS; i++)
		read_and_kill(i);
	stop_loads();
	before = holdings();
	in_callback = false;
	rb = open_pinned();
	if (ring_buffer__consume(rb) < 0)
		die("ring_buffer__consume");
	ring_buffer__free(rb);
	well = show_tally("SIGKILL in the middle, 30 times, the map pinned",
			  "ring_buffer__poll, __consume", KILLS);
	well &= show_left_over(before);
	/* Killed in the callback: that record is the next reader's, always. */
	printf("again after a kill in the callback: %s\n",
	       tally->repeated >= KILLS / 3 ? "always" : "NOT ALWAYS");
	well &= tally->repeated >= KILLS / 3;
	return !well;
}
