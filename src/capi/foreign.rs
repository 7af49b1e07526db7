// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The functions that libbpf calls itself, on its own handles.

/// For a handle that is none of type `$handle`: returns what libbpf's function says, or `$without` where there
/// is no libbpf.
macro_rules! pass_on {
    ($handle:ty, $name:literal, $ours:expr, ($first:expr $(, $argument:expr)*), $without:expr) => {
        if $crate::foreign::is_foreign($first.cast::<$handle>()) {
            let ours = $ours;
            let address = ours as *const core::ffi::c_void;
            // SAFETY: libbpf's function of this name has the type of ours.
            let theirs = unsafe { $crate::foreign::function($name, address, ours) };
            return match theirs {
                // SAFETY: libbpf's handle, and the caller's arguments.
                Some(theirs) => unsafe { theirs($first $(, $argument)*) },
                None => $without,
            };
        }
    };
}

pub(super) use pass_on;
