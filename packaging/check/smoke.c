/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What can be seen of rbshim where BPF cannot be had: a map that is none. The error is bpf(2)'s: EBADFD, or
 * EPERM or ENOSYS on a builder that does not let programs call it.
 */
#include <errno.h>
#include <rbshim.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct ring_buffer *rb;
	int error;

	errno = 0;
	rb = ring_buffer__new(-1, NULL, NULL, NULL);
	error = errno;
	if (rb || !error) {
		fprintf(stderr, "ring_buffer__new(-1) = %p: %s\n", (void *)rb, strerror(error));
		return 1;
	}
	/* Only rbshim has these. */
	if (rbshim_ring_buffer__set_coalesce_us(NULL, 100) != -EINVAL) {
		fprintf(stderr, "rbshim_ring_buffer__set_coalesce_us(NULL) is no error\n");
		return 1;
	}
	if (rbshim_ring_buffer__set_poll_max_ms(NULL, 100) != -EINVAL) {
		fprintf(stderr, "rbshim_ring_buffer__set_poll_max_ms(NULL) is no error\n");
		return 1;
	}
	if (rbshim_ring_buffer__set_busy_poll(NULL, 1) != -EINVAL) {
		fprintf(stderr, "rbshim_ring_buffer__set_busy_poll(NULL) is no error\n");
		return 1;
	}
	if (rbshim_ring__statistics(NULL, NULL) != -EINVAL) {
		fprintf(stderr, "rbshim_ring__statistics(NULL) is no error\n");
		return 1;
	}
	ring_buffer__free(NULL);
	printf("ring_buffer__new(-1): NULL, %s\n", strerror(error));
	return 0;
}
