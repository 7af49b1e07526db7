// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Warnings: who gets them, with which text, and that asking for the hook leaves it as it was. */
#include "warnings.h"

static struct ring_buffer *nothing;
static int not_a_ring;
static bool nest;

static void warn(const char *when)
{
	printf("%s\n", when);
	SHOW_POINTER(nothing, ring_buffer__new(not_a_ring, NULL, NULL, NULL));
}

static int show(const char *hook, enum libbpf_print_level level, const char *format,
		va_list arguments)
{
	char text[512], named_format[512];
	int length = vsnprintf(text, sizeof(text), format, arguments);

	snprintf(named_format, sizeof(named_format), "%s", format);
	name_error(named_format);
	name_error(text);
	/* Both end with a new line of their own. */
	printf("  %s: level %d\n    format %s    text %s", hook, level, named_format, text);
	return length;
}

static int first(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return show("first", level, format, arguments);
}

static int second(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return show("second", level, format, arguments);
}

static int changes_errno(enum libbpf_print_level level, const char *format, va_list arguments)
{
	show("changes errno", level, format, arguments);
	errno = EXDEV;
	return -1;
}

/* Warns again, from inside. */
static int nesting(enum libbpf_print_level level, const char *format, va_list arguments)
{
	show("nesting", level, format, arguments);
	if (nest) {
		nest = false;
		SHOW_POINTER(nothing, ring_buffer__new(-1, NULL, NULL, NULL));
	}
	return 0;
}

/* Sets another hook, from inside. */
static int replacing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	show("replacing", level, format, arguments);
	printf("  the hook was %s\n", libbpf_set_print(second) == replacing ? "this one" : "ANOTHER");
	return 0;
}

static void show_set(const char *name, libbpf_print_fn_t hook, libbpf_print_fn_t expected)
{
	libbpf_print_fn_t old = libbpf_set_print(hook);

	printf("hook set: %s; before it: %s\n", name, old == expected ? "as expected" : "ANOTHER");
}

/* Every kind of warning that bad descriptors and options can cause. */
static void wording(int ring, int user_ring)
{
	struct { size_t sz, unknown; } options = { 16, 1 };
	struct ring_buffer_opts *ring_options = (struct ring_buffer_opts *)&options;
	struct user_ring_buffer_opts *user_options = (struct user_ring_buffer_opts *)&options;
	struct user_ring_buffer *user;
	struct ring_buffer *manager;

	puts("wording");
	SHOW_POINTER(manager, ring_buffer__new(-1, NULL, NULL, NULL));
	SHOW_POINTER(manager, ring_buffer__new(user_ring, NULL, NULL, NULL));
	SHOW_POINTER(user, user_ring_buffer__new(-1, NULL));
	SHOW_POINTER(user, user_ring_buffer__new(ring, NULL));
	SHOW_POINTER(manager, ring_buffer__new(ring, NULL, NULL, ring_options));
	SHOW_POINTER(user, user_ring_buffer__new(user_ring, user_options));
	options.sz = 7;
	SHOW_POINTER(manager, ring_buffer__new(ring, NULL, NULL, ring_options));
	SHOW_POINTER(user, user_ring_buffer__new(user_ring, user_options));
	SHOW_POINTER(manager, ring_buffer__new(ring, NULL, NULL, NULL));
	SHOW(ring_buffer__add(manager, ring, NULL, NULL));
	SHOW(ring_buffer__add(manager, user_ring, NULL, NULL));
	SHOW(ring_buffer__add(manager, -1, NULL, NULL));
	ring_buffer__free(manager);
}

/* What libbpf's own hook prints goes to stderr, which is a file meanwhile. */
static void own_hook(void)
{
	char text[1024];
	int kept = dup(STDERR_FILENO), file = memfd_create("stderr", 0);
	ssize_t length;

	if (kept < 0 || file < 0 || dup2(file, STDERR_FILENO) < 0)
		die("redirecting stderr");
	warn("libbpf's own hook");
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	length = pread(file, text, sizeof(text) - 1, 0);
	if (length < 0)
		die("pread");
	text[length] = 0;
	printf("  stderr: %s", length ? text : "nothing\n");
	close(kept);
	close(file);
}

static const char *level;

static void own_hook_with_level(void)
{
	setenv("LIBBPF_LOG_LEVEL", level, 1);
	printf("LIBBPF_LOG_LEVEL=%s\n", level);
	own_hook();
}

int main(void)
{
	static const char *const levels[] = { "warn", "info", "debug", "WARN" };
	int ring, user_ring;
	libbpf_print_fn_t own;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	not_a_ring = bpf_map_create(BPF_MAP_TYPE_ARRAY, "c_tests", 4, 4, 1, NULL);
	ring = create_map(BPF_MAP_TYPE_RINGBUF, PAGE);
	user_ring = create_map(BPF_MAP_TYPE_USER_RINGBUF, PAGE);

	/* In children: libbpf reads the level once. */
	for (i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		level = levels[i];
		in_child("child", own_hook_with_level);
	}
	own_hook();

	own = libbpf_set_print(first);
	printf("libbpf's own hook is %s\n", own ? "a function" : "NULL");
	warn("the first hook");
	wording(ring, user_ring);
	show_set("second", second, first);
	warn("the second hook");
	show_set("none", NULL, second);
	warn("no hook");
	show_set("changes_errno", changes_errno, NULL);
	warn("a hook that changes errno");
	show_set("nesting", nesting, changes_errno);
	nest = true;
	warn("a hook that warns");
	show_set("replacing", replacing, nesting);
	warn("a hook that sets another");
	show_set("libbpf's own", own, second);
	own_hook();
	show_set("first", first, own);
	return 0;
}
