// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Readers that are killed, in the callback or anywhere else, while records come as fast as they can: the
 * next reader of the ring misses none. A few records come again, whose space was not handed back yet.
 */
#include "hot_ring.h"

#define READERS 30
#define RECORDS 20000
/* A reader of a ring like this need not hand back space for each record. */
#define AGAIN_MAX (256 / HOT_SPAN + 1)

/* In memory of all processes. */
static struct shared {
	__u32 next;
	__u32 wrong;
	__u32 again;
} *shared;

static int map;
static enum how { BY_EXIT, BY_KILL, FROM_OUTSIDE } how;
static __u32 left;
static bool is_first;

static int ending(void *unused, void *data, size_t size)
{
	__u32 sequence = sequence_of(data), again = shared->next - sequence;

	(void)unused;
	if (is_first && again <= AGAIN_MAX) {
		shared->again += again;
		shared->next = sequence;
	}
	is_first = false;
	shared->wrong += sequence != shared->next || size != HOT_RECORD ||
			 !body_is_intact(data, size);
	__atomic_store_n(&shared->next, sequence + 1, __ATOMIC_SEQ_CST);
	if (how != FROM_OUTSIDE && --left == 0) {
		if (how == BY_EXIT)
			_exit(0);
		raise(SIGKILL);
	}
	return 0;
}

static void read_for_ever(void)
{
	struct ring_buffer *rb = hot_reader(map, ending);

	left = RECORDS;
	is_first = true;
	for (;;)
		if (ring_buffer__poll(rb, -1) < 0)
			die("ring_buffer__poll");
}

/* In the producer's thread. */
static void look(void)
{
	__atomic_store_n(&hot.next, __atomic_load_n(&shared->next, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
}

static void end_readers(const char *name, enum how by)
{
	how = by;
	for (int i = 0; i < READERS; i++) {
		__u32 before = shared->next;
		pid_t reader = fork();

		if (reader < 0)
			die("fork");
		if (reader == 0)
			read_for_ever();
		if (by == FROM_OUTSIDE) {
			while (__atomic_load_n(&shared->next, __ATOMIC_SEQ_CST) - before < RECORDS)
				usleep(50);
			kill(reader, SIGKILL);
		}
		if (waitpid(reader, NULL, 0) != reader)
			die("waitpid");
	}
	printf("%s: wrong records %u\n", name, shared->wrong);
}

int main(void)
{
	struct ring_buffer *rb;

	harness_open();
	shared = (struct shared *)mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	map = hot_ring(0);
	hot.between = look;
	hot_start(0);
	end_readers("_exit in the callback", BY_EXIT);
	end_readers("SIGKILL in the callback", BY_KILL);
	end_readers("SIGKILL from outside", FROM_OUTSIDE);
	hot_stop();

	how = FROM_OUTSIDE;
	is_first = true;
	rb = hot_reader(map, ending);
	if (ring_buffer__consume(rb) < 0)
		die("ring_buffer__consume");
	ring_buffer__free(rb);
	hot.next = shared->next;
	printf("lost: %u, wrong: %u, position: %s\n", hot.produced - hot.next, shared->wrong,
	       hot_position_is_exact() ? "exact" : "NOT EXACT");
	/* A record whose callback ends the process comes again, always. */
	printf("again: %s\n", shared->again >= 2 * READERS ? "each time" : "TOO RARELY");
	fprintf(stderr, "readers=%d again=%u\n", 3 * READERS, shared->again);
	return 0;
}
