// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Bad input and scarce resources: what setting up a ring returns, what it warns of, and that nothing
 * is left over.
 */
#include "leaks.h"
#include "warnings.h"
#include <fcntl.h>

#define RING_BYTES (1 << 20)
#define REPEATS 50
#define ROUNDS 5

enum operation_under_test { NEW, ADD, USER_NEW };

struct options {
	size_t sz;
	unsigned char more[56];
};

static const struct options *options;
static struct ring_buffer *manager;
static bool silent, unwarned;
static int next_number = 200;

static int print_warning(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char text[512];

	if (silent || unwarned || level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), format, arguments);
	name_error(text);
	return printf("  level %d: %s", level, text);
}

/* A descriptor whose number is the same in every run. */
static int numbered(int fd)
{
	int number = fcntl(fd, F_DUPFD_CLOEXEC, next_number++);

	if (number < 0)
		die("fcntl");
	close(fd);
	return number;
}

static void *try(enum operation_under_test operation, int fd)
{
	switch (operation) {
	case NEW:
		return ring_buffer__new(fd, print_record, (void *)"new",
					(const struct ring_buffer_opts *)options);
	case USER_NEW:
		return user_ring_buffer__new(fd, (const struct user_ring_buffer_opts *)options);
	default:
		return NULL;
	}
}

static bool attempt(enum operation_under_test operation, int fd)
{
	static const char *const names[] = { "ring_buffer__new", "ring_buffer__add",
					     "user_ring_buffer__new" };
	void *made = NULL;
	int value = 0, error;

	errno = UNTOUCHED;
	if (operation == ADD)
		value = ring_buffer__add(manager, fd, print_record, (void *)"added");
	else
		made = try(operation, fd);
	error = errno;
	if (!silent && operation == ADD)
		printf("  %s = %d, errno %s\n", names[operation], value, errno_name(error));
	else if (!silent)
		printf("  %s = %s, errno %s\n", names[operation], made ? "a pointer" : "NULL",
		       errno_name(error));
	if (operation == NEW)
		ring_buffer__free((struct ring_buffer *)made);
	if (operation == USER_NEW)
		user_ring_buffer__free((struct user_ring_buffer *)made);
	return made || (operation == ADD && value == 0);
}

static void repeat(enum operation_under_test operation, int fd, int times)
{
	silent = true;
	while (times--)
		attempt(operation, fd);
	silent = false;
}

static void check(const char *what, enum operation_under_test operation, int fd)
{
	struct holdings first, before, after;
	bool grown = true;

	printf("%s\n", what);
	if (attempt(operation, fd) && operation == ADD)
		return;
	/*
	 * A leak grows in every round. The blocks that the allocator keeps for the next time, and counts
	 * as used, do not: there is room for a few of each size.
	 */
	first = after = holdings();
	for (int round = 0; round < ROUNDS && grown; round++) {
		before = after;
		repeat(operation, fd, REPEATS);
		after = holdings();
		grown = after.bytes >= before.bytes + REPEATS * sizeof(void *);
	}
	printf("  left over: %d descriptors, %d mappings, bytes: %s\n",
	       after.descriptors - first.descriptors, after.mappings - first.mappings,
	       grown ? "LEAKED" : "none");
}

static void everywhere(const char *what, int fd)
{
	check(what, NEW, fd);
	check(what, ADD, fd);
	check(what, USER_NEW, fd);
}

static int restricted(int map, __u32 flags)
{
	LIBBPF_OPTS(bpf_get_fd_by_id_opts, open_options);
	struct bpf_map_info info;
	__u32 length = sizeof(info);
	int fd;

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(map, &info, &length))
		die("the id of a map");
	open_options.open_flags = flags;
	fd = bpf_map_get_fd_by_id_opts(info.id, &open_options);
	if (fd < 0)
		die("bpf_map_get_fd_by_id_opts");
	return numbered(fd);
}

static int frozen(enum bpf_map_type type)
{
	int fd = create_map(type, RING_BYTES);

	if (bpf_map_freeze(fd))
		die("bpf_map_freeze");
	return numbered(fd);
}

static void descriptors(int ring, int user_ring)
{
	int ends[2], closed = numbered(dup(0));

	if (pipe(ends))
		die("pipe");
	close(closed);
	everywhere("descriptor -1", -1);
	everywhere("descriptor of a large number", 1 << 30);
	everywhere("descriptor closed", closed);
	everywhere("descriptor of a device", numbered(open("/dev/null", O_RDWR)));
	everywhere("descriptor of a directory", numbered(open("/proc", O_RDONLY | O_DIRECTORY)));
	everywhere("descriptor of a pipe", numbered(ends[0]));
	everywhere("descriptor of a BPF program", numbered(dup(harness.produce)));
	everywhere("descriptor of an array", numbered(bpf_map_create(BPF_MAP_TYPE_ARRAY, "c_tests", 4,
								      4, 1, NULL)));
	check("user ring for a ring", NEW, user_ring);
	check("user ring for a ring", ADD, user_ring);
	check("ring for a user ring", USER_NEW, ring);
	check("ring that may only be read", NEW, restricted(ring, BPF_F_RDONLY));
	check("ring that may only be read", ADD, restricted(ring, BPF_F_RDONLY));
	check("user ring that may only be read", USER_NEW,
		       restricted(user_ring, BPF_F_RDONLY));
	check("ring that is frozen", NEW, frozen(BPF_MAP_TYPE_RINGBUF));
	check("ring that is frozen", ADD, frozen(BPF_MAP_TYPE_RINGBUF));
	check("user ring that is frozen", USER_NEW, frozen(BPF_MAP_TYPE_USER_RINGBUF));
	close(ends[1]);
}

static void option_structs(int ring, int user_ring)
{
	static const size_t sizes[] = { 0, 7, 8, 9, 63, 64 };
	static const int unknown[] = { -1, 0, 54, 55 };
	struct options tried;
	size_t i, j;

	options = &tried;
	for (i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		for (j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
			memset(&tried, 0, sizeof(tried));
			tried.sz = sizes[j];
			if (unknown[i] >= 0)
				tried.more[unknown[i]] = 1;
			printf("%zu bytes, unknown byte at %d\n", tried.sz, 8 + unknown[i]);
			check("for a ring", NEW, ring);
			check("for a user ring", USER_NEW, user_ring);
		}
	}
	options = NULL;
}

static void no_descriptors(int ring, int user_ring)
{
	struct rlimit old;
	int lowest = dup(0);

	close(lowest);
	old = limit(RLIMIT_NOFILE, lowest);
	puts("no descriptors left");
	attempt(NEW, ring);
	attempt(USER_NEW, user_ring);
	setrlimit(RLIMIT_NOFILE, &old);
	check("descriptors again", NEW, ring);
	check("descriptors again", USER_NEW, user_ring);
}

/* With `left` bytes of address space. What is allocated meanwhile comes from the heap. */
static void no_space(const char *what, enum operation_under_test operation, int fd, size_t left)
{
	int mappings = count_mappings(), descriptors = count_descriptors();
	struct rlimit old;

	printf("%s\n", what);
	free(malloc(64 * 1024));
	old = limit(RLIMIT_AS, address_space() + left);
	attempt(operation, fd);
	setrlimit(RLIMIT_AS, &old);
	printf("  left over: %d descriptors, %d mappings\n", count_descriptors() - descriptors,
	       count_mappings() - mappings);
}

/* With not a block left on the heap. */
static void no_memory(const char *what, enum operation_under_test operation, int fd)
{
	struct rlimit old;
	void **blocks = NULL, **block;
	size_t size;

	printf("%s\n", what);
	old = limit(RLIMIT_AS, address_space());
	for (size = 1 << 20; size >= 16; size /= 2) {
		while ((block = (void **)malloc(size))) {
			*block = blocks;
			blocks = block;
		}
	}
	/* What there is to warn of depends on which block was the one too many. */
	unwarned = true;
	attempt(operation, fd);
	unwarned = false;
	while ((block = blocks)) {
		blocks = (void **)*block;
		free(block);
	}
	setrlimit(RLIMIT_AS, &old);
}

static void no_epoll(int ring, int other)
{
	manager = ring_buffer__new(ring, print_record, (void *)"new", NULL);
	if (!manager)
		die("ring_buffer__new");
	puts("the manager's epoll is closed");
	close(ring_buffer__epoll_fd(manager));
	check("adding a ring", ADD, other);
	SHOW(ring_buffer__poll(manager, 0));
	ring_buffer__free(manager);
}

int main(void)
{
	int ring, other, user_ring;

	harness_open();
	libbpf_set_print(print_warning);
	ring = numbered(make_ring(0, RING_BYTES));
	other = numbered(make_ring(1, RING_BYTES));
	user_ring = numbered(create_map(BPF_MAP_TYPE_USER_RINGBUF, RING_BYTES));
	manager = ring_buffer__new(ring, print_record, (void *)"first", NULL);
	if (!manager)
		die("ring_buffer__new");

	descriptors(ring, user_ring);
	check("the same ring again", ADD, ring);
	option_structs(ring, user_ring);
	no_descriptors(ring, user_ring);
	no_space("no address space for a page", NEW, ring, 0);
	no_space("no address space for a page", ADD, other, 0);
	no_space("no address space for a page", USER_NEW, user_ring, 0);
	no_space("no address space for the data", NEW, ring, RING_BYTES / 2);
	no_space("no address space for the data", ADD, other, RING_BYTES / 2);
	no_space("no address space for the data", USER_NEW, user_ring, RING_BYTES / 2);
	no_memory("no memory", NEW, ring);
	no_memory("no memory", ADD, other);
	no_memory("no memory", USER_NEW, user_ring);

	puts("the manager is as good as before");
	check("another ring", ADD, other);
	emit(0, 1, 2, 16);
	emit(1, 3, 2, 16);
	await_all_notifications();
	SHOW(ring_buffer__poll(manager, 0));
	ring_buffer__free(manager);
	no_epoll(ring, other);
	printf("left over: %d mappings\n", count_mappings() - 1);
	return 0;
}
