// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* User ring buffers: options, reserve, submit and discard, and what the BPF program gets. */
#include "user_ring_harness.h"

static struct user_ring_buffer *ring;
static unsigned int next_seed = 1;

/* Larger than any struct user_ring_buffer_opts there is. */
struct options {
	size_t sz;
	unsigned char more[56];
};

static void show_new(const char *what, const struct options *options)
{
	struct user_ring_buffer *made;

	printf("options: %s\n", what);
	SHOW_POINTER(made, user_ring_buffer__new(user.map,
						 (const struct user_ring_buffer_opts *)options));
	user_ring_buffer__free(made);
}

static void options(void)
{
	struct options options = { 0, { 0 } };

	show_new("none", NULL);
	options.sz = sizeof(size_t);
	show_new("exactly as long as known", &options);
	options.sz = 0;
	show_new("of no length", &options);
	options.sz = sizeof(size_t) - 1;
	show_new("a byte too short", &options);
	options.sz = sizeof(options);
	show_new("longer, with zeros", &options);
	options.more[55] = 1;
	show_new("longer, the last byte unknown", &options);
	options.sz = sizeof(options) - 1;
	show_new("that byte left out", &options);
	options.more[0] = 1;
	show_new("longer, the first byte unknown", &options);
	options.sz = sizeof(size_t) + 1;
	show_new("one byte longer, unknown", &options);
}

static void *reserve(unsigned int size)
{
	void *sample;

	SHOW_POINTER(sample, user_ring_buffer__reserve(ring, size));
	if (sample) {
		printf("  %s, filled with %u\n", size_name(size), next_seed);
		fill(sample, size, next_seed++);
	}
	return sample;
}

static void submit(void *sample)
{
	errno = UNTOUCHED;
	user_ring_buffer__submit(ring, sample);
	printf("submit, errno %s\n", errno_name(errno));
}

static void throw_away(void *sample)
{
	errno = UNTOUCHED;
	user_ring_buffer__discard(ring, sample);
	printf("discard, errno %s\n", errno_name(errno));
}

static void sizes(void)
{
	static const unsigned int fitting[] = { 0, 1, 7, 8, 9, 1000 };
	const unsigned int refused[] = { LARGEST + 1, PAGE, 0x3ffffff0, 0x3fffffff,
					 0x40000000, 0x80000001, 0xc0000000, 0xffffffff };
	size_t i;

	puts("sizes that fit");
	for (i = 0; i < sizeof(fitting) / sizeof(*fitting); i++)
		submit(reserve(fitting[i]));
	show_positions();
	show_drain(0);
	show_positions();

	puts("sizes that never fit");
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		printf("size %#x: ", refused[i]);
		reserve(refused[i]);
	}
	show_positions();

	puts("the largest, wherever the ring stands");
	submit(reserve(LARGEST));
	show_drain(0);
	submit(reserve(LARGEST - 7));
	show_drain(0);
}

static void full(void)
{
	void *samples[4];
	int i;

	puts("full: four times a quarter");
	for (i = 0; i < 4; i++)
		samples[i] = reserve(PAGE / 4 - 8);
	reserve(0);
	reserve(1);
	reserve(LARGEST);
	puts("a size that never fits is told apart from a full ring");
	reserve(LARGEST + 1);
	for (i = 0; i < 4; i++)
		submit(samples[i]);
	reserve(0);
	show_drain(0);

	puts("too little left");
	samples[0] = reserve(LARGEST - 8);
	reserve(1);
	submit(reserve(0));
	reserve(0);
	submit(samples[0]);
	show_drain(0);
}

static void discards(void)
{
	puts("discarded among submitted");
	submit(reserve(10));
	throw_away(reserve(20));
	submit(reserve(30));
	show_drain(0);
	puts("only discarded");
	throw_away(reserve(40));
	throw_away(reserve(0));
	show_drain(0);
	show_positions();
	show_drain(0);
}

static void order(void)
{
	void *first, *second, *third;

	puts("the second is BUSY, the third is not");
	first = reserve(11);
	second = reserve(22);
	third = reserve(33);
	submit(third);
	submit(first);
	show_drain(0);
	show_drain(0);
	submit(second);
	show_drain(0);

	puts("the first is BUSY, and is discarded in the end");
	first = reserve(44);
	submit(reserve(55));
	show_drain(0);
	throw_away(first);
	show_drain(0);
	show_positions();
}

static void wake_up_flags(void)
{
	puts("flags of a drain change nothing about the samples");
	submit(reserve(100));
	submit(reserve(200));
	show_drain(BPF_RB_NO_WAKEUP);
	show_drain(BPF_RB_FORCE_WAKEUP);
	submit(reserve(300));
	show_drain(BPF_RB_FORCE_WAKEUP);
	submit(reserve(400));
	show_drain(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP);
}

/* Sizes that do not divide the ring, so that samples and headers come to lie across its end. */
static void wrap_around(void)
{
	int round, i, damaged = 0;

	puts("many times around");
	for (round = 0; round < 200; round++) {
		unsigned int size = 100 + (unsigned int)round * 7 * (PAGE / 4096) % (PAGE / 4 - 124);
		unsigned int seed = (unsigned int)round;

		for (i = 0; i < 3; i++) {
			void *sample = user_ring_buffer__reserve(ring, size);

			if (!sample)
				die("reserve");
			fill(sample, size, seed + i);
			user_ring_buffer__submit(ring, sample);
		}
		if (drain(0) != 3)
			damaged++;
		for (i = 0; i < 3; i++)
			if (user.seen[i].size != size || !is_filled_with(&user.seen[i], seed + i))
				damaged++;
	}
	printf("%d rounds, found damaged: %d\n", round, damaged);
	show_positions();
}

/* A second handle on the map goes on where the first stopped. */
static void another_handle(void)
{
	struct user_ring_buffer *first = ring;

	puts("another handle on the same map");
	submit(reserve(12));
	SHOW_POINTER(ring, user_ring_buffer__new(user.map, NULL));
	submit(reserve(13));
	user_ring_buffer__free(ring);
	ring = first;
	submit(reserve(14));
	show_drain(0);
}

int main(void)
{
	user_ring_open();
	options();
	SHOW_POINTER(ring, user_ring_buffer__new(user.map, NULL));
	sizes();
	full();
	discards();
	order();
	wake_up_flags();
	another_handle();
	wrap_around();
	user_ring_buffer__free(ring);
	errno = UNTOUCHED;
	user_ring_buffer__free(NULL);
	printf("free of NULL, errno %s\n", errno_name(errno));
	return 0;
}
