// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A callback reads its own ring on to the end, and the producer fills the ring again meanwhile. What the call around it had seen is written over by then. Every record comes, and the ring goes on.
 */
#include "harness.h"

#define ROUNDS 3
/* Records of 64 bytes with their headers: so many fill the ring. */
#define RECORD 56
#define FILL (PAGE / 64 - 1)
#define MADE (ROUNDS * FILL)

static struct ring_buffer *rb;
static unsigned int times[ROUNDS * MAX_PAGE / 64], damaged, made;

static void fill(void)
{
	made += emit(0, made, FILL, RECORD);
}

static int take(void *ctx, void *data, size_t size)
{
	static bool within;
	struct record header;

	(void)ctx;
	memcpy(&header, data, sizeof(header));
	if (size != RECORD || header.sequence >= MADE || !body_is_intact(data, size)) {
		damaged++;
		return 0;
	}
	times[header.sequence]++;
	if (header.sequence == 0 && !within) {
		within = true;
		while (made < MADE) {
			ring_buffer__consume(rb);
			fill();
		}
		within = false;
	}
	return 0;
}

static void read_all(const char *what, int (*read)(struct ring_buffer *))
{
	unsigned int missing = 0, i;

	memset(times, 0, sizeof(times));
	damaged = made = 0;
	fill();
	printf("%s: ", what);
	printf("%s\n", read(rb) > 0 ? "a number of records" : "an error");
	for (i = 0; i < MADE; i++)
		missing += times[i] == 0;
	printf("made %u, missing %u, damaged %u\n", made, missing, damaged);
	show_query(0);
}

static int poll_once(struct ring_buffer *manager)
{
	return ring_buffer__poll(manager, 0);
}

/* By so few at a time that most calls end before the last record. */
static int consume_few(struct ring_buffer *manager)
{
	int sum = 0, one;

	do {
		one = ring_buffer__consume_n(manager, 3);
		sum += one;
	} while (one > 0);
	return one < 0 ? one : sum;
}

int main(void)
{
	harness_open();
	rb = ring_buffer__new(make_ring(0, PAGE), take, NULL, NULL);
	if (!rb)
		die("ring_buffer__new");
	read_all("consume", ring_buffer__consume);
	read_all("poll", poll_once);
	read_all("consume_n", consume_few);
	ring_buffer__free(rb);
	return 0;
}
