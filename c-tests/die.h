/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* How programs end that judge by themselves what they see. */
#ifndef DIE_H
#define DIE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Exit status. The last one: this kernel or machine cannot do what the program needs. */
enum { PASSED, WRONG, SETUP, HUNG, CANNOT_RUN = 77 };

/* Ends the program as it is: its threads may be anywhere, and it may be a child that shares the ring. */
__attribute__((noreturn, format(printf, 2, 3))) static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	fflush(stdout);
	_exit(status);
}

#endif
