// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A control group with a limit of its CPU time: cgroups(7).

use crate::Failure;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The time after which a quota begins anew, us.
const PERIOD: u32 = 100_000;

/// How long the last process of a group may take to be gone.
const GONE_WITHIN: u32 = 1000;

#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    processes: File,
}

/// How often a group has had to wait for its next period, and how long in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttled {
    pub times: u64,
    pub milliseconds: f64,
}

impl Group {
    /// With `percent` of one CPU, by version 1 or 2, whichever limits CPU time here.
    pub fn with_quota(percent: u32) -> Result<Self, Failure> {
        let quota = PERIOD / 100 * percent;
        let one = Path::new("/sys/fs/cgroup/cpu");
        // The greatest weight of each: a nice value counts within a group only.
        let (root, file, value, weight) = if one.join("cgroup.procs").exists() {
            let weight = ("cpu.shares", "262144");
            (one, "cpu.cfs_quota_us", quota.to_string(), weight)
        } else {
            let two = Path::new("/sys/fs/cgroup");
            fs::write(two.join("cgroup.subtree_control"), "+cpu")?;
            let weight = ("cpu.weight", "10000");
            (two, "cpu.max", format!("{quota} {PERIOD}"), weight)
        };
        let path = root.join(format!("rbshim-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        fs::write(path.join(file), value)?;
        fs::write(path.join(weight.0), weight.1)?;
        let processes = File::options()
            .write(true)
            .open(path.join("cgroup.procs"))?;
        Ok(Group { path, processes })
    }

    /// What a process writes a 0 to that is to be in it.
    pub fn membership(&self) -> RawFd {
        self.processes.as_raw_fd()
    }

    pub fn throttled(&self) -> Result<Throttled, Failure> {
        let text = fs::read_to_string(self.path.join("cpu.stat"))?;
        let number = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let number = lines.find(|(there, _)| *there == name)?.1;
            number.trim().parse::<u64>().ok()
        };
        let one = number("throttled_time").map(|ns| ns as f64 / 1e6);
        let two = || number("throttled_usec").map(|us| us as f64 / 1e3);
        Ok(Throttled {
            times: number("nr_throttled").ok_or("no count of waits")?,
            milliseconds: one.or_else(two).ok_or("no time of waits")?,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..GONE_WITHIN {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(Duration::from_millis(1));
                }
                _ => return,
            }
        }
    }
}
