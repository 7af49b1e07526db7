// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The ring itself: records, positions and the order in which they are read and written.
//!
//! Nothing in here makes a system call or knows C. The code is generic over where the words of the
//! ring live ([`memory`]), so what runs on the kernel's pages can be run on any other memory too.
//!
//! - [`consumer`]: reading a ring without losing a wake-up. The heart.
//! - [`overwrite`]: reading a ring whose kernel overwrites what nobody has read.
//! - [`rounds`]: reading several rings by turns.
//! - [`receiver`], [`wait`], [`journal`]: what it is given: where records go, whether to wait for more,
//!   and what is remembered from call to call.
//! - [`fill`]: how full a ring has been.
//! - [`linger`], [`coalesce`]: when to spin because that costs less than being woken, and when to sleep.
//! - [`producer`]: filling a user ring.
//! - [`memory`], [`record`]: the words of a ring.

pub mod coalesce;
pub mod consumer;
pub mod fill;
pub mod journal;
pub mod linger;
pub mod memory;
#[cfg(test)]
mod model;
pub mod overwrite;
pub mod producer;
pub mod receiver;
pub mod record;
pub mod rounds;
pub mod wait;
