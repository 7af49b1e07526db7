// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A control group whose processes are frozen.

use std::fs;
use std::path::PathBuf;

/// The versions of the freezer, with the folder in which its groups are.
#[derive(Debug)]
pub enum Freezer {
    First(PathBuf),
    Second(PathBuf),
}

impl Freezer {
    /// Those that this machine has mounted.
    pub fn here() -> Vec<Freezer> {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let found: Vec<Freezer> = mounts
            .lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let folder = PathBuf::from(words[1]);
                match words[2] {
                    "cgroup2" => Some(Freezer::Second(folder)),
                    "cgroup" if words[3].split(',').any(|option| option == "freezer") => {
                        Some(Freezer::First(folder))
                    }
                    _ => None,
                }
            })
            .collect();
        assert!(!found.is_empty(), "no control groups: {mounts}");
        found
    }

    /// Freezes a process, until what this returns is dropped.
    pub fn freeze(&self, pid: i32) -> Frozen {
        let (folder, file, on, off, done) = match self {
            Freezer::First(folder) => (folder, "freezer.state", "FROZEN", "THAWED", "FROZEN"),
            Freezer::Second(folder) => (folder, "cgroup.freeze", "1", "0", "frozen 1"),
        };
        let group = folder.join(format!("rbshim-tool-{pid}"));
        fs::create_dir(&group).expect("a control group");
        let frozen = Frozen {
            parent: folder.clone(),
            switch: group.join(file),
            group,
            off,
            pid,
        };
        fs::write(frozen.group.join("cgroup.procs"), pid.to_string()).expect("it is moved there");
        fs::write(&frozen.switch, on).expect("it is frozen");
        let state = match self {
            Freezer::First(_) => frozen.switch.clone(),
            Freezer::Second(_) => frozen.group.join("cgroup.events"),
        };
        while !fs::read_to_string(&state)
            .expect("its state")
            .contains(done)
        {
            std::thread::yield_now();
        }
        frozen
    }
}

pub struct Frozen {
    parent: PathBuf,
    group: PathBuf,
    switch: PathBuf,
    off: &'static str,
    pid: i32,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = fs::write(&self.switch, self.off);
        let _ = fs::write(self.parent.join("cgroup.procs"), self.pid.to_string());
        let _ = fs::remove_dir(&self.group);
    }
}
