// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The ring itself: records, positions and the order in which they are read and written.
//!
//! Nothing in here makes a system call or knows C. The code is generic over where the words of the
//! ring live ([`memory`]), so what runs on the kernel's pages can be run on any other memory too.

pub mod consumer;
pub mod journal;
pub mod linger;
pub mod memory;
#[cfg(test)]
mod model;
pub mod producer;
pub mod record;
