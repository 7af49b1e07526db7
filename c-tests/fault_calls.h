/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The calls of the library in which something is made to fail: what is prepared before the call, the call
 * itself, and what must work after it.
 */
#ifndef FAULT_CALLS_H
#define FAULT_CALLS_H

#include "user_ring_harness.h"
#include "warnings.h"

#define HALF (PAGE / 2 - 8)

/* Of the interposer. */
static void (*fault_arm)(const char *kind, int nth, int error);
static int (*fault_disarm)(void);
static long (*fault_blocks)(void);

/* The fault of the attempt under way. */
static const char *kind;
static int nth, error;
/* Calls of its kind in the attempt. */
static int seen;

static struct ring_buffer *rb;
static struct user_ring_buffer *user_rb;
static int ring, other;
static int delivered;
static char result[256], warning[512];

static int take_warning(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(warning, sizeof(warning) - 32, format, arguments);
	name_error(warning);
	warning[strcspn(warning, "\n")] = '\0';
	return 0;
}

static int count_record(void *unused, void *data, size_t size)
{
	(void)unused;
	delivered += body_is_intact(data, size);
	return 0;
}

/* Between these two nothing but the library runs in this thread. */
static void arm(void)
{
	fault_arm(kind, nth, error);
	errno = UNTOUCHED;
}

static void show_value(long value)
{
	int after = errno;

	seen = fault_disarm();
	snprintf(result, sizeof(result), "%ld, errno %s", value, errno_name(after));
}

static void show_pointer(const void *pointer)
{
	int after = errno;

	seen = fault_disarm();
	snprintf(result, sizeof(result), "%s, errno %s", pointer ? "a pointer" : "NULL",
		 errno_name(after));
}

/* Do `count` more records of this ring arrive, by one poll? */
static bool arrive(__u32 of, int count)
{
	delivered = 0;
	return (int)emit(of, 0, count, 64) == count && ring_buffer__poll(rb, 0) == count &&
	       delivered == count;
}

static void new_manager(void)
{
	rb = ring_buffer__new(ring, count_record, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
}

static void free_manager(void)
{
	ring_buffer__free(rb);
	rb = NULL;
}

static void nothing(void)
{
}

static void run_new(void)
{
	arm();
	rb = ring_buffer__new(ring, count_record, NULL, NULL);
	show_pointer(rb);
}

static bool after_new(void)
{
	if (!rb)
		rb = ring_buffer__new(ring, count_record, NULL, NULL);
	return rb && arrive(0, 3);
}

static void run_add(void)
{
	arm();
	show_value(ring_buffer__add(rb, other, count_record, NULL));
}

/* The manager is as good as before; the retry succeeds and finds what came meanwhile. */
static bool after_add(void)
{
	if (seen < nth)
		return arrive(0, 2) && arrive(1, 2);
	if (!arrive(0, 2) || emit(1, 0, 1, 64) != 1 || ring_buffer__poll(rb, 0) != 0)
		return false;
	if (ring_buffer__add(rb, other, count_record, NULL) != 0 || ring_buffer__poll(rb, 0) != 1)
		return false;
	return arrive(0, 2) && arrive(1, 2);
}

static int add_in_callback(void *first, void *data, size_t size)
{
	bool *now = (bool *)first;

	count_record(NULL, data, size);
	if (*now)
		run_add();
	*now = false;
	return 0;
}

static bool first_record;

static void new_manager_that_adds(void)
{
	rb = ring_buffer__new(ring, add_in_callback, &first_record, NULL);
	if (!rb)
		die("ring_buffer__new");
	delivered = 0;
	emit(0, 0, 3, 64);
	first_record = true;
}

static void run_add_in_callback(void)
{
	int value = ring_buffer__poll(rb, 0);
	size_t end = strlen(result);

	snprintf(result + end, sizeof(result) - end, "; the poll: %d", value);
}

static void new_manager_with_records(void)
{
	new_manager();
	delivered = 0;
	emit(0, 0, 2, 64);
}

static void run_poll(void)
{
	arm();
	show_value(ring_buffer__poll(rb, 0));
}

static void run_consume(void)
{
	arm();
	show_value(ring_buffer__consume(rb));
}

static bool after_reading(void)
{
	if (seen >= nth && ring_buffer__poll(rb, 0) != 2)
		return false;
	return delivered == 2 && arrive(0, 2);
}

static void run_free(void)
{
	arm();
	ring_buffer__free(rb);
	show_value(0);
}

static void new_user_ring(void)
{
	user_rb = user_ring_buffer__new(user.map, NULL);
	if (!user_rb)
		die("user_ring_buffer__new");
}

static void free_user_ring(void)
{
	user_ring_buffer__free(user_rb);
	user_rb = NULL;
}

static bool submit_halves(int halves)
{
	while (halves--) {
		void *sample = user_ring_buffer__reserve(user_rb, HALF);

		if (!sample)
			return false;
		fill(sample, HALF, 1);
		user_ring_buffer__submit(user_rb, sample);
	}
	return true;
}

static void run_user_new(void)
{
	arm();
	user_rb = user_ring_buffer__new(user.map, NULL);
	show_pointer(user_rb);
}

static bool after_user_new(void)
{
	if (!user_rb)
		user_rb = user_ring_buffer__new(user.map, NULL);
	return user_rb && submit_halves(2) && drain(0) == 2 && seed_of(&user.seen[1]) == 1;
}

static void full_user_ring(void)
{
	new_user_ring();
	if (!submit_halves(2))
		die("filling the ring");
}

static void run_reserve_blocking(void)
{
	arm();
	show_pointer(user_ring_buffer__reserve_blocking(user_rb, 8, 12));
}

static bool after_reserve_blocking(void)
{
	void *sample;

	if (drain(0) != 2)
		return false;
	sample = user_ring_buffer__reserve_blocking(user_rb, HALF, 60000);
	if (!sample)
		return false;
	fill(sample, HALF, 7);
	user_ring_buffer__submit(user_rb, sample);
	return drain(0) == 1 && seed_of(&user.seen[0]) == 7;
}

static void run_user_free(void)
{
	arm();
	user_ring_buffer__free(user_rb);
	show_value(0);
}

static bool fine(void)
{
	return true;
}

/* How often it waits depends on the time. */
#define WAITS 1
#define IN_CALLBACK 2

static const struct call {
	const char *name;
	int properties;
	void (*before)(void);
	void (*run)(void);
	bool (*after)(void);
	void (*end)(void);
} calls[] = {
	{ "ring_buffer__new", 0, nothing, run_new, after_new, free_manager },
	{ "ring_buffer__add", 0, new_manager, run_add, after_add, free_manager },
	{ "ring_buffer__add in a callback", IN_CALLBACK, new_manager_that_adds, run_add_in_callback,
	  after_add, free_manager },
	{ "ring_buffer__poll", 0, new_manager_with_records, run_poll, after_reading, free_manager },
	{ "ring_buffer__consume", 0, new_manager_with_records, run_consume, after_reading,
	  free_manager },
	{ "ring_buffer__free", 0, new_manager, run_free, fine, nothing },
	{ "user_ring_buffer__new", 0, nothing, run_user_new, after_user_new, free_user_ring },
	{ "user_ring_buffer__reserve_blocking", WAITS, full_user_ring, run_reserve_blocking,
	  after_reserve_blocking, free_user_ring },
	{ "user_ring_buffer__free", 0, new_user_ring, run_user_free, fine, nothing },
};

#endif
