/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The reader, and a call into another Rust library. */
#define main reader
#include "reader.c"
#undef main

unsigned long long other_sum(unsigned int count);

int main(void)
{
	int result = reader();

	printf("sum %llu\n", other_sum(10));
	return result;
}
