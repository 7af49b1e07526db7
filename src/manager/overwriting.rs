// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Rings in overwrite mode among those of a manager.
//!
//! Such a ring is never held, so that nothing is gained by lingering for it. A call may return though it has more to
//! read, as a poll may whose time is limited: the manager knows what to do then ([`leaving`](super::leaving)).

use super::ManagerHandle;
use crate::attach::RING;
use crate::mapped_ring::EmptyRing;
use crate::sys::bpf::MapInfo;
use crate::sys::errno::Errno;
use core::ffi::c_int;

impl ManagerHandle {
    /// Prepares `ring` and the manager for a ring in overwrite mode, if `info` says that the one behind `map_fd` is.
    ///
    /// Errors: `ENOMEM`; `mmap(2)`'s; those of [`Kind::lock`](crate::attach::Kind::lock) and of
    /// [`Edge::new`](crate::sys::edge::Edge::new).
    pub(super) fn expect_overwriting(
        self,
        map_fd: c_int,
        info: &MapInfo,
        ring: &mut EmptyRing,
    ) -> Result<(), Errno> {
        if !info.overwrites() {
            return Ok(());
        }
        let lock = RING.lock(map_fd, info)?;
        ring.overwrite(info.max_entries as usize, Some(self), lock)?;
        self.make_edge()?;
        self.stop_lingering();
        Ok(())
    }
}
