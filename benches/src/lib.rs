// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the driver and the readers written in Rust have in common.

pub mod reading;
pub mod shared;
