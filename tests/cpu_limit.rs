// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Under a limit of its CPU time a reader does not linger, unless it is asked to by name.

mod common;

use common::{Libbpf, Way, count, counted, require_bpf, run};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(120);

/// Lingers where nothing keeps it from that.
const PROGRAM: &str = "hot_poll";

/// A control group with a group in it. The outer one has the limit.
struct Groups {
    outer: PathBuf,
    inner: PathBuf,
}

impl Groups {
    /// Of version 1 or 2, whichever limits CPU time here. `quota` is in us, of 100 ms.
    fn with_quota(quota: u32) -> Self {
        let (root, file, value) = if Path::new("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").exists()
            || Path::new("/sys/fs/cgroup/cpu/cgroup.procs").exists()
        {
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", format!("{quota}"))
        } else {
            let control = "/sys/fs/cgroup/cgroup.subtree_control";
            fs::write(control, "+cpu").expect("a controller of CPU time");
            ("/sys/fs/cgroup", "cpu.max", format!("{quota} 100000"))
        };
        let outer = Path::new(root).join(format!("rbshim-test-{}-{quota}", std::process::id()));
        let groups = Groups {
            inner: outer.join("reader"),
            outer,
        };
        fs::create_dir_all(&groups.inner).expect("groups");
        fs::write(groups.outer.join(file), value).expect("a quota");
        groups
    }

    /// The windows of the program in the inner group.
    fn lingers(&self, option: Option<(&str, &str)>) -> u64 {
        let mut command = common::command(PROGRAM, Libbpf::Vendored, Way::Preloaded);
        count(&mut command);
        command.envs(option);
        let processes = self.inner.join("cgroup.procs");
        // SAFETY: between fork and exec; the process has one thread, and no lock of malloc's is held.
        unsafe { command.pre_exec(move || fs::write(&processes, "0")) };
        let output = run(command, WATCH_DOG);
        assert!(output.status.success(), "{output:?}");
        counted(&output, "lingers")
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // A group is empty soon after its last process has ended.
        for group in [&self.inner, &self.outer] {
            while fs::remove_dir(group)
                .is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[test]
fn a_limit_of_the_group_or_of_one_above_it_is_seen() {
    if !require_bpf() {
        return;
    }
    // More than a reader needs, but less than all CPUs. The other is more than all that a machine has.
    let [limited, free] = [90_000, 100_000_000].map(Groups::with_quota);
    let windows = free.lingers(None);
    // Few, that have shown whether records come meanwhile: then the limit is looked for.
    let few = windows / 100;
    let without = limited.lingers(None);
    assert!(without <= few, "{without} of {windows}");
    let asked = limited.lingers(Some(("RBSHIM_LINGER_US", "5")));
    assert!(asked > few, "{asked} of {windows}");
}
