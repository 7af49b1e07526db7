// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// An exception passes from the callback through the library to the caller.
#include <bpf/libbpf.h>
#include <stdexcept>
#include "produce.h"

static int on_record(void *, void *, size_t)
{
	throw std::runtime_error("thrown by the callback");
}

int main()
{
	ring_buffer *rb = ring_buffer__new(ring_with_a_record(), on_record, nullptr, nullptr);

	try {
		ring_buffer__poll(rb, 10000);
		puts("poll returned");
	} catch (const std::runtime_error &error) {
		printf("caught \"%s\"\n", error.what());
	}
	ring_buffer__free(rb);
}
