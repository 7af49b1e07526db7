// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Mutants of reading several rings: turns, what is held between them, and how the call ends.

use super::mutant::*;

const TWO_WOKEN: &str = "a_lingering_reader_of_two_rings_is_woken_for_every_record";
const AFTER_ERROR: &str = "
                    .inspect_err(|_| rings.fail())?;";
const TURN_UNFENCED: (&str, &str) = (
    "            consumer.stop_as(stopped, receiver);
",
    "            memory.set_consumer_pos(consumer.cursor, Ordering::Release);
            consumer.fenced = Fenced(consumer.cursor);
            consumer.leave();
",
);

pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the call ends with rings held",
        file: ROUNDS,
        replace: &[(
            "            settles = round.hold && !waits && !self.more;\n",
            "            settles = round.hold && !waits && !self.more;
            if settles {
                return Ok(self.delivered);
            }
",
        )],
        caught_by: "a_reader_that_holds_two_rings_and_does_not_wait_is_woken",
    },
    Mutant {
        name: "only the turns of a round are asked whether all have settled",
        file: ROUNDS,
        replace: &[
            (
                "        self.more = false;\n",
                "        self.more = false;\n        self.rounds &= !(1 << 31);\n",
            ),
            (
                "self.walked += turn.walked;",
                "self.walked += turn.walked;
        self.rounds |= u32::from(!turn.settled) << 31;",
            ),
            (
                "(0..rings.count()).all(|number| rings.is_settled(number))",
                "self.rounds >> 31 == 0",
            ),
        ],
        caught_by: "a_reader_is_woken_though_a_call_in_a_callback_was_left_with_a_ring_held",
    },
    Mutant {
        name: "a turn forgets what is held",
        file: HOLD,
        replace: &[(
            "        if journal.holds_nothing() {
            return Consumer::enter",
            "        journal.forget();
        if true {
            return Consumer::enter",
        )],
        caught_by: TWO_WOKEN,
    },
    Mutant {
        name: "a turn goes on from its note though somebody else has moved the position",
        file: HOLD,
        replace: &[(
            "            || memory.consumer_pos_near(held.published, Ordering::Acquire) != held.published\n",
            "",
        )],
        caught_by: "a_reader_believes_another_one_that_has_consumed_the_ring_that_was_held",
    },
    Mutant {
        name: "the ends of held rings published without the fence",
        file: HOLD,
        replace: &[(
            "    consumer.publish_end(consumer.has_moved(), receiver);
    consumer.leave",
            "    memory.set_consumer_pos(consumer.cursor, Ordering::Release);
    consumer.published = consumer.cursor;
    consumer.fenced = Fenced(consumer.cursor);
    consumer.leave",
        )],
        caught_by: "a_reader_of_two_records_a_call_is_woken",
    },
    Mutant {
        name: "an error in one ring leaves the others held",
        file: ROUNDS,
        replace: &[(AFTER_ERROR, "?;")],
        caught_by: "a_reader_that_sleeps_after_a_failure_is_woken_for_the_ring_that_was_held",
    },
    Mutant {
        name: "a limit reached in one ring leaves the others held",
        file: ROUNDS,
        replace: &[(
            "                    rings.release();
                    return",
            "                    return",
        )],
        caught_by: "a_reader_of_two_records_a_call_is_woken",
    },
    Mutant {
        name: "a bounded turn without the fence",
        file: CONSUMER,
        replace: &[TURN_UNFENCED],
        caught_by: "a_reader_of_one_record_a_call_of_two_rings_is_woken",
    },
    Mutant {
        name: "a failed turn without the fence",
        file: CONSUMER,
        replace: &[TURN_UNFENCED],
        caught_by: "a_reader_of_two_rings_is_woken_though_a_callback_fails",
    },
    Mutant {
        name: "a ring that was settled in its callback counts as settled after it",
        file: CONSUMER,
        replace: &[(
            "    journal.fenced() == Fenced(memory.consumer_pos(Ordering::Relaxed)) &&",
            "    let _ = memory;\n   ",
        )],
        caught_by: "a_ring_whose_position_somebody_else_has_moved_is_not_as_left",
    },
];
