// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Each call of the library with each call to libc inside it failing in turn: what it returns, what it
 * warns of, what is left over, and whether the next call works. Needs the interposer.
 */
#include "../fault_calls.h"
#include "../leaks.h"
#include <dlfcn.h>

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
	bool later = (call->properties & WAITS) && nth > 1;
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
	if (!(call->properties & WAITS))
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

/* Something that is not given back. */
static void show_leak(void)
{
	struct left before = left_since(none);

	new_manager();
	new_user_ring();
	show_left(left_since(before));
	puts("");
}

int main(int argc, char **argv)
{
	int wanted;
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
		show_leak();
		return 0;
	}
	/* Adding a ring in a callback is beyond libbpfs before 1.3. */
	wanted = argc > 1 && strcmp(argv[1], "in-callbacks") == 0 ? IN_CALLBACK : 0;
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		for (j = 0; j < sizeof(faults) / sizeof(*faults); j++)
			if ((calls[i].properties & IN_CALLBACK) == wanted)
				each(&calls[i], &faults[j]);
	return failed;
}
