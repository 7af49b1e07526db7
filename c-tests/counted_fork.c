// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Forks a child that exits, and one that goes on with the manager after its parent has left it alone. */
#include "harness.h"
#include <sys/wait.h>

static int count_record(void *ctx, void *data, size_t size)
{
	(void)data, (void)size;
	++*(unsigned long *)ctx;
	return 0;
}

static void wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status)
		die("a child");
}

int main(void)
{
	unsigned long delivered = 0;
	struct ring_buffer *rb;
	pid_t child;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), count_record, &delivered, NULL);
	if (!rb)
		die("ring_buffer__new");
	emit(0, 0, 3, 16);
	ring_buffer__consume(rb);
	printf("parent: %lu\n", delivered);
	fflush(stdout);
	child = fork();
	if (!child)
		exit(0);
	wait_for(child);
	child = fork();
	if (!child) {
		emit(0, 3, 2, 16);
		ring_buffer__consume(rb);
		printf("child, parent's included: %lu\n", delivered);
		exit(0);
	}
	wait_for(child);
	ring_buffer__free(rb);
	return 0;
}
