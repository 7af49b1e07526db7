/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Opens a library, as a program would, and looks up each `SYMBOL VERSION` of its input there. Says in
 * which file and where in it dlsym() finds it, and whether dlvsym() finds the same.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *name; int flag; } flags[] = {
	{ "lazy", RTLD_LAZY },
	{ "now", RTLD_NOW },
	{ "global", RTLD_GLOBAL },
	{ "deepbind", RTLD_DEEPBIND },
	{ "nodelete", RTLD_NODELETE },
	/* Must be there already. */
	{ "noload", RTLD_NOLOAD },
};

static int flag_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (!strcmp(flags[i].name, name))
			return flags[i].flag;
	fprintf(stderr, "no such flag: %s\n", name);
	return 0;
}

int main(int argc, char **argv)
{
	char symbol[256], version[256];
	void *library;
	int i, mode = 0;

	for (i = 2; i < argc; i++)
		mode |= flag_named(argv[i]);
	library = argc > 2 ? dlopen(argv[1], mode) : NULL;
	if (!library) {
		fprintf(stderr, "%s\n", argc > 2 ? dlerror() : "LIBRARY FLAG...");
		return 2;
	}
	while (scanf("%255s %255s", symbol, version) == 2) {
		void *address = dlsym(library, symbol);
		Dl_info info;

		if (!address || !dladdr(address, &info))
			printf("%s is not there\n", symbol);
		else
			printf("%s %s %#tx %s\n", symbol, info.dli_fname, (char *)address - (char *)info.dli_fbase,
			       dlvsym(library, symbol, version) == address ? "same" : "OTHER");
	}
	return 0;
}
