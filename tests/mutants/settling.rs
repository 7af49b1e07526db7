// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Mutants of drain, publish and settle.

use super::mutant::*;

const KERNEL: &str = "src/ring/model/kernel.rs";
const FENCE: (&str, &str) = ("        M::fence(Ordering::SeqCst);\n", "");
const RELEASE_STORE: (&str, &str) = (
    "set_consumer_pos(self.cursor, Ordering::SeqCst)",
    "set_consumer_pos(self.cursor, Ordering::Release)",
);
const SETTLE: &str = "        if self.has_moved() {
            self.publish_end(true, receiver);";
const LOOK: &str = "match self.look() {";
const LEAVE_UNFENCED: (&str, &str) = (
    "                consumer.stop(true, receiver);",
    "                let end = consumer.cursor;
                consumer.memory.set_consumer_pos(end, Ordering::Release);
                consumer.fenced = Fenced(end);
                consumer.leave();",
);
const FAIL_UNFENCED: (&str, &str) = (
    "Drained::Limit | Drained::Failed(_) => self.stop(self.has_moved(), receiver),",
    "Drained::Limit => self.stop(self.has_moved(), receiver),
            Drained::Failed(_) => {
                self.memory.set_consumer_pos(self.cursor, Ordering::Release);
                self.fenced = Fenced(self.cursor);
                self.leave();
            }",
);
const RECEIVE: &str = "        let received = receiver.record(record);";
const PUBLISH_ENDS: &str = "        self.step(end);
        self.memory.set_consumer_pos(self.cursor, super::Ordering::Release);
        self.published = self.cursor;
        self.fenced = super::Fenced(self.cursor);
        self.journal.set_published(self.cursor);
        if let";
const WOKEN: &str = "a_reader_is_woken_for_every_record";
const REUSE: &str = "sleeping::space_is_used_again_only_after_its_record_was_delivered";

pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the fence of settle removed",
        file: CONSUMER,
        replace: &[FENCE],
        caught_by: WOKEN,
    },
    Mutant {
        name: "the fence of settle removed and its store Release",
        file: CONSUMER,
        replace: &[FENCE, RELEASE_STORE],
        caught_by: WOKEN,
    },
    Mutant {
        name: "no second look",
        file: CONSUMER,
        replace: &[(LOOK, "match Head::Pending {")],
        caught_by: WOKEN,
    },
    Mutant {
        name: "a verdict from loads older than the last publication",
        file: CONSUMER,
        replace: &[
            (
                SETTLE,
                "        let head = self.look();
        if self.has_moved() {
            self.publish_end(true, receiver);",
            ),
            (LOOK, "match head {"),
        ],
        caught_by: WOKEN,
    },
    Mutant {
        name: "settle looks at producer_pos only",
        file: CONSUMER,
        replace: &[
            (
                SETTLE,
                "        let seen = self.look_ahead();
        if self.has_moved() {
            self.publish_end(true, receiver);",
            ),
            (
                LOOK,
                "let more = self.look_ahead() != seen;
        match if more { Head::Ready } else { Head::Pending } {",
            ),
        ],
        caught_by: "a_reader_is_woken_for_a_record_that_was_busy_while_it_settled",
    },
    Mutant {
        name: "a BUSY head delivered",
        file: "src/ring/record.rs",
        replace: &[("self.0 < DISCARD", "self.0 & DISCARD == 0")],
        caught_by: WOKEN,
    },
    Mutant {
        name: "headers loaded without acquire",
        file: CONSUMER,
        replace: &[(
            "        M::fence(Ordering::Acquire);
        Header::from_word(word)",
            "        Header::from_word(word)",
        )],
        caught_by: WOKEN,
    },
    Mutant {
        name: "starts published Relaxed",
        file: CONSUMER,
        replace: &[(
            "set_consumer_pos(self.cursor, Ordering::Release)",
            "set_consumer_pos(self.cursor, Ordering::Relaxed)",
        )],
        caught_by: REUSE,
    },
    Mutant {
        name: "a record's end published before its callback has returned",
        file: WALK,
        replace: &[(
            RECEIVE,
            "        self.memory.set_consumer_pos(end, super::Ordering::Release);
        let received = receiver.record(record);",
        )],
        caught_by: REUSE,
    },
    Mutant {
        name: "ends, not starts, published on the way and no fence owed for them",
        file: WALK,
        replace: &[(STEP, PUBLISH_ENDS)],
        caught_by: WOKEN,
    },
    Mutant {
        name: "a bounded return without the fence",
        file: STRAIGHT,
        replace: &[LEAVE_UNFENCED],
        caught_by: "a_reader_of_one_record_a_call_is_woken",
    },
    Mutant {
        name: "a bounded return claims a fence that the next call owes",
        file: CONSUMER,
        replace: &[FENCE_CLAIMED],
        caught_by: "a_call_that_owes_a_fence_makes_it_good_though_it_finds_nothing",
    },
    Mutant {
        name: "a failed return without the fence",
        file: CONSUMER,
        replace: &[FAIL_UNFENCED],
        caught_by: "a_reader_whose_callback_fails_is_woken",
    },
    Mutant {
        name: "a call that does not wait believes a position that somebody else published",
        file: CONSUMER,
        replace: &[(
            "    journal.fenced() == Fenced(cursor)
        && memory",
            "    memory",
        )],
        caught_by: "a_reader_that_moves_its_position_itself_is_woken",
    },
    Mutant {
        name: "a position that somebody else published is believed",
        file: CONSUMER,
        replace: &[("if journal.fenced() == Fenced(cursor) {", "if true {")],
        caught_by: "a_reader_that_moves_its_position_itself_is_woken",
    },
    Mutant {
        name: "the kernel's barrier removed",
        file: KERNEL,
        replace: &[(
            "        fence(SeqCst);\n        let consumer",
            "        let consumer",
        )],
        caught_by: WOKEN,
    },
];

/// Correct: the fence is the proof. The SeqCst store is the promise that on x86-64 each of the two
/// alone would do.
pub const SURVIVOR: Mutant = Mutant {
    name: "a Release store with the fence kept",
    file: CONSUMER,
    replace: &[RELEASE_STORE],
    caught_by: "",
};
