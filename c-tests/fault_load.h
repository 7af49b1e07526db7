/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producers that never stop and a reader that may be stopped, left or killed at any instruction: what
 * both count, in memory that outlives the reader.
 */
#ifndef FAULT_LOAD_H
#define FAULT_LOAD_H

#include "leaks.h"

#define LOADS 2
#define LOAD_BATCH 50
#define LOAD_RECORD 24
/* At most this many records come again after a reader's sudden end: their space was not handed back yet. */
#define AGAIN_MAX (256 / (LOAD_RECORD + 8))
/* The sequence number of the last record of all. */
#define LAST_RECORD 0xfffffff0u

struct tally {
	struct {
		/*
		 * The reader's: the sequence number that follows the last one noted, and below it the
		 * number of different records. One word, so that no kill tears it.
		 */
		__u64 noted;
		/* The sequence number that must not be below the next one seen again. */
		__u32 again;
		/* The producer's. */
		__u64 produced, dropped;
	} of[LOADS];
	/* So many records may still come again, before any that does not. */
	__u32 may_repeat;
	__u32 repeated;
	__u32 out_of_order;
	__u32 damaged;
	/* All calls of the callback. */
	__u32 begun;
	__u32 stop;
	/* The last record has been noted. */
	__u32 ended;
	/* Descriptors of the first reader. */
	int descriptors;
};

static struct tally *tally;
static struct load {
	pthread_t thread;
	__u32 number;
	__u32 ring;
} loads[LOADS];

HARNESS_UNUSED static void tally_open(int fd)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);

	tally = (struct tally *)mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (tally == MAP_FAILED)
		die("mmap of the tally");
}

HARNESS_UNUSED static void begin_record(void)
{
	__atomic_add_fetch(&tally->begun, 1, __ATOMIC_SEQ_CST);
}

HARNESS_UNUSED static __u32 begun(void)
{
	return __atomic_load_n(&tally->begun, __ATOMIC_SEQ_CST);
}

/* Whoever ends a reader says so: the next one may see its last records again. */
HARNESS_UNUSED static void reader_ends(void)
{
	int i;

	for (i = 0; i < LOADS; i++)
		tally->of[i].again = 0;
	tally->may_repeat = AGAIN_MAX;
}

HARNESS_UNUSED static void note_record(const void *data, size_t size)
{
	struct record header;
	__u32 next, different;
	__u64 noted;

	memcpy(&header, data, sizeof(header));
	if (size != LOAD_RECORD || header.producer >= LOADS || !body_is_intact(data, size)) {
		tally->damaged++;
		return;
	}
	noted = tally->of[header.producer].noted;
	next = noted >> 32;
	different = (__u32)noted;
	if (header.sequence >= next) {
		noted = (__u64)(header.sequence + 1) << 32 | (different + 1);
		__atomic_store_n(&tally->of[header.producer].noted, noted, __ATOMIC_SEQ_CST);
		tally->may_repeat = 0;
	} else if (tally->may_repeat && header.sequence >= tally->of[header.producer].again) {
		tally->of[header.producer].again = header.sequence + 1;
		tally->may_repeat--;
		tally->repeated++;
	} else {
		tally->out_of_order++;
	}
	if (header.sequence == LAST_RECORD)
		__atomic_store_n(&tally->ended, 1, __ATOMIC_SEQ_CST);
}

HARNESS_UNUSED static bool ended(void)
{
	return __atomic_load_n(&tally->ended, __ATOMIC_SEQ_CST);
}

HARNESS_UNUSED static void *produce_load(void *load)
{
	const struct load *self = (const struct load *)load;
	__u32 batch;

	for (batch = 0; !__atomic_load_n(&tally->stop, __ATOMIC_SEQ_CST); batch++) {
		struct command command = make_command(EMIT, self->ring, batch * LOAD_BATCH,
						      LOAD_BATCH, LOAD_RECORD, 0);

		command.producer = self->number;
		run_command(&command);
		tally->of[self->number].produced += command.done;
		__atomic_add_fetch(&tally->of[self->number].dropped, command.dropped,
				   __ATOMIC_SEQ_CST);
		/* Now and then the reader catches up and sleeps. */
		if (batch % 8 == 7)
			usleep(100);
	}
	return NULL;
}

/* The threads have all signals blocked: they go to the other threads. */
HARNESS_UNUSED static void start_loads(__u32 ring)
{
	sigset_t all, old;
	__u32 i;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (i = 0; i < LOADS; i++) {
		loads[i].number = i;
		loads[i].ring = ring;
		errno = pthread_create(&loads[i].thread, NULL, produce_load, &loads[i]);
		if (errno)
			die("pthread_create");
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

HARNESS_UNUSED static void stop_loads(void)
{
	int i;

	__atomic_store_n(&tally->stop, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < LOADS; i++)
		pthread_join(loads[i].thread, NULL);
}

/* Stops them and emits the last record, for a reader that may sleep until then. */
HARNESS_UNUSED static void end_loads(void)
{
	stop_loads();
	/* Counted before the reader can see it. */
	tally->of[0].produced++;
	while (emit(loads[0].ring, LAST_RECORD, 1, LOAD_RECORD) == 0)
		usleep(100);
}

HARNESS_UNUSED static __u64 dropped_by_loads(void)
{
	return __atomic_load_n(&tally->of[0].dropped, __ATOMIC_SEQ_CST) +
	       __atomic_load_n(&tally->of[1].dropped, __ATOMIC_SEQ_CST);
}

/* Until the reader has seen `count` more records than `since`. */
HARNESS_UNUSED static void wait_for_records(__u32 since, __u32 count)
{
	while (begun() - since < count)
		usleep(50);
}

/*
 * After the last record has been read: `ends` is how often a reader has ended suddenly. Returns whether
 * all is well.
 */
HARNESS_UNUSED static bool show_tally(const char *fault, const char *call, __u32 ends)
{
	bool well = !tally->out_of_order && !tally->damaged && tally->repeated <= ends * AGAIN_MAX;
	__s64 lost = 0;
	int i;

	for (i = 0; i < LOADS; i++)
		lost += (__s64)tally->of[i].produced - (__u32)tally->of[i].noted;
	well = well && lost == 0 && begun() > 0;
	printf("%s | %s | %lld lost, %u out of order, %u damaged, again: %s | ", fault, call,
	       (long long)lost, tally->out_of_order, tally->damaged,
	       ends == 0 && tally->repeated == 0	? "none"
	       : tally->repeated <= ends * AGAIN_MAX ? "at most 256 bytes each time"
						     : "TOO MANY");
	return well;
}

/* The end of that line. */
HARNESS_UNUSED static bool show_left_over(struct holdings before)
{
	struct holdings now = holdings();
	int descriptors = now.descriptors - before.descriptors;
	int mappings = now.mappings - before.mappings;

	if (descriptors || mappings)
		printf("%d descriptors, %d mappings\n", descriptors, mappings);
	else
		puts("nothing");
	return !descriptors && !mappings;
}

#endif
