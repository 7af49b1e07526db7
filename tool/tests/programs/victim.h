/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef VICTIM_H
#define VICTIM_H

#include <linux/types.h>

#define MOST 1024

/* The context of `produce`: in, and `dropped` out. `pad`: an empty, discarded record comes last. */
struct burst {
	__u64 first;
	__u64 flags;
	__u32 count;
	__u32 dropped;
	__u64 pad;
};

#endif
