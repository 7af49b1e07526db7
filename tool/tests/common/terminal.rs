// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A terminal with a shell in it.

use super::succeed;
use std::process::Command;

/// The tool, for a shell.
pub const TOOL: &str = env!("CARGO_BIN_EXE_rbshim");

/// A server of tmux of our own, which ends with the test.
pub struct Terminal(String);

impl Terminal {
    pub fn start(width: &str, height: &str) -> Terminal {
        let terminal = Terminal(format!("rbshim-{}", std::process::id()));
        terminal.command(&[
            "new-session",
            "-d",
            "-s",
            "top",
            "-x",
            width,
            "-y",
            height,
            "sh",
        ]);
        terminal
    }

    pub fn command(&self, arguments: &[&str]) -> String {
        let output = succeed(self.tmux().args(arguments));
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn press(&self, keys: &str) {
        self.command(&["send-keys", "-t", "top", keys]);
    }

    pub fn enter(&self, line: &str) {
        self.command(&["send-keys", "-t", "top", line, "Enter"]);
    }

    pub fn resize(&self, width: &str, height: &str) {
        self.command(&["resize-window", "-t", "top", "-x", width, "-y", height]);
    }

    /// What it shows, once it is what is wanted.
    pub fn until(&self, wanted: &dyn Fn(&str) -> bool) -> String {
        loop {
            let screen = self.command(&["capture-pane", "-p", "-t", "top"]);
            if wanted(&screen) {
                return screen;
            }
        }
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.0, "-f", "/dev/null"]);
        tmux
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").status();
    }
}
