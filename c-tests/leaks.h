/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What a process holds: descriptors, mappings of maps, blocks of the heap. */
#ifndef LEAKS_H
#define LEAKS_H

#include "harness.h"
#include <dirent.h>
#include <malloc.h>

HARNESS_UNUSED static int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (!directory)
		die("/proc/self/fd");
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

HARNESS_UNUSED static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	int count = 0;

	if (!maps)
		die("/proc/self/maps");
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "bpf-map") != NULL;
	fclose(maps);
	return count;
}

HARNESS_UNUSED static size_t address_space(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	size_t pages;

	if (!statm || fscanf(statm, "%zu", &pages) != 1)
		die("/proc/self/statm");
	fclose(statm);
	return pages * sysconf(_SC_PAGESIZE);
}

/* Returns the old limit. */
HARNESS_UNUSED static struct rlimit limit(int resource, rlim_t value)
{
	struct rlimit old, low;

	getrlimit((__rlimit_resource_t)resource, &old);
	low = old;
	low.rlim_cur = value;
	if (setrlimit((__rlimit_resource_t)resource, &low))
		die("setrlimit");
	return old;
}

struct holdings {
	int descriptors;
	int mappings;
	size_t bytes;
};

HARNESS_UNUSED static struct holdings holdings(void)
{
	struct holdings now = { count_descriptors(), count_mappings(), mallinfo2().uordblks };

	return now;
}

#endif
