// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Mutants of reading in overwrite mode: each look and each fence of it.

use super::mutant::*;

const OVERWRITE: &str = "src/ring/overwrite.rs";

/// The look that a header is believed by.
const LOOK: &str = "        if let Some(to) = self.overwritten() {
            return Head::Overwritten(to);
        }
        if header.is_busy() {
            return Head::Pending;
        }
";
const FENCE: &str = "            M::fence(Ordering::SeqCst);\n";
const LAPPED: &str = "a_reader_that_is_lapped_gets_whole_records_and_is_woken";
const AT_END: &str = "a_reader_at_the_end_is_woken_though_the_producer_goes_on";
const STEPS: &str = "a_reader_is_lapped_before_each_of_its_steps";

/// Copies that take longer, so that they are lapped more often.
pub const SLOWED: (&str, &str) = (
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
        replace: &[(
            "        M::fence(Ordering::Acquire);
        self.overwritten()
",
            "        None
",
        )],
        caught_by: LAPPED,
    },
    Mutant {
        name: "overwriting: the look after the copy may be older than the copy",
        file: OVERWRITE,
        replace: &[(
            "        M::fence(Ordering::Acquire);
        self.overwritten()
",
            "        self.overwritten()
",
        )],
        caught_by: LAPPED,
    },
    Mutant {
        name: "overwriting: no look before the copy",
        file: OVERWRITE,
        replace: &[(
            LOOK,
            "        if header.is_busy() {
            return Head::Pending;
        }
",
        )],
        caught_by: STEPS,
    },
    Mutant {
        name: "overwriting: a BUSY head counts, whoever's it is",
        file: OVERWRITE,
        replace: &[(
            LOOK,
            "        if header.is_busy() {
            return Head::Pending;
        }
        if let Some(to) = self.overwritten() {
            return Head::Overwritten(to);
        }
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
            "        match Head::Pending {",
        )],
        caught_by: AT_END,
    },
    Mutant {
        name: "overwriting: a verdict from loads older than the last publication",
        file: OVERWRITE,
        replace: &[(
            "        self.publish_end(receiver);
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
];
