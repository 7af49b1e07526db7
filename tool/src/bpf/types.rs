// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernel's own types, as it describes them in BTF: ids of functions, and where the fields of its structures lie.
//!
//! Three structures and one function are wanted, once. A crate for BTF reads hundreds of thousands of types into memory
//! for that.

/// Where the running kernel has them.
pub const KERNEL: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const STRUCT: u32 = 4;
const FUNCTION: u32 = 12;
/// The part that all types have: name, kind with count, size or another type.
const HEAD: usize = 12;
const MEMBER: usize = 12;

/// A description that is in memory.
#[derive(Clone, Copy, Debug)]
pub struct Types<'data> {
    types: &'data [u8],
    strings: &'data [u8],
}

/// One type of it.
#[derive(Clone, Copy, Debug)]
struct Type<'data> {
    id: u32,
    kind: u32,
    name: u32,
    /// Member offsets have the widths of bit fields in their upper byte.
    bit_fields: bool,
    members: &'data [u8],
}

impl<'data> Types<'data> {
    /// `None` if it is not one for this machine, or malformed.
    pub fn parse(data: &'data [u8]) -> Option<Types<'data>> {
        let magic = u16::from_ne_bytes(data.get(..2)?.try_into().ok()?);
        let header = usize::try_from(word(data, 4)?).ok()?;
        let part = |at: usize| {
            let (from, length) = (word(data, at)? as usize, word(data, at + 4)? as usize);
            data.get(header..)?.get(from..)?.get(..length)
        };
        (magic == MAGIC).then_some(Types {
            types: part(8)?,
            strings: part(16)?,
        })
    }

    /// The id of a function.
    pub fn function(&self, name: &str) -> Option<u32> {
        Some(self.find(FUNCTION, name)?.id)
    }

    /// Where the fields of a structure begin, in bytes, in the order of their names.
    pub fn fields<const N: usize>(&self, of: &str, names: [&str; N]) -> Option<[u32; N]> {
        let found = self.find(STRUCT, of)?;
        let mut offsets = [0; N];
        for (offset, name) in offsets.iter_mut().zip(names) {
            let mut members = found.members.chunks_exact(MEMBER);
            let member = members.find(|member| word(member, 0).is_some_and(|at| self.is(at, name)));
            let bits = word(member?, 8)?;
            let bits = if found.bit_fields {
                bits & 0x00ff_ffff
            } else {
                bits
            };
            *offset = bits / 8;
        }
        Some(offsets)
    }

    fn find(&self, kind: u32, name: &str) -> Option<Type<'data>> {
        let mut rest = self.types;
        // Id 0 is `void`, which is not listed.
        let mut id = 1;
        loop {
            let (found, after) = Type::parse(id, rest)?;
            if found.kind == kind && self.is(found.name, name) {
                return Some(found);
            }
            rest = after;
            id += 1;
        }
    }

    /// Whether the text there is this name.
    fn is(&self, at: u32, name: &str) -> bool {
        let text = self.strings.get(at as usize..).unwrap_or_default();
        let rest = text.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

impl<'data> Type<'data> {
    /// The first type of these, and what follows it.
    fn parse(id: u32, data: &'data [u8]) -> Option<(Type<'data>, &'data [u8])> {
        let (head, after) = data.split_at_checked(HEAD)?;
        let about = word(head, 4)?;
        let (count, kind) = ((about & 0xffff) as usize, about >> 24 & 0x1f);
        let further = match kind {
            // Pointer, forward, typedef, volatile, const, restrict, function, float, tag of a type.
            2 | 7..=11 | FUNCTION | 16 | 18 => 0,
            // Integer, variable, tag of a declaration.
            1 | 14 | 17 => 4,
            // Array.
            3 => 12,
            // Structure, union, section of data, large enumeration.
            STRUCT | 5 | 15 | 19 => count * MEMBER,
            // Enumeration, prototype of a function.
            6 | 13 => count * 8,
            // One that came later: its size cannot be known.
            _ => return None,
        };
        let (members, after) = after.split_at_checked(further)?;
        let found = Type {
            id,
            kind,
            name: word(head, 0)?,
            bit_fields: about >> 31 != 0,
            members,
        };
        Some((found, after))
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..)?.get(..4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[u8] = b"\0pair\0first\0second\0int\0";

    /// `int`; `struct pair { int first; int second; }`, the second 8 bytes into it; a function `pair`.
    fn sample() -> Vec<u8> {
        let about = |kind: u32, count: u32| kind << 24 | count;
        let types: Vec<u32> = [
            &[19, about(1, 0), 4, 32][..],
            &[1, about(STRUCT, 2), 16, 6, 1, 0, 12, 1, 64],
            &[1, about(FUNCTION, 0), 2],
        ]
        .concat();
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut data = MAGIC.to_ne_bytes().to_vec();
        data.extend([1, 0]);
        let sizes = [0, types.len(), types.len(), NAMES.len()];
        data.extend(24_u32.to_ne_bytes());
        data.extend(sizes.iter().flat_map(|size| (*size as u32).to_ne_bytes()));
        data.extend(types);
        data.extend(NAMES);
        data
    }

    #[test]
    fn a_function_and_the_fields_of_a_structure_are_found() {
        let data = sample();
        let types = Types::parse(&data).expect("a description");
        assert_eq!(types.function("pair"), Some(3));
        assert_eq!(types.function("pai"), None);
        assert_eq!(types.fields("pair", ["second", "first"]), Some([8, 0]));
        assert_eq!(types.fields("pair", ["third"]), None);
        assert_eq!(types.fields("int", ["first"]), None);
    }

    #[test]
    fn one_that_is_cut_off_or_of_another_machine_is_read_to_its_end() {
        let data = sample();
        for length in 0..data.len() {
            if let Some(types) = Types::parse(&data[..length]) {
                types.fields("pair", ["third"]);
            }
        }
        let mut other = data.clone();
        other[..2].reverse();
        assert!(Types::parse(&other).is_none());
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_it_comes_back(changes: Vec<(proptest::sample::Index, u8)>) {
            let mut data = sample();
            for (at, byte) in changes {
                let at = at.index(data.len());
                data[at] = byte;
            }
            if let Some(types) = Types::parse(&data) {
                types.function("none");
                types.fields("pair", ["third"]);
            }
        }
    }
}
