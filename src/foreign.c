// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* libbpf's own functions, in a process that has ours under the same names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

/* Weak, so that a static executable does not pull in the dynamic loader. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));
extern __typeof__(dlclose) dlclose __attribute__((weak));
extern __typeof__(dlinfo) dlinfo __attribute__((weak));

/* `name` in the scope of the library `file`, if that is loaded. */
static void *find_in(const char *file, const char *name)
{
	void *library = dlopen(file, RTLD_LAZY | RTLD_NOLOAD), *function;

	if (!library)
		return NULL;
	function = dlsym(library, name);
	dlclose(library);
	return function;
}

/* In any library of the process: a libbpf that a program has opened may have any name. */
static void *find_anywhere(const char *name, void *ours)
{
	void *program = dlinfo ? dlopen(NULL, RTLD_LAZY) : NULL, *function = NULL;
	struct link_map *loaded = NULL;

	if (!program)
		return NULL;
	if (dlinfo(program, RTLD_DI_LINKMAP, &loaded))
		loaded = NULL;
	for (; loaded && !function; loaded = loaded->l_next) {
		if (!loaded->l_name || !*loaded->l_name)
			continue;
		function = find_in(loaded->l_name, name);
		if (function == ours)
			function = NULL;
	}
	dlclose(program);
	return function;
}

/*
 * libbpf's function `name`, where `ours` is rbshim's; NULL without libbpf. It comes after us in our own
 * scope, or else it is in that of whoever has opened it with dlopen().
 */
void *rbshim_foreign_function(const char *name, void *ours)
{
	void *function;

	if (!dlopen || !dlsym || !dlclose)
		return NULL;
	function = dlsym(RTLD_NEXT, name);
	if (!function || function == ours)
		function = find_in("libbpf.so.1", name);
	if (!function || function == ours)
		function = find_anywhere(name, ours);
	return function;
}
