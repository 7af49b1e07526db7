// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Mutants of reading in overwrite mode: each look and each fence of it.

use super::mutant::*;

const OVERWRITE: &str = "src/ring/overwrite.rs";
const OPENING: &str = "src/ring/overwrite/opening.rs";

/// The look that a header is believed by.
const LOOK: &str = "        Ok(match self.overwritten() {
            Some(to) => Head::Overwritten(to),
            None if header.is_busy() => Head::Pending,
";
/// The look that a copy is believed by.
const LOOK_AFTER: &str = "        // Where nothing orders those two stores, it is the lock that was given back between them.
        self.memory.pass_lock()?;
        Ok(self.overwritten())
";
const FENCE: &str = "            M::fence(Ordering::SeqCst);\n";
const LAPPED: &str = "a_reader_that_is_lapped_gets_whole_records_and_is_woken";
const AT_END: &str = "a_reader_at_the_end_is_woken_though_the_producer_goes_on";
/// Whether a search has walked over the record that is the oldest one when it looks.
const CAME_BY: &str = "            let came_by = starts.contains(&overwritten);\n";
/// Whether a ring was lapped between the loads of its positions.
const LAPPED_MEANWHILE: &str = "if self.memory.overwrite_pos(self.cursor) != from {";
const STEPS: &str = "a_reader_is_lapped_before_each_of_its_steps";

/// Copies that take longer, so that they are lapped more often.
pub const SLOWED: (&str, &str, &str) = (
    OVERWRITE,
    "            word.set(self.memory.word(pos));
",
    "            word.set(self.memory.word(pos));
            for _ in 0..30 {
                core::hint::spin_loop();
            }
",
);

pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "overwriting: no look after the copy",
        file: OVERWRITE,
        replace: &[(LOOK_AFTER, "        Ok(None)\n")],
        caught_by: LAPPED,
    },
    Mutant {
        name: "overwriting: the look after the copy may be older than the copy",
        file: OVERWRITE,
        replace: &[(
            "        M::fence(Ordering::Acquire);
        // Where nothing orders",
            "        // Where nothing orders",
        )],
        caught_by: LAPPED,
    },
    Mutant {
        name: "overwriting: a header is believed without a look",
        file: OVERWRITE,
        replace: &[(
            LOOK,
            "        Ok(match None {
            Some(to) => Head::Overwritten(to),
            None if header.is_busy() => Head::Pending,
",
        )],
        caught_by: STEPS,
    },
    Mutant {
        name: "overwriting: a BUSY head counts, whoever's it is",
        file: OVERWRITE,
        replace: &[(
            LOOK,
            "        Ok(match self.overwritten() {
            _ if header.is_busy() => Head::Pending,
            Some(to) => Head::Overwritten(to),
",
        )],
        caught_by: LAPPED,
    },
    Mutant {
        name: "overwriting: headers loaded without acquire",
        file: OVERWRITE,
        replace: &[(
            "        M::fence(Ordering::Acquire);
        Header::from_word(word)",
            "        Header::from_word(word)",
        )],
        caught_by: LAPPED,
    },
    Mutant {
        name: "overwriting: the fence of settle removed",
        file: OVERWRITE,
        replace: &[(FENCE, "")],
        caught_by: AT_END,
    },
    Mutant {
        name: "overwriting: no second look",
        file: OVERWRITE,
        replace: &[(
            "        match self.look(self.look_at_producer()) {",
            "        match Ok::<_, i32>(Head::Pending) {",
        )],
        caught_by: AT_END,
    },
    Mutant {
        name: "overwriting: a verdict from loads older than the last publication",
        file: OVERWRITE,
        replace: &[(
            "        self.publish_end(receiver);
        if !matches!(ended, Ended::CaughtUp | Ended::More) {
            return Ok(false);
        }
        match self.look(self.look_at_producer()) {",
            "        let head = self.look(self.look_at_producer());
        self.publish_end(receiver);
        match head {",
        )],
        caught_by: AT_END,
    },
    Mutant {
        name: "overwriting: a record in hand counts as overwritten",
        file: OVERWRITE,
        replace: &[(
            "        self.notes.see(start.wrapping_add(header.span()));\n",
            "",
        )],
        caught_by: "calls_in_callbacks_and_callbacks_that_leave_spoil_nothing",
    },
    Mutant {
        name: "overwriting: positions are published after the callback",
        file: OVERWRITE,
        replace: &[(
            "        if start != self.published {
            self.publish_start(receiver);
        }
",
            "",
        )],
        caught_by: STEPS,
    },
    Mutant {
        name: "overwriting: a copy is believed without the lock",
        file: OVERWRITE,
        replace: &[(LOOK_AFTER, "        Ok(self.overwritten())\n")],
        caught_by: "a_reader_that_takes_the_lock_believes_no_copy_that_is_lapped",
    },
    Mutant {
        name: "overwriting: a header is believed without the lock",
        file: OVERWRITE,
        replace: &[(
            "        self.memory.pass_lock()?;
        Ok(match self.overwritten() {",
            "        Ok(match self.overwritten() {",
        )],
        caught_by: "a_reader_that_takes_the_lock_believes_no_busy_header_that_is_a_payload",
    },
    Mutant {
        name: "overwriting: where records begin is believed without the lock",
        file: OPENING,
        replace: &[("            self.memory.pass_lock()?;\n", "")],
        caught_by: "a_reader_that_takes_the_lock_begins_where_another_has_stopped",
    },
    Mutant {
        name: "overwriting: a search is begun anew whatever was overwritten",
        file: OPENING,
        replace: &[(CAME_BY, "            let came_by = false;\n")],
        caught_by: "a_search_is_believed_from_where_records_begin_at_its_look",
    },
    Mutant {
        name: "overwriting: a search is believed whatever was overwritten",
        file: OPENING,
        replace: &[(CAME_BY, "            let came_by = true;\n")],
        caught_by: "a_search_that_has_walked_over_payloads_is_begun_anew",
    },
    Mutant {
        name: "overwriting: a ring that is lapped between the loads of its positions counts as corrupt",
        file: OPENING,
        replace: &[(LAPPED_MEANWHILE, "if false {")],
        caught_by: "a_ring_that_is_lapped_between_the_loads_of_its_positions_is_read",
    },
    Mutant {
        name: "overwriting: positions that no kernel has left count as those of a lapped ring",
        file: OPENING,
        replace: &[(LAPPED_MEANWHILE, "if true {")],
        caught_by: "positions_that_no_kernel_has_left_are_corrupt_where_they_are_found",
    },
];
