/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Included before a libbpf program, makes it one that opens libbpf when it runs, like systemd: every
 * function comes from dlsym() on the handle.
 */
#ifndef OPENED_H
#define OPENED_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS_OF_1_1(_)                                                          \
	_(bpf_map__set_max_entries)                                                  \
	_(bpf_map_create)                                                            \
	_(bpf_map_freeze)                                                            \
	_(bpf_map_get_fd_by_id_opts)                                                 \
	_(bpf_map_lookup_elem)                                                       \
	_(bpf_map_update_elem)                                                       \
	_(bpf_obj_get_info_by_fd)                                                    \
	_(bpf_object__close)                                                         \
	_(bpf_object__find_map_by_name)                                              \
	_(bpf_object__find_map_fd_by_name)                                           \
	_(bpf_object__find_program_by_name)                                          \
	_(bpf_object__load)                                                          \
	_(bpf_object__open)                                                          \
	_(bpf_object__open_file)                                                     \
	_(bpf_prog_test_run_opts)                                                    \
	_(bpf_program__fd)                                                           \
	_(libbpf_minor_version)                                                      \
	_(libbpf_set_print)                                                          \
	_(ring_buffer__add)                                                          \
	_(ring_buffer__consume)                                                      \
	_(ring_buffer__epoll_fd)                                                     \
	_(ring_buffer__free)                                                         \
	_(ring_buffer__new)                                                          \
	_(ring_buffer__poll)                                                         \
	_(user_ring_buffer__discard)                                                 \
	_(user_ring_buffer__free)                                                    \
	_(user_ring_buffer__new)                                                     \
	_(user_ring_buffer__reserve)                                                 \
	_(user_ring_buffer__reserve_blocking)                                        \
	_(user_ring_buffer__submit)
#define FUNCTIONS_OF_1_3(_)                                                          \
	_(ring_buffer__ring)                                                         \
	_(ring__avail_data_size)                                                     \
	_(ring__consume)                                                             \
	_(ring__consumer_pos)                                                        \
	_(ring__map_fd)                                                              \
	_(ring__producer_pos)                                                        \
	_(ring__size)
#define FUNCTIONS_OF_1_5(_)                                                          \
	_(ring_buffer__consume_n)                                                    \
	_(ring__consume_n)

#define FUNCTIONS(_) FUNCTIONS_OF_1_1(_)
#if LIBBPF_MINOR_VERSION >= 3
#undef FUNCTIONS
#define FUNCTIONS(_) FUNCTIONS_OF_1_1(_) FUNCTIONS_OF_1_3(_)
#endif
/* A program with a declaration of its own for these cannot have them renamed. */
#if LIBBPF_MINOR_VERSION >= 5 && !defined(WITHOUT_CONSUME_N)
#undef FUNCTIONS
#define FUNCTIONS(_) FUNCTIONS_OF_1_1(_) FUNCTIONS_OF_1_3(_) FUNCTIONS_OF_1_5(_)
#endif

#define POINTER(name) __typeof__(name) *name;
static struct {
	FUNCTIONS(POINTER)
} libbpf;

static void *function_of(void *library, const char *name)
{
	void *function = dlsym(library, name);

	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	return function;
}

/* LIBBPF is what dlopen() gets. */
__attribute__((constructor)) static void open_libbpf(void)
{
	const char *name = getenv("LIBBPF");
	void *library = dlopen(name ? name : "libbpf.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
#define LOOK_UP(name) libbpf.name = (__typeof__(libbpf.name))function_of(library, #name);
	FUNCTIONS(LOOK_UP)
}

#define bpf_map__set_max_entries libbpf.bpf_map__set_max_entries
#define bpf_map_create libbpf.bpf_map_create
#define bpf_map_freeze libbpf.bpf_map_freeze
#define bpf_map_get_fd_by_id_opts libbpf.bpf_map_get_fd_by_id_opts
#define bpf_map_lookup_elem libbpf.bpf_map_lookup_elem
#define bpf_map_update_elem libbpf.bpf_map_update_elem
#define bpf_obj_get_info_by_fd libbpf.bpf_obj_get_info_by_fd
#define bpf_object__close libbpf.bpf_object__close
#define bpf_object__find_map_by_name libbpf.bpf_object__find_map_by_name
#define bpf_object__find_map_fd_by_name libbpf.bpf_object__find_map_fd_by_name
#define bpf_object__find_program_by_name libbpf.bpf_object__find_program_by_name
#define bpf_object__load libbpf.bpf_object__load
#define bpf_object__open libbpf.bpf_object__open
#define bpf_object__open_file libbpf.bpf_object__open_file
#define bpf_prog_test_run_opts libbpf.bpf_prog_test_run_opts
#define bpf_program__fd libbpf.bpf_program__fd
#define libbpf_minor_version libbpf.libbpf_minor_version
#define libbpf_set_print libbpf.libbpf_set_print
#define ring_buffer__add libbpf.ring_buffer__add
#define ring_buffer__consume libbpf.ring_buffer__consume
#define ring_buffer__epoll_fd libbpf.ring_buffer__epoll_fd
#define ring_buffer__free libbpf.ring_buffer__free
#define ring_buffer__new libbpf.ring_buffer__new
#define ring_buffer__poll libbpf.ring_buffer__poll
#define user_ring_buffer__discard libbpf.user_ring_buffer__discard
#define user_ring_buffer__free libbpf.user_ring_buffer__free
#define user_ring_buffer__new libbpf.user_ring_buffer__new
#define user_ring_buffer__reserve libbpf.user_ring_buffer__reserve
#define user_ring_buffer__reserve_blocking libbpf.user_ring_buffer__reserve_blocking
#define user_ring_buffer__submit libbpf.user_ring_buffer__submit
#define ring_buffer__ring libbpf.ring_buffer__ring
#define ring__avail_data_size libbpf.ring__avail_data_size
#define ring__consume libbpf.ring__consume
#define ring__consumer_pos libbpf.ring__consumer_pos
#define ring__map_fd libbpf.ring__map_fd
#define ring__producer_pos libbpf.ring__producer_pos
#define ring__size libbpf.ring__size
#ifndef WITHOUT_CONSUME_N
#define ring_buffer__consume_n libbpf.ring_buffer__consume_n
#define ring__consume_n libbpf.ring__consume_n
#endif

#endif
