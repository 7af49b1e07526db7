// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Puts instructions together: jumps go to labels, and the rest has names.

use super::{Instruction, op};

/// A register: `R0` has results, `R1` to `R5` are arguments and lost in a call, `R6` to `R9` survive it.
#[derive(Clone, Copy, Debug)]
pub struct Register(pub u8);

/// A place that may be jumped to.
#[derive(Clone, Copy, Debug)]
pub struct Label(usize);

/// The result of a call.
pub const R0: Register = Register(0);
/// The first argument.
pub const R1: Register = Register(1);
/// The second one.
pub const R2: Register = Register(2);
/// The third one.
pub const R3: Register = Register(3);
/// The fourth one.
pub const R4: Register = Register(4);
/// Survives calls.
pub const R6: Register = Register(6);
/// Survives calls.
pub const R7: Register = Register(7);
/// Survives calls.
pub const R8: Register = Register(8);
/// Survives calls.
pub const R9: Register = Register(9);
/// The end of the stack, of which there are 512 bytes.
pub const STACK: Register = Register(10);

/// How many bytes are read.
#[derive(Clone, Copy, Debug)]
pub enum Width {
    /// Four.
    Word = 0x61,
    /// Eight.
    Double = 0x79,
}

/// What is compared, as unsigned numbers of 64 bits.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// They are the same.
    Equal = 0x15,
    /// They are not.
    Other = 0x55,
    /// The register has at least this.
    AtLeast = 0x35,
    /// They have a bit in common.
    Any = 0x45,
}

/// An operation on a register, with a number or another register.
#[derive(Clone, Copy, Debug)]
pub enum Do {
    /// Adds.
    Add = 0x07,
    /// Subtracts.
    Subtract = 0x17,
    /// The bits of either.
    Or = 0x47,
    /// The bits of both.
    And = 0x57,
    /// Shifts to the left.
    Shift = 0x67,
    /// Copies.
    Set = 0xb7,
}

/// In an operation's or a jump's code: with a register.
const WITH_REGISTER: u8 = 0x08;

/// A program in the making.
#[derive(Debug, Default)]
pub struct Code {
    instructions: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<usize>,
}

impl Code {
    /// A label, to be placed later.
    pub fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = self.instructions.len();
    }

    fn push(&mut self, instruction: Instruction) {
        self.instructions.push(instruction);
    }

    /// With a number of 32 bits, which is extended with its sign.
    pub fn number(&mut self, what: Do, to: Register, number: i32) {
        self.push(op(what as u8, to.0, 0, 0, number));
    }

    /// With a register.
    pub fn register(&mut self, what: Do, to: Register, from: Register) {
        self.push(op(what as u8 | WITH_REGISTER, to.0, from.0, 0, 0));
    }

    fn wide(&mut self, to: Register, kind: u8, low: u32, high: u32) {
        self.push(op(0x18, to.0, kind, 0, low as i32));
        self.push(op(0, 0, 0, 0, high as i32));
    }

    /// A number of 64 bits.
    pub fn long(&mut self, to: Register, number: u64) {
        self.wide(to, 0, number as u32, (number >> 32) as u32);
    }

    /// A map, by its descriptor.
    pub fn map(&mut self, to: Register, fd: i32) {
        self.wide(to, 1, fd as u32, 0);
    }

    /// The address of a byte in the only value of an array.
    pub fn value(&mut self, to: Register, fd: i32, offset: u32) {
        self.wide(to, 2, fd as u32, offset);
    }

    /// The address of a place on the stack.
    pub fn stack(&mut self, to: Register, offset: i16) {
        self.register(Do::Set, to, STACK);
        self.number(Do::Add, to, i32::from(offset));
    }

    /// Reads from memory.
    pub fn read(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.push(op(width as u8, to.0, from.0, offset, 0));
    }

    /// Writes eight bytes.
    pub fn write(&mut self, to: Register, offset: i16, from: Register) {
        self.push(op(0x7b, to.0, from.0, offset, 0));
    }

    /// Adds to eight bytes in memory, and fetches what they were: fully ordered, as an atomic of the kernel's that
    /// returns a value.
    pub fn fetch_add(&mut self, to: Register, offset: i16, from: Register) {
        const ADD_AND_FETCH: i32 = 1;
        self.push(op(0xdb, to.0, from.0, offset, ADD_AND_FETCH));
    }

    /// A function of the kernel, by its number.
    pub fn call(&mut self, helper: i32) {
        self.push(op(0x85, 0, 0, 0, helper));
    }

    /// Jumps if the register and the number are so.
    pub fn jump_if(&mut self, register: Register, when: When, number: i32, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.push(op(when as u8, register.0, 0, 0, number));
    }

    /// Jumps if the two registers are so.
    pub fn jump_if_registers(&mut self, one: Register, when: When, other: Register, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.push(op(when as u8 | WITH_REGISTER, one.0, other.0, 0, 0));
    }

    /// Jumps.
    pub fn jump(&mut self, label: Label) {
        self.jumps.push((self.instructions.len(), label));
        self.push(op(0x05, 0, 0, 0, 0));
    }

    /// Ends with 0.
    pub fn exit(&mut self) {
        self.number(Do::Set, R0, 0);
        self.push(op(0x95, 0, 0, 0, 0));
    }

    /// The program; `None` if a jump goes too far, or to a label that has no place.
    pub fn finish(mut self) -> Option<Vec<Instruction>> {
        for (from, label) in self.jumps {
            let to = i64::try_from(self.labels[label.0]).ok()?;
            let offset = to - from as i64 - 1;
            self.instructions[from].offset = i16::try_from(offset).ok()?;
        }
        Some(self.instructions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_lands_on_its_label() {
        let mut code = Code::default();
        let (back, end) = (code.label(), code.label());
        code.place(back);
        code.long(R1, 1 << 40);
        code.jump_if(R1, When::Equal, 0, end);
        code.jump(back);
        code.place(end);
        code.exit();
        let offsets: Vec<i16> = code
            .finish()
            .expect("a program")
            .iter()
            .map(|one| one.offset)
            .collect();
        assert_eq!(offsets, [0, 0, 1, -4, 0, 0]);
    }

    #[test]
    fn a_jump_that_has_no_place_to_go_is_an_error() {
        let mut code = Code::default();
        let nowhere = code.label();
        code.jump(nowhere);
        assert!(code.finish().is_none());
        let mut far = Code::default();
        let end = far.label();
        far.jump(end);
        for _ in 0..40_000 {
            far.number(Do::Set, R0, 0);
        }
        far.place(end);
        assert!(far.finish().is_none());
    }
}
