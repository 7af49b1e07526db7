// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What only C can do for the log: a hook that takes a va_list, and weak references to functions that
 * the process may not have.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

typedef int (*print_fn)(int level, const char *format, va_list args);
typedef print_fn (*set_print_fn)(print_fn);

/* In the default scope of the process, or linked into it statically. */
extern print_fn libbpf_set_print(print_fn) __attribute__((weak));

/* Weak, so that a static executable does not pull in the dynamic loader for the sake of a log. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));
extern __typeof__(dlclose) dlclose __attribute__((weak));
extern __typeof__(dladdr) dladdr __attribute__((weak));

#define WARN 0

static int to_stderr(int level, const char *format, va_list args)
{
	(void)level;
	return vfprintf(stderr, format, args);
}

/*
 * The hook of libbpf, which can only be read by swapping it. If somebody else has set it between our
 * two swaps, theirs is put back.
 */
static print_fn hook_of(set_print_fn set_print)
{
	print_fn hook = set_print(NULL);
	print_fn theirs = set_print(hook);

	if (theirs) {
		set_print(theirs);
		hook = theirs;
	}
	return hook;
}

/*
 * Finds libbpf's hook. `*library` is to be closed after the hook has been called. Without libbpf the
 * warning goes to stderr, whatever LIBBPF_LOG_LEVEL says: all of its levels include warnings.
 */
static print_fn find_hook(void **library)
{
	set_print_fn set_print = libbpf_set_print;

	*library = NULL;
	if (!set_print && dlopen && dlsym && dlclose) {
		*library = dlopen("libbpf.so.1", RTLD_LAZY | RTLD_NOLOAD);
		if (*library)
			*(void **)&set_print = dlsym(*library, "libbpf_set_print");
	}
	return set_print ? hook_of(set_print) : to_stderr;
}

/* A warning, where libbpf's own go; errno stays as it is. */
void rbshim_log_warn(const char *format, ...)
{
	int saved = errno;
	void *library;
	print_fn hook = find_hook(&library);
	va_list args;

	if (hook) {
		va_start(args, format);
		hook(WARN, format, args);
		va_end(args);
	}
	if (library)
		dlclose(library);
	errno = saved;
}

/* Writes a line to stderr, or nothing: it may be a pipe that is full, or that nobody reads. */
static void write_line(const char *line, size_t length)
{
	struct pollfd out = { STDERR_FILENO, POLLOUT, 0 };
	struct timespec at_once = { 0, 0 };
	sigset_t pipe, before, pending;

	if (poll(&out, 1, 0) != 1 || out.revents != POLLOUT)
		return;
	/* The last reader may go now. The program did not write, so it gets no signal for it. */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	if (pthread_sigmask(SIG_BLOCK, &pipe, &before))
		return;
	if (write(STDERR_FILENO, line, length) < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * What the user has asked us to say, on stderr; errno stays as it is. Never waits, and raises no signal. A line is
 * shorter than what a pipe takes at a time.
 */
void rbshim_log_say(const char *format, ...)
{
	int saved = errno;
	char line[1024];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > 0)
		write_line(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
	errno = saved;
}

/* The file this code was loaded from; valid while it is loaded. */
const char *rbshim_log_library(void)
{
	Dl_info info;

	if (dladdr && dladdr((void *)rbshim_log_library, &info) && info.dli_fname)
		return info.dli_fname;
	return "(static)";
}
