// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Rings in overwrite mode among those of a manager.
//!
//! Such a ring is never held, so that nothing is gained by lingering for it. A call may return though it has more to
//! read, as a poll may whose time is limited: the manager knows what to do then ([`leaving`](super::leaving)).

use super::ManagerHandle;
use crate::mapped_ring::EmptyRing;
use crate::sys::bpf::MapInfo;
use crate::sys::errno::Errno;

impl ManagerHandle {
    /// Prepares `ring` and the manager for a ring in overwrite mode, if `info` says that it is one.
    ///
    /// Errors: `ENOMEM`; `mmap(2)`'s; those of [`Edge::new`](crate::sys::edge::Edge::new).
    pub(super) fn expect_overwriting(
        self,
        info: &MapInfo,
        ring: &mut EmptyRing,
    ) -> Result<(), Errno> {
        if !info.overwrites() {
            return Ok(());
        }
        ring.overwrite(info.max_entries as usize, Some(self))?;
        self.make_edge()?;
        self.stop_lingering();
        Ok(())
    }
}
