// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* rbshim_ring__statistics(): what it says of a ring, to callers with structs of any size. */
#include <rbshim.h>
#include "harness.h"
#include <stddef.h>

#define SIZE 4096
#define RECORD 16
/* Of the end of a field. */
#define END(field) (offsetof(struct rbshim_ring_statistics, field) + sizeof(uint64_t))

static struct ring_buffer *rb;
static struct ring *ring;

static int print_warning(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	return vprintf(format, arguments);
}

static int ignore_record(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static void show(const char *when)
{
	LIBBPF_OPTS(rbshim_ring_statistics, seen);

	if (rbshim_ring__statistics(ring, &seen))
		die("rbshim_ring__statistics");
	printf("%s: %lu of %lu, high water %lu, nearly full %lu; ", when, (long)seen.available,
	       (long)seen.size, (long)seen.high_water, (long)seen.nearly_full);
	if (seen.counted == 1)
		printf("records %lu, bytes %lu, discards %lu\n", (long)seen.records,
		       (long)seen.bytes, (long)seen.discards);
	else
		printf("counted %lu, in all %lu\n", (long)seen.counted,
		       (long)(seen.records + seen.bytes + seen.discards + seen.wakeups +
			      seen.publishes + seen.lingers + seen.coalesced + seen.rescues));
}

static void open_ring(void)
{
	rb = ring_buffer__new(make_ring(0, SIZE), ignore_record, NULL, NULL);
	ring = ring_buffer__ring(rb, 0);
	if (!ring)
		die("ring_buffer__new");
}

static void consume(const char *when)
{
	if (ring_buffer__consume(rb) < 0)
		die("ring_buffer__consume");
	show(when);
}

static void fill_and_empty(void)
{
	__u32 accepted;

	show("new");
	emit(0, 0, 3, RECORD);
	show("3 records");
	consume("consumed");
	discard(0, 2, RECORD);
	consume("2 discarded ones");
	accepted = emit(0, 0, 1000, RECORD);
	printf("of 1000 records there was room for %u, %llu bytes\n", accepted, query(0).avail);
	show("full");
	consume("consumed");
	/* The first does not leave more than an eighth in use, the second does. */
	emit(0, 0, 149, RECORD);
	consume("149 records");
	emit(0, 0, 150, RECORD);
	consume("150 records");
	emit(0, 0, 1000, RECORD);
	for (int i = 0; i < 3; i++)
		ring__consume_n(ring, 1);
	show("one by one");
	consume("the rest");
}

/* Asks with a struct of `sz` bytes, of which the one at `set`, if it is not 0, is 1. */
static void ask(size_t sz, size_t set)
{
	union {
		struct rbshim_ring_statistics known;
		__u8 bytes[256];
	} asked, before;
	/* Where the library may not write: from the first field on that `sz` does not cover. */
	size_t beyond = sz < sizeof(asked.known) ? sz / 8 * 8 : sizeof(asked.known);

	memset(&asked, 0, sizeof(asked));
	memset(asked.bytes + sz, 0xa5, sizeof(asked) - sz);
	if (set)
		asked.bytes[set] = 1;
	asked.known.sz = sz;
	before = asked;
	errno = UNTOUCHED;
	printf("%zu bytes: %d", sz, rbshim_ring__statistics(ring, &asked.known));
	printf(", errno %s", errno_name(errno));
	printf(", size %s", asked.known.size == SIZE ? "known" : "unknown");
	printf(", high water %s", asked.known.high_water == before.known.high_water ? "unknown" : "known");
	printf(", %s\n", asked.known.sz == sz && !memcmp(asked.bytes + beyond, before.bytes + beyond,
						       sizeof(asked) - beyond)
				? "nothing else"
				: "SOMETHING ELSE");
}

static void struct_sizes(void)
{
	size_t whole = sizeof(struct rbshim_ring_statistics);

	printf("too small:\n");
	ask(sizeof(size_t) - 1, 0);
	printf("older:\n");
	ask(sizeof(size_t), 0);
	ask(END(high_water), 0);
	ask(END(high_water) - 1, 0);
	printf("this one:\n");
	ask(whole, 0);
	/* What is known may be anything: a struct is used again. */
	ask(whole, END(size) - 1);
	printf("newer:\n");
	ask(whole + 1, 0);
	ask(whole + 64, 0);
	ask(whole + 64, whole);
	ask(whole + 64, whole + 63);
	printf("none:\n");
	SHOW(rbshim_ring__statistics(NULL, NULL));
	SHOW(rbshim_ring__statistics(ring, NULL));
	LIBBPF_OPTS(rbshim_ring_statistics, seen);
	SHOW(rbshim_ring__statistics(NULL, &seen));
	SHOW(rbshim_ring__statistics(ring, &seen));
}

static void fork_and_read(void)
{
	emit(0, 0, 2, RECORD);
	consume("child, 2 records");
	ring_buffer__free(rb);
}

int main(void)
{
	harness_open();
	libbpf_set_print(print_warning);
	open_ring();
	fill_and_empty();
	struct_sizes();
	in_child("child", fork_and_read);
	show("parent");
	ring_buffer__free(rb);
	return 0;
}
