// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a mutant is.

/// A change to the source, and who must notice.
pub struct Mutant {
    pub name: &'static str,
    pub file: &'static str,
    /// What is replaced by what; each occurs exactly once in the file.
    pub replace: &'static [(&'static str, &'static str)],
    /// The property that must fail: of the model, or of the protocol step by step.
    pub caught_by: &'static str,
}

pub const CONSUMER: &str = "src/ring/consumer.rs";
pub const WALK: &str = "src/ring/consumer/walk.rs";
pub const HOLD: &str = "src/ring/consumer/hold.rs";
pub const STRAIGHT: &str = "src/ring/consumer/straight.rs";
pub const PASSED: &str = "src/ring/consumer/passed.rs";
pub const JOURNAL: &str = "src/ring/journal.rs";
pub const ROUNDS: &str = "src/ring/rounds.rs";
pub const STEP: &str = "        self.step(end);
        if let";
/// A ring passes for settled though a call was left there.
pub const NOTE_IGNORED: (&str, &str) = (
    "        && memory.producer_pos(cursor) == cursor
        && journal.holds_nothing()",
    "        && memory.producer_pos(cursor) == cursor",
);
pub const FENCE_CLAIMED: (&str, &str) = (
    "moved ours back there.
        self.journal.set_fenced(Fenced::NOWHERE);",
    "moved ours back there.
        self.journal.set_fenced(Fenced(self.cursor));",
);
