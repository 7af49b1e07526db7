// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* C++ exceptions out of a callback: its record is still there, and so are those after it. */
#include "harness.h"
#include <stdexcept>
#include <string>

static struct ring_buffer *rb;
static int throw_at = -1;

/* Says when the frames between throw and catch are unwound. */
struct Guard {
	const char *where;
	explicit Guard(const char *name) : where(name) {}
	~Guard() { printf("  left %s\n", where); }
};

static int throwing(void *name, void *data, size_t size)
{
	Guard guard("the callback");
	struct record header;

	print_record(name, data, size);
	show_query(0);
	memcpy(&header, data, sizeof(header));
	if ((int)header.sequence == throw_at) {
		throw_at = -1;
		throw std::runtime_error("record " + std::to_string(header.sequence));
	}
	return 0;
}

template <typename Call> static void guarded(const char *what, Call call)
{
	try {
		Guard guard("the call");
		errno = UNTOUCHED;
		int result = call();
		printf("%s = %d, errno %s\n", what, result, errno_name(errno));
	} catch (const std::runtime_error &error) {
		printf("%s: caught \"%s\"\n", what, error.what());
	} catch (int number) {
		printf("%s: caught %d\n", what, number);
	}
}

#define GUARDED(call) guarded(#call, [] { return call; })

static int throw_int(void *name, void *data, size_t size)
{
	print_record(name, data, size);
	throw 5;
}

/* Consumes the other manager, whose callback throws through both calls. */
static int nest(void *name, void *data, size_t size)
{
	static struct ring_buffer *inner;

	print_record(name, data, size);
	if (!inner) {
		inner = ring_buffer__new(make_ring(1, PAGE), throw_int, (void *)"inner", NULL);
		emit(1, 0, 1, 16);
		ring_buffer__consume(inner);
	}
	ring_buffer__free(inner);
	return 0;
}

int main()
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), throwing, (void *)"reader", NULL);

	printf("through consume\n");
	emit(0, 0, 4, 16);
	throw_at = 2;
	GUARDED(ring_buffer__consume(rb));
	show_query(0);
	GUARDED(ring_buffer__consume(rb));
	show_query(0);

	printf("through poll\n");
	emit(0, 4, 4, 16);
	throw_at = 5;
	GUARDED(ring_buffer__poll(rb, -1));
	show_query(0);
	GUARDED(ring_buffer__poll(rb, -1));
	show_query(0);
	GUARDED(ring_buffer__poll(rb, 0));

	printf("the first, after discarded ones, and more come meanwhile\n");
	discard(0, 10, 16);
	emit(0, 8, 2, 16);
	throw_at = 8;
	GUARDED(ring_buffer__poll(rb, -1));
	show_query(0);
	emit(0, 10, 1, 16);
	GUARDED(ring_buffer__consume(rb));

	printf("again and again at one record\n");
	emit(0, 11, 1, 16);
	for (int i = 0; i < 3; i++) {
		throw_at = 11;
		GUARDED(ring_buffer__poll(rb, -1));
	}
	GUARDED(ring_buffer__poll(rb, -1));
	show_query(0);
	/* It can be freed after an exception, too. */
	emit(0, 12, 1, 16);
	throw_at = 12;
	GUARDED(ring_buffer__poll(rb, -1));
	ring_buffer__free(rb);

	printf("through two calls\n");
	rb = ring_buffer__new(make_ring(0, PAGE), nest, (void *)"outer", NULL);
	emit(0, 0, 2, 16);
	GUARDED(ring_buffer__consume(rb));
	show_query(0);
	show_query(1);
	ring_buffer__free(rb);
	return 0;
}
