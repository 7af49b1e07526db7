// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Mutants of lingering: windows, hot rings, and the note of what is held back.

use super::mutant::*;

const LOOKS_ONCE: (&str, &str) = (
    "if !is_written_over(memory, cursor, look_at_producer(memory, cursor)) {",
    "if true {",
);

const HELD_BACK: &str = "        self.published = self.last;
        self.journal.set_published(self.last);";
const REPAIR: &str = "    while held.is_behind(pos, memory.size()) && !moved {";
const SETTLE: &str = " = consumer.settle(receiver);";
const LINGERING_WOKEN: &str = "a_lingering_reader_is_woken_for_every_record";
const HOT_WOKEN: &str = "a_reader_of_a_hot_ring_is_woken_for_every_record";
const COMES_AGAIN: &str =
    "a_record_whose_hot_callback_was_left_comes_again_where_nothing_else_moves";
const WINDOW_LEFT: &str = "a_reader_is_woken_after_a_window_that_was_left";

pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a record held back counts as published",
        file: HOLD,
        replace: &[(
            "published: held.published,
            fenced: Fenced::NOWHERE,",
            "published: held.reached,
            fenced: Fenced(held.reached),",
        )],
        caught_by: LINGERING_WOKEN,
    },
    Mutant {
        name: "the end, not a start, published before a window and no fence owed for it",
        file: HOLD,
        replace: &[(
            HELD_BACK,
            "        self.memory.set_consumer_pos(self.cursor, Ordering::Release);
        self.journal.set_fenced(super::Fenced(self.cursor));
        self.journal.forget();",
        )],
        caught_by: LINGERING_WOKEN,
    },
    Mutant {
        name: "the look after a window is the verdict",
        file: CONSUMER,
        replace: &[(
            SETTLE,
            " = if !journal.holds_nothing() && !HOT && stopped == Drained::CaughtUp {
                memory.set_consumer_pos(consumer.cursor, Ordering::Release);
                consumer.published = consumer.cursor;
                consumer.fenced = Fenced(consumer.cursor);
                true
            } else {
                consumer.settle(receiver)
            };",
        )],
        caught_by: LINGERING_WOKEN,
    },
    Mutant {
        name: "a window that found nothing ends the call with its record held back",
        file: CONSUMER,
        replace: &[(
            SETTLE,
            " = !journal.holds_nothing() && !HOT && stopped == Drained::CaughtUp
                || consumer.settle(receiver);",
        )],
        caught_by: LINGERING_WOKEN,
    },
    Mutant {
        name: "ends, not starts, published in a hot ring and no fence owed for them",
        file: WALK,
        replace: &[(
            "        let stopped = self.hand_over(committed, receiver);\n",
            "        let stopped = self.hand_over(committed, receiver);
        if HOT && stopped.is_none() {
            self.memory.set_consumer_pos(self.cursor, super::Ordering::Release);
            self.published = self.cursor;
            self.fenced = super::Fenced(self.cursor);
            self.journal.set_published(self.cursor);
        }
",
        )],
        caught_by: HOT_WOKEN,
    },
    Mutant {
        name: "starts held back published Relaxed",
        file: HOLD,
        replace: &[(
            "set_consumer_pos(self.last, Ordering::Release)",
            "set_consumer_pos(self.last, Ordering::Relaxed)",
        )],
        caught_by: "space_of_a_hot_ring_is_used_again_only_after_its_record_was_delivered",
    },
    Mutant {
        name: "what is held is not noted before a callback",
        file: WALK,
        replace: &[("        self.journal.set_reached(self.cursor);\n", "")],
        caught_by: COMES_AGAIN,
    },
    Mutant {
        name: "what is held is not noted before a window",
        file: HOLD,
        replace: &[(
            HELD_BACK,
            "        self.published = self.last;
        self.journal.forget();",
        )],
        caught_by: WINDOW_LEFT,
    },
    Mutant {
        name: "what is held is not made good",
        file: HOLD,
        replace: &[(REPAIR, "    while false {")],
        caught_by: COMES_AGAIN,
    },
    Mutant {
        name: "what is held is made good over another reader's position",
        file: HOLD,
        replace: &[(
            REPAIR,
            "    if held.is_forward(memory.size()) {
        memory.set_consumer_pos(held.reached, Ordering::Release);
        moved = true;
    }
    while held.is_behind(pos, memory.size()) && !moved {",
        )],
        caught_by: "a_reader_that_was_left_believes_another_one_that_went_on",
    },
    Mutant {
        name: "what a fork has made good counts as another reader's position",
        file: JOURNAL,
        replace: &[(
            "pos.wrapping_sub(self.published) < forward",
            "pos == self.published && forward > 0",
        )],
        caught_by: "what_a_fork_has_made_good_is_not_taken_for_somebody_elses",
    },
    Mutant {
        name: "a position made good owes no fence",
        file: HOLD,
        replace: &[("    journal.set_fenced(Fenced::NOWHERE);\n", "")],
        caught_by: "a_note_that_a_call_has_left_is_seen_to",
    },
    Mutant {
        name: "a position made good is published Relaxed",
        file: HOLD,
        replace: &[(
            "pos, held.reached, Ordering::AcqRel",
            "pos, held.reached, Ordering::Relaxed",
        )],
        caught_by: "space_is_used_again_only_after_its_record_was_delivered_though_its_window_was_left",
    },
    Mutant {
        name: "a note that was half written is believed",
        file: HOLD,
        replace: &[(REPAIR, "    while pos == held.published && !moved {")],
        caught_by: "a_note_that_was_half_written_moves_nothing",
    },
    Mutant {
        name: "a note that was half written is believed by a turn",
        file: HOLD,
        replace: &[(
            "if !held.is_forward(memory.size())
            || memory",
            "if memory",
        )],
        caught_by: "a_note_that_was_half_written_moves_nothing",
    },
    Mutant {
        name: "a call in a hot callback is not noticed",
        file: PASSED,
        replace: &[("self.journal.published() != self.published", "false")],
        caught_by: "a_record_comes_again_after_a_call_in_a_hot_callback_too",
    },
    Mutant {
        name: "a call in a callback is not noticed in a ring that is not hot",
        file: PASSED,
        replace: &[("self.journal.published() != self.published", "false")],
        caught_by: "a_call_whose_records_are_written_over_goes_on_where_its_callback_was",
    },
    Mutant {
        name: "a call goes back to what is written over",
        file: PASSED,
        replace: &[
            (
                "        if is_written_over(memory",
                "        if false && is_written_over(memory",
            ),
            LOOKS_ONCE,
        ],
        caught_by: "a_call_whose_records_are_written_over_goes_on_where_its_callback_was",
    },
    Mutant {
        name: "a call goes on where others were though its records are there",
        file: PASSED,
        replace: &[(
            "        if is_written_over(memory",
            "        if true || is_written_over(memory",
        )],
        caught_by: "records_and_positions_are_libbpfs",
    },
    Mutant {
        name: "a call that goes back does not look once more",
        file: PASSED,
        replace: &[LOOKS_ONCE],
        caught_by: "a_call_that_goes_back_looks_once_more_when_the_kernel_can_see_it",
    },
    Mutant {
        name: "the note of a call that was left is no matter where the ring is settled",
        file: CONSUMER,
        replace: &[NOTE_IGNORED],
        caught_by: "a_note_that_a_call_has_left_is_seen_to",
    },
    Mutant {
        name: "where others were is not noted",
        file: PASSED,
        replace: &[("    journal.set_passed(pos);\n", "")],
        caught_by: "a_reservation_that_was_under_way_when_a_call_went_back_does_not_stop_the_ring",
    },
    Mutant {
        name: "a note left behind by a call in a callback",
        file: CONSUMER,
        replace: &[(
            "        self.journal.set_fenced(self.fenced);
        self.journal.forget();",
            "        self.journal.set_fenced(self.fenced);",
        )],
        caught_by: "a_ring_whose_position_somebody_else_has_moved_is_not_as_left",
    },
];
