/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Makes the warnings of old and new libbpfs comparable. */
#ifndef WARNINGS_H
#define WARNINGS_H

#include "harness.h"

/*
 * libbpf before 1.6 ends some warnings with the number of an error, later ones with its name. Replaces the
 * number by the name, for which `text` has room, and in a format the last %d by %s.
 */
HARNESS_UNUSED static void name_error(char *text)
{
	char *reason = strrchr(text, ' ');
	int error;

	if (libbpf_minor_version() >= 6 || !reason)
		return;
	error = atoi(reason + 1);
	if (error < 0)
		sprintf(reason, " -%s\n", errno_name(-error));
	else if (strcmp(reason, " %d\n") == 0)
		strcpy(reason, " %s\n");
}

#endif
