// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf's ring buffer API, by name, and what rbshim has beside it.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub const FUNCTIONS: [&str; 21] = [
    "ring__avail_data_size",
    "ring__consume",
    "ring__consume_n",
    "ring__consumer_pos",
    "ring__map_fd",
    "ring__producer_pos",
    "ring__size",
    "ring_buffer__add",
    "ring_buffer__consume",
    "ring_buffer__consume_n",
    "ring_buffer__epoll_fd",
    "ring_buffer__free",
    "ring_buffer__new",
    "ring_buffer__poll",
    "ring_buffer__ring",
    "user_ring_buffer__discard",
    "user_ring_buffer__free",
    "user_ring_buffer__new",
    "user_ring_buffer__reserve",
    "user_ring_buffer__reserve_blocking",
    "user_ring_buffer__submit",
];

/// What libbpf does not have.
pub const EXTENSIONS: [&str; 4] = [
    "rbshim_ring__statistics",
    "rbshim_ring_buffer__set_busy_poll",
    "rbshim_ring_buffer__set_coalesce_us",
    "rbshim_ring_buffer__set_poll_max_ms",
];
