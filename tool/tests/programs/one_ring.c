// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens a ring with libbpf, and ends. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

static int on_record(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

int main(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "one_ring", 0, 0, 4096, NULL);
	struct ring_buffer *rb = fd < 0 ? NULL : ring_buffer__new(fd, on_record, NULL, NULL);

	if (!rb) {
		perror("one_ring");
		return 1;
	}
	puts("opened");
	ring_buffer__free(rb);
	return 7;
}
