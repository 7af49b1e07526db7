// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Managers across fork(): epoll and pages are shared, everything else is each process's own. */
#include "harness.h"

static struct ring_buffer *rb;
static int fork_at = -1;
static pid_t child = -1;

static void wait_for_child(void)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	printf("the child: exit status %d\n", WEXITSTATUS(status));
}

static void poll_in_child(void)
{
	SHOW(ring_buffer__poll(rb, -1));
	show_query(0);
	SHOW(ring_buffer__poll(rb, 0));
}

static void consume_and_free_in_child(void)
{
	SHOW(ring_buffer__consume(rb));
	ring_buffer__free(rb);
}

static void own_manager_in_child(void)
{
	struct ring_buffer *own = ring_buffer__new(make_ring(1, PAGE), print_record, (void *)"child's own", NULL);

	SHOW(ring_buffer__add(rb, make_ring(2, PAGE), print_record, (void *)"added by the child"));
	emit(1, 0, 1, 16);
	emit(2, 0, 1, 16);
	SHOW(ring_buffer__poll(own, -1));
	SHOW(ring_buffer__consume(rb));
	ring_buffer__free(own);
}

/* The child goes on first, to its end; then the parent does. */
static int fork_in_callback(void *name, void *data, size_t size)
{
	struct record header;

	print_record(child == 0 ? (void *)"child" : name, data, size);
	show_query(0);
	memcpy(&header, data, sizeof(header));
	if ((int)header.sequence != fork_at)
		return 0;
	child = fork();
	if (child < 0)
		die("fork");
	if (child > 0)
		wait_for_child();
	return 0;
}

static void in_callback(bool by_poll)
{
	printf("in the callback, by %s\n", by_poll ? "poll" : "consume");
	rb = ring_buffer__new(make_ring(0, PAGE), fork_in_callback, (void *)"parent", NULL);
	emit(0, 0, 4, 16);
	fork_at = 1;
	child = -1;
	if (by_poll)
		SHOW(ring_buffer__poll(rb, -1));
	else
		SHOW(ring_buffer__consume(rb));
	show_query(0);
	if (child == 0) {
		emit(0, 10, 1, 16);
		SHOW(ring_buffer__consume(rb));
		show_query(0);
		_exit(3);
	}
	emit(0, 20, 1, 16);
	SHOW(ring_buffer__consume(rb));
	show_query(0);
	ring_buffer__free(rb);
}

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), print_record, (void *)"reader", NULL);

	printf("the child reads\n");
	emit(0, 0, 2, 16);
	in_child("child", poll_in_child);
	show_query(0);
	SHOW(ring_buffer__poll(rb, 0));
	emit(0, 2, 2, 16);
	SHOW(ring_buffer__poll(rb, -1));

	printf("the child reads and frees; the parent goes on\n");
	emit(0, 4, 2, 16);
	in_child("child", consume_and_free_in_child);
	emit(0, 6, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	SHOW(ring_buffer__consume(rb));

	printf("the child has a manager of its own, too, and adds a ring to the other\n");
	emit(0, 7, 1, 16);
	in_child("child", own_manager_in_child);
	emit(0, 8, 1, 16);
	SHOW(ring_buffer__consume(rb));
	ring_buffer__free(rb);

	in_callback(false);
	in_callback(true);
	return 0;
}
