/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* An ordinary libbpf program: it knows nothing of rbshim. */
#include <bpf/libbpf.h>
#include <string.h>
#include "produce.h"

static int on_record(void *context, void *data, size_t size)
{
	unsigned long long value = 0;

	(void)context;
	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	printf("record %llu\n", value);
	return 0;
}

int main(void)
{
	struct ring_buffer *rb = ring_buffer__new(ring_with_a_record(), on_record, NULL, NULL);

	if (!rb) {
		perror("ring_buffer__new");
		return 1;
	}
	printf("poll = %d\n", ring_buffer__poll(rb, 10000));
	ring_buffer__free(rb);
	return 0;
}
