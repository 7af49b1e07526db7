// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A program with a file system view of its own: nobody else sees the mounts, and they go away with it.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

/// Makes the command see each first folder also at the place of the second, and `root`, if it is given, as `/`.
pub fn with_view(command: &mut Command, mounts: &[(PathBuf, PathBuf)], root: Option<&Path>) {
    let mounts: Vec<_> = mounts
        .iter()
        .map(|(what, place)| (c_string(what), c_string(place)))
        .collect();
    let root = root.map(c_string);
    let enter = move || {
        // SAFETY: it takes no pointer.
        checked(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
        mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
        for (what, place) in &mounts {
            mount(what, place, libc::MS_BIND | libc::MS_REC)?;
        }
        if let Some(root) = &root {
            // SAFETY: the string ends with NUL.
            checked(unsafe { libc::chroot(root.as_ptr()) })?;
            // SAFETY: the same.
            checked(unsafe { libc::chdir(c"/".as_ptr()) })?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls and allocates nothing.
    unsafe { command.pre_exec(enter) };
}

fn mount(what: &CStr, place: &CStr, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: both strings end with NUL; no file system type and no data are given.
    checked(unsafe {
        libc::mount(
            what.as_ptr(),
            place.as_ptr(),
            ptr::null(),
            flags,
            ptr::null(),
        )
    })
}

fn checked(result: libc::c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("a path without NUL")
}
