// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A thread that ends or is cancelled inside the library; another goes on with its manager. */
#include "harness.h"

static struct ring_buffer *rb;
static int end_at = -1;
static bool by_cancel;
static int asleep[2];

static void cleaned_up(void *where)
{
	printf("  left %s\n", (const char *)where);
}

static int ending(void *name, void *data, size_t size)
{
	struct record header;

	pthread_cleanup_push(cleaned_up, (void *)"the callback");
	print_record(name, data, size);
	memcpy(&header, data, sizeof(header));
	if ((int)header.sequence == end_at) {
		end_at = -1;
		if (!by_cancel)
			pthread_exit((void *)"pthread_exit");
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
	pthread_cleanup_pop(1);
	return 0;
}

static void *consume(void *unused)
{
	pthread_cleanup_push(cleaned_up, (void *)"ring_buffer__consume");
	SHOW(ring_buffer__consume(rb));
	pthread_cleanup_pop(1);
	return unused;
}

static void *poll(void *unused)
{
	pthread_cleanup_push(cleaned_up, (void *)"ring_buffer__poll");
	SHOW(ring_buffer__poll(rb, -1));
	pthread_cleanup_pop(1);
	return unused;
}

static void *poll_for_ever(void *unused)
{
	pthread_cleanup_push(cleaned_up, (void *)"ring_buffer__poll, asleep");
	if (write(asleep[1], "", 1) < 0)
		die("write");
	for (;;)
		SHOW(ring_buffer__poll(rb, -1));
	pthread_cleanup_pop(1);
	return unused;
}

static void join(pthread_t thread)
{
	void *value = NULL;

	pthread_join(thread, &value);
	printf("the thread: %s\n", value == PTHREAD_CANCELED ? "cancelled"
				   : value		     ? (const char *)value
							     : "returned");
}

static void in_thread(void *(*body)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, body, NULL);
	join(thread);
	show_query(0);
}

int main(void)
{
	pthread_t thread;
	char byte;

	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), ending, (void *)"reader", NULL);
	for (int cancel = 0; cancel < 2; cancel++) {
		by_cancel = cancel;
		printf("%s in the callback\n", cancel ? "cancelled" : "pthread_exit");
		emit(0, 0, 3, 16);
		end_at = 1;
		in_thread(consume);
		in_thread(consume);
		emit(0, 3, 3, 16);
		end_at = 4;
		in_thread(poll);
		in_thread(poll);
	}

	printf("cancelled while it waits\n");
	if (pipe(asleep))
		die("pipe");
	pthread_create(&thread, NULL, poll_for_ever, NULL);
	if (read(asleep[0], &byte, 1) != 1)
		die("read");
	usleep(20000);
	pthread_cancel(thread);
	join(thread);
	emit(0, 6, 1, 16);
	SHOW(ring_buffer__poll(rb, -1));
	ring_buffer__free(rb);
	return 0;
}
