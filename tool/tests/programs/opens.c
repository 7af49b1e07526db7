// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens libbpf at run time, as systemd does. */
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
	void *libbpf = dlopen("libbpf.so.1", RTLD_NOW);
	void *function = libbpf ? dlsym(libbpf, "ring_buffer__new") : NULL;

	puts(function ? "found" : "not found");
	getchar();
	return !function;
}
