// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Each call of the library with each call to libc inside it failing in turn: what it returns, what it
 * warns of, what is left over, and whether the next call works. Needs the interposer.
 */
#include "../leaks.h"
#include "../user_ring_harness.h"
#include "../warnings.h"
#include <dlfcn.h>
#include <fcntl.h>

#define HALF (USER_RING_BYTES / 2 - 8)

/* Of the interposer. */
static void (*fault_arm)(const char *kind, int nth, int error);
static int (*fault_disarm)(void);
static long (*fault_blocks)(void);

static const struct fault {
	const char *kind;
	int errors[4];
} faults[] = {
	{ "allocation", { ENOMEM } },
	{ "mmap", { ENOMEM, EPERM } },
	{ "epoll_create1", { EMFILE, ENFILE, ENOMEM } },
	{ "epoll_ctl", { ENOSPC, ENOMEM, EPERM } },
	{ "epoll_wait", { EINTR, EBADF, EINVAL } },
	{ "bpf", { EPERM, EBADF, EFAULT, EINTR } },
};

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

static const struct call {
	const char *name;
	/* How often it waits depends on the time. */
	bool waits;
	void (*before)(void);
	void (*run)(void);
	bool (*after)(void);
	void (*end)(void);
} calls[] = {
	{ "ring_buffer__new", false, nothing, run_new, after_new, free_manager },
	{ "ring_buffer__add", false, new_manager, run_add, after_add, free_manager },
	{ "ring_buffer__add in a callback", false, new_manager_that_adds, run_add_in_callback,
	  after_add, free_manager },
	{ "ring_buffer__poll", false, new_manager_with_records, run_poll, after_reading, free_manager },
	{ "ring_buffer__consume", false, new_manager_with_records, run_consume, after_reading,
	  free_manager },
	{ "ring_buffer__free", false, new_manager, run_free, fine, nothing },
	{ "user_ring_buffer__new", false, nothing, run_user_new, after_user_new, free_user_ring },
	{ "user_ring_buffer__reserve_blocking", true, full_user_ring, run_reserve_blocking,
	  after_reserve_blocking, free_user_ring },
	{ "user_ring_buffer__free", false, new_user_ring, run_user_free, fine, nothing },
};

struct left {
	int descriptors, mappings;
	long blocks;
};

static struct left left_since(struct left before)
{
	struct left now = { count_descriptors() - before.descriptors,
			    count_mappings() - before.mappings, fault_blocks() - before.blocks };

	return now;
}

static const struct left none;

static bool is_nothing(struct left left)
{
	return memcmp(&left, &none, sizeof(none)) == 0;
}

static void show_left(struct left left)
{
	if (is_nothing(left))
		printf("nothing");
	else
		printf("%d descriptors, %d mappings, %ld blocks", left.descriptors, left.mappings,
		       left.blocks);
}

static bool failed;

static void show_fault(const struct call *call)
{
	printf("%s %d: %s | %s | %s%s%s | ", kind, nth, errno_name(error), call->name, result,
	       *warning ? ", warns: " : "", warning);
}

/* Returns whether the fault occurred. */
static bool attempt(const struct call *call)
{
	/* As the first wait fails, so do all later ones. */
	static char first[sizeof(result)];
	bool later = call->waits && nth > 1;
	struct left before, left;

	warning[0] = '\0';
	call->before();
	before = left_since(none);
	call->run();
	left = left_since(before);
	if (seen >= nth && later && strcmp(first, result) != 0) {
		printf("%s: A LATER WAIT: %s\n", call->name, result);
		failed = true;
	}
	if (seen >= nth && !later) {
		strcpy(first, result);
		show_fault(call);
		show_left(left);
		puts("");
	}
	failed |= seen >= nth && !is_nothing(left);
	if (!call->after()) {
		show_fault(call);
		puts("THE NEXT CALL FAILS");
		failed = true;
	}
	call->end();
	return seen >= nth;
}

/* Each call of the kind, until there is none left to fail. */
static void each(const struct call *call, const struct fault *fault)
{
	struct left before = left_since(none), left;
	size_t i;

	kind = fault->kind;
	for (i = 0; i < sizeof(fault->errors) / sizeof(*fault->errors) && fault->errors[i]; i++) {
		error = fault->errors[i];
		for (nth = 1; attempt(call); nth++)
			;
	}
	if (!call->waits)
		printf("%s calls %s %d times\n", call->name, kind, seen);
	left = left_since(before);
	if (!is_nothing(left)) {
		printf("%s: AFTER ALL THIS THERE IS LEFT: ", call->name);
		show_left(left);
		puts("");
		failed = true;
	}
}

static void find(const char *name, void *function)
{
	*(void **)function = dlsym(RTLD_DEFAULT, name);
	if (!*(void **)function)
		die("the interposer is not preloaded");
}

/* A descriptor whose number is the same in every run. */
static int numbered(int fd, int number)
{
	if (dup2(fd, number) != number)
		die("dup2");
	return number;
}

int main(int argc, char **argv)
{
	size_t i, j;

	find("fault_arm", &fault_arm);
	find("fault_disarm", &fault_disarm);
	find("fault_blocks", &fault_blocks);
	user_ring_open();
	user.map = numbered(user.map, 202);
	harness_open();
	libbpf_set_print(take_warning);
	/* Allocates the buffer of stdout. */
	puts("fault | call | result | left over");
	ring = numbered(make_ring(0, 65536), 200);
	other = numbered(make_ring(1, 65536), 201);
	if (argc > 1 && strcmp(argv[1], "leak") == 0) {
		struct left before = left_since(none);

		/* What a leak looks like. */
		new_manager();
		new_user_ring();
		show_left(left_since(before));
		puts("");
		return 0;
	}
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		for (j = 0; j < sizeof(faults) / sizeof(*faults); j++)
			each(&calls[i], &faults[j]);
	return failed;
}
