// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A poll in a callback reads all rings to the end. The call around it goes back to the records of its own in the second
 * ring, and ends there: by its limit, an error or an exception. The outermost poll, which is in the first ring, must
 * read the second from there on, and the reader must be woken for later records.
 */
#include "harness.h"

struct left {};

static struct ring_buffer *rb;
/* Calls that run, each in a callback of the one before. */
static int level;
/* Whether the outermost one has made the middle one. */
static bool begun;
static int (*middle)(void);
/* What the callback of the second ring's second record does in the middle one. */
static enum { GOES_ON, FAILS, THROWS } then;
/* How many polls the innermost callback makes; 0: until nothing is left. */
static int polls;

static int one_deeper(int (*call)(void))
{
	int result;

	level++;
	try {
		result = call();
	} catch (const left &) {
		level--;
		throw;
	}
	level--;
	return result;
}

static int poll(void)
{
	return ring_buffer__poll(rb, 0);
}

static int read_all(void)
{
	int total = 0, result;

	for (int i = 1;; i++) {
		result = poll();
		total += result;
		if (result <= 0 || i == polls)
			return total;
	}
}

static int first(void *name, void *data, size_t size)
{
	print_record(name, data, size);
	if (level == 1 && !begun) {
		begun = true;
		try {
			SHOW(one_deeper(middle));
		} catch (const left &) {
			printf("left\n");
		}
	}
	return 0;
}

static int second(void *name, void *data, size_t size)
{
	struct record header;

	print_record(name, data, size);
	memcpy(&header, data, sizeof(header));
	if (level != 2)
		return 0;
	if (header.sequence == 0)
		SHOW(one_deeper(read_all));
	if (header.sequence == 1 && then == THROWS)
		throw left();
	return header.sequence == 1 && then == FAILS ? -EPROTO : 0;
}

static int consume_one(void)
{
	return ring__consume_n(ring_buffer__ring(rb, 1), 1);
}

static int consume_second(void)
{
	return ring__consume(ring_buffer__ring(rb, 1));
}

static int consume_all(void)
{
	return ring_buffer__consume(rb);
}

static void go(const char *name, int (*call)(void), int then_it)
{
	middle = call;
	then = (decltype(then))then_it;
	for (polls = 0; polls < 3; polls++) {
		printf("%s, then it %s, polls inside: %d\n", name,
		       then == GOES_ON ? "goes on" : then == FAILS ? "fails" : "is left", polls);
		begun = false;
		rb = ring_buffer__new(make_ring(0, PAGE), first, (void *)"first", NULL);
		SHOW(ring_buffer__add(rb, make_ring(1, PAGE), second, (void *)"second"));
		emit(0, 0, 1, 16);
		emit(1, 0, 3, 16);
		SHOW(one_deeper(poll));
		show_query(0);
		show_query(1);
		emit(1, 3, 1, 16);
		/* Whether there is a notification. */
		SHOW(ring_buffer__poll(rb, 0));
		ring_buffer__free(rb);
	}
}

/* What the callbacks below are to do, once each. */
static bool more_of_first, more_of_second, leaves, consumes_second, reads_all;

static bool once(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

static int handing_first(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	if (once(&more_of_first))
		emit(0, 0, 1, 16);
	if (once(&consumes_second)) {
		emit(1, 0, 2, 16);
		reads_all = true;
		ring__consume_n(ring_buffer__ring(rb, 1), 1);
	}
	return 0;
}

static int handing_second(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	if (once(&more_of_second))
		emit(1, 0, 1, 16);
	if (once(&reads_all)) {
		ring_buffer__consume(rb);
		ring_buffer__poll(rb, 0);
	}
	return 0;
}

static int leaving_third(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	if (once(&leaves))
		throw left();
	return 0;
}

/* A call that was left has handed the second ring on to the outermost poll. */
static void hand_on()
{
	printf("handed on\n");
	rb = ring_buffer__new(make_ring(0, PAGE), handing_first, NULL, NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), handing_second, NULL));
	SHOW(ring_buffer__add(rb, make_ring(2, PAGE), leaving_third, NULL));
	for (__u32 ring = 0; ring < 3; ring++)
		emit(ring, 0, 1, 16);
	more_of_first = more_of_second = leaves = true;
	try {
		ring_buffer__consume(rb);
	} catch (const left &) {
		printf("left\n");
	}
	emit(0, 0, 1, 16);
	emit(1, 0, 1, 16);
	consumes_second = true;
	ring_buffer__poll(rb, 0);
	for (__u32 ring = 0; ring < 3; ring++)
		show_query(ring);
	emit(1, 0, 1, 16);
	SHOW(ring_buffer__poll(rb, 0));
	ring_buffer__free(rb);
}

#define ENDLESS 1000

static unsigned int callbacks;
static bool inside;

/* Polls, and brings the other ring a record. */
static int polling(void *ctx, void *data, size_t size)
{
	(void)data, (void)size;
	if (inside || ++callbacks == ENDLESS)
		return inside ? 0 : -EPROTO;
	inside = true;
	poll();
	inside = false;
	emit(ctx ? 0 : 1, 0, 1, 16);
	return 0;
}

/* Each callback's poll has read all: what has come since needs no look of the poll around it, which ends. */
static void come_to_an_end()
{
	int calls = 0;

	rb = ring_buffer__new(make_ring(0, PAGE), polling, NULL, NULL);
	SHOW(ring_buffer__add(rb, make_ring(1, PAGE), polling, &inside));
	emit(0, 0, 1, 16);
	while (calls < 5 && poll() > 0)
		calls++;
	printf("%d polls, %s\n", calls, callbacks < ENDLESS ? "all came to their end" : "ENDLESS");
	ring_buffer__free(rb);
}

int main(void)
{
	harness_open();
	go("ring__consume_n(second, 1)", consume_one, GOES_ON);
	go("ring__consume(second)", consume_second, FAILS);
	go("ring__consume(second)", consume_second, THROWS);
	go("ring_buffer__consume", consume_all, FAILS);
	go("ring_buffer__consume", consume_all, THROWS);
	go("ring_buffer__poll", poll, FAILS);
	go("ring_buffer__poll", poll, THROWS);
	hand_on();
	come_to_an_end();
	return 0;
}
