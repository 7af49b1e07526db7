/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A callback that returns any value for any record, as the program chooses. */
#ifndef FAILING_READER_H
#define FAILING_READER_H

#include "harness.h"

struct reader {
	const char *name;
	/* The record for which `value` is returned; 0 is returned for the others. */
	__u32 at;
	int value;
};

HARNESS_UNUSED static int read_or_fail(void *ctx, void *data, size_t size)
{
	const struct reader *reader = (const struct reader *)ctx;
	struct record header;

	print_record((void *)reader->name, data, size);
	memcpy(&header, data, sizeof(header));
	if (header.sequence != reader->at || reader->value == 0)
		return 0;
	printf("  %s: returns %d\n", reader->name, reader->value);
	return reader->value;
}

static struct reader readers[3] = { { "first", 0, 0 }, { "second", 0, 0 }, { "third", 0, 0 } };

/* A manager of three rings, 4 KiB each. */
HARNESS_UNUSED static struct ring_buffer *three_rings(void)
{
	struct ring_buffer *rb = NULL;
	__u32 i;

	for (i = 0; i < 3; i++) {
		int map = make_ring(i, PAGE);

		if (i == 0)
			rb = ring_buffer__new(map, read_or_fail, &readers[i], NULL);
		else if (ring_buffer__add(rb, map, read_or_fail, &readers[i]))
			die("ring_buffer__add");
		if (!rb)
			die("ring_buffer__new");
	}
	return rb;
}

HARNESS_UNUSED static void fail(unsigned int reader, __u32 at, int value)
{
	readers[reader].at = at;
	readers[reader].value = value;
}

HARNESS_UNUSED static void nobody_fails(void)
{
	fail(0, 0, 0);
	fail(1, 0, 0);
	fail(2, 0, 0);
}

#endif
