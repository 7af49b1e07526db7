// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* libbpf's own functions, in a process that has ours under the same names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

/* Weak, so that a static executable does not pull in the dynamic loader. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));
extern __typeof__(dlclose) dlclose __attribute__((weak));

/*
 * libbpf's function `name`, where `ours` is rbshim's; NULL without libbpf. It comes after us in our own
 * scope, or else it is in that of whoever has opened it with dlopen().
 */
void *rbshim_foreign_function(const char *name, void *ours)
{
	void *function = NULL, *library;

	if (!dlopen || !dlsym || !dlclose)
		return NULL;
	function = dlsym(RTLD_NEXT, name);
	if (!function) {
		library = dlopen("libbpf.so.1", RTLD_LAZY | RTLD_NOLOAD);
		if (library) {
			function = dlsym(library, name);
			dlclose(library);
		}
	}
	return function == ours ? NULL : function;
}
