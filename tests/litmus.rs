// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The litmus tests of `litmus/` are about the code that ships: those for x86-64 have its instructions, and
//! the documentation has their verdicts. That herd7 agrees is `make litmus`.

// On other machines the table alone is looked at.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_imports))]

mod common;
mod mutated;

use common::{Libbpf, manifest_dir, rbshim, succeed};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an instruction is to the race. Accesses of the stack are private and nothing to it, nor are
/// stores other than exchanges: those of the library's own notes look like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Of a position.
    Exchange,
    Mfence,
    /// A locked instruction that changes nothing on the stack.
    LockedFence,
    LoadPosition,
    LoadHeader,
}

impl Step {
    /// Of an instruction as objdump and herd7 write it.
    fn of(instruction: &str) -> Option<Step> {
        let instruction = instruction.trim();
        if instruction == "mfence" {
            return Some(Step::Mfence);
        }
        let (mnemonic, operands) = instruction.split_once(char::is_whitespace)?;
        let (from, to) = operands.rsplit_once(',')?;
        let on_stack = operands.contains("(%rsp)");
        // An entry of a jump table is no header, whose distance is in bytes.
        if from.ends_with(",4)") {
            return None;
        }
        match mnemonic {
            "lock" => on_stack.then_some(Step::LockedFence),
            "xchg" | "xchgq" => (is_64_bit(from) && to.contains('(')).then_some(Step::Exchange),
            "mov" | "movq" | "movl" | "movslq" if from.contains('(') && !on_stack => {
                let position = is_64_bit(to) && mnemonic != "movslq";
                Some(if position {
                    Step::LoadPosition
                } else {
                    Step::LoadHeader
                })
            }
            _ => None,
        }
    }
}

/// Whether it loads at a distance from an address, or over the address itself: positions stand at the beginning of their
/// pages, headers have an index, and neither is the next of a chain of pointers.
fn is_own(instruction: &str) -> bool {
    let operands = instruction.split_whitespace().nth(1).unwrap_or_default();
    let Some((from, to)) = operands.rsplit_once(',') else {
        return false;
    };
    // Some registers cannot be an address without a distance.
    let from = from.strip_prefix("0x0").unwrap_or(from);
    from.starts_with("0x") && from.contains('(') || from == format!("({to})")
}

fn is_64_bit(register: &str) -> bool {
    register.trim().starts_with("%r") && !register.trim().ends_with('d')
}

/// The reader's column of a litmus test for x86-64.
fn reader(test: &str) -> Vec<Step> {
    let file = manifest_dir().join(format!("litmus/x86-64/{test}.litmus"));
    let text = fs::read_to_string(file).expect("a litmus test");
    let rows = text.lines().filter_map(|line| line.split_once('|'));
    let column = rows.map(|(_, reader)| reader.trim_end().trim_end_matches(';'));
    column.filter_map(Step::of).collect()
}

/// What settles, as the litmus tests have it, by the fence that the compiler may choose. The library looks for
/// a record and then at its header; each test has one of the two.
fn settling() -> [Vec<Step>; 2] {
    ["mfence", "locked"].map(|fence| {
        let mut steps = reader(&format!("rbshim-empty-{fence}"));
        let busy = reader(&format!("rbshim-busy-{fence}"));
        assert_eq!(busy[..2], steps[..2]);
        steps.extend(&busy[2..]);
        assert_eq!((steps[0], steps.len()), (Step::Exchange, 4));
        steps
    })
}

struct Instruction {
    address: u64,
    text: String,
}

/// The code of a library or archive, in order.
fn disassemble(file: &Path) -> Vec<Instruction> {
    let listing = succeed(
        Command::new("objdump")
            .args(["-d", "--no-show-raw-insn"])
            .arg(file),
    );
    let instructions = listing.lines().filter_map(|line| {
        let (address, text) = line.split_once(":\t")?;
        let text = text.split('#').next()?.trim().to_string();
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        Some(Instruction { address, text })
    });
    instructions.collect()
}

/// Does some path on from `start` take these steps, and none besides? No path is followed into or past a call.
fn takes(code: &[Instruction], start: usize, steps: &[Step]) -> bool {
    let mut waiting = vec![(start, 0)];
    let mut seen = HashSet::new();
    while let Some((index, mut taken)) = waiting.pop() {
        let Some(instruction) = code.get(index).filter(|_| seen.insert((index, taken))) else {
            continue;
        };
        // After the fence what the library loads of its own is no look; before it, nothing at all is to be loaded.
        let own = taken >= 2 && is_own(&instruction.text);
        if let Some(step) = Step::of(&instruction.text).filter(|_| !own) {
            if step != steps[taken] {
                continue;
            }
            taken += 1;
            if taken == steps.len() {
                return true;
            }
        }
        let (mnemonic, rest) = instruction
            .text
            .split_once(' ')
            .unwrap_or((&instruction.text, ""));
        if mnemonic.starts_with('j') {
            let target = rest
                .split_whitespace()
                .next()
                .and_then(|to| u64::from_str_radix(to, 16).ok());
            let target = target.and_then(|to| code.binary_search_by_key(&to, |at| at.address).ok());
            waiting.extend(target.map(|index| (index, taken)));
        }
        if !["jmp", "notrack", "call", "ret"].contains(&mnemonic) {
            waiting.push((index + 1, taken));
        }
    }
    false
}

/// Whether every exchange of a position is followed by a fence before any look, and one of them by the whole of
/// `settling`.
fn settles(library: &Path) -> Result<(), String> {
    let code = disassemble(library);
    let exchanges: Vec<usize> = (0..code.len())
        .filter(|&index| Step::of(&code[index].text) == Some(Step::Exchange))
        .collect();
    let ways = settling();
    for &index in &exchanges {
        if !ways.iter().any(|steps| takes(&code, index, &steps[..2])) {
            return Err(format!(
                "no fence after the exchange at {:#x}",
                code[index].address
            ));
        }
    }
    let whole = |&index: &usize| ways.iter().any(|steps| takes(&code, index, steps));
    let any = exchanges.iter().any(whole);
    any.then_some(())
        .ok_or_else(|| format!("none of {} exchanges settles as {ways:?}", exchanges.len()))
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_tests_for_x86_64_have_the_instructions_of_the_library() {
    settles(&rbshim().shared).expect("the steps of the litmus tests");
}

const CONSUMER: &str = "src/ring/consumer.rs";
const NO_LOOK: (&str, &str, &str) = (CONSUMER, "match self.look() {", "match Head::Pending {");
const NO_LOOK_OVERWRITING: (&str, &str, &str) = (
    "src/ring/overwrite.rs",
    "match self.look(self.look_at_producer()) {",
    "match Ok::<_, i32>(Head::Pending) {",
);

#[test]
#[cfg(target_arch = "x86_64")]
fn a_library_with_other_instructions_would_be_found() {
    let no_fence = (CONSUMER, "        M::fence(Ordering::SeqCst);\n", "");
    let mutants: [(_, &[_], _); 2] = [
        ("no fence", &[no_fence], "no fence"),
        ("no look", &[NO_LOOK, NO_LOOK_OVERWRITING], "none of"),
    ];
    for (name, changes, found) in mutants {
        let mutant = mutated::build(name, changes);
        let error = settles(&mutant.shared).expect_err(name);
        assert!(error.contains(found), "{name}: {error}");
    }
}

/// A ring in overwrite mode settles in code of its own, with the same steps: neither stands in for the other.
#[test]
#[cfg(target_arch = "x86_64")]
fn either_kind_of_ring_settles_with_those_instructions() {
    let alone = [
        ("ordinary rings alone settle", NO_LOOK_OVERWRITING),
        ("rings in overwrite mode alone settle", NO_LOOK),
    ];
    for (name, change) in alone {
        let mutant = mutated::build(name, &[change]);
        settles(&mutant.shared).expect(name);
    }
}

/// What makes libbpf's tests for x86-64 libbpf: a store, a load, nothing between them.
#[test]
#[cfg(target_arch = "x86_64")]
fn libbpf_has_neither_exchange_nor_fence() {
    assert_eq!(reader("libbpf-empty"), [Step::LoadPosition]);
    assert_eq!(reader("libbpf-busy"), [Step::LoadHeader]);
    let archive = &Libbpf::Vendored.library().archive;
    let mut objdump = Command::new("objdump");
    objdump
        .args([
            "-d",
            "--no-show-raw-insn",
            "--disassemble=ringbuf_process_ring",
        ])
        .arg(archive);
    let listing = succeed(&mut objdump);
    let steps: Vec<Step> = listing
        .lines()
        .filter_map(|line| Step::of(line.split_once(":\t")?.1))
        .collect();
    assert!(
        steps.contains(&Step::LoadPosition) && steps.contains(&Step::LoadHeader),
        "{listing}"
    );
    let loads = [Step::LoadPosition, Step::LoadHeader];
    assert!(steps.iter().all(|step| loads.contains(step)), "{listing}");
}

const MACHINES: [(&str, &str); 6] = [
    ("C11", "c11"),
    ("LKMM", "lkmm"),
    ("x86-64", "x86-64"),
    ("AArch64", "aarch64"),
    ("POWER", "power"),
    ("RISC-V", "riscv"),
];
const READERS: [(&str, &str); 5] = [
    ("libbpf", "libbpf"),
    ("`stlr`, `ldar`", "ldar"),
    ("`stlr`, `ldapr`", "ldapr"),
    ("rbshim without its fence", "unfenced"),
    ("rbshim", "rbshim"),
];

#[test]
fn the_documented_verdicts_are_those_of_the_tests() {
    let mut verdicts: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for test in tests() {
        let machine = test.parent().and_then(Path::file_name).expect("a folder");
        let name = test.file_stem().expect("a name").to_string_lossy();
        let (reader, race) = name.split_once('-').expect("a reader and a race");
        if reader == "overwrite" {
            // Not about a wake-up.
            continue;
        }
        assert!(
            race.starts_with("busy") || race.starts_with("empty"),
            "{name}"
        );
        let text = fs::read_to_string(&test).expect("a litmus test");
        let result = text
            .lines()
            .find_map(|line| line.strip_prefix(" * Result: "));
        let cell = (machine.to_string_lossy().into(), reader.to_string());
        let verdict = result.unwrap_or_else(|| panic!("{} has no result", test.display()));
        verdicts
            .entry(cell)
            .or_default()
            .insert(verdict.to_string());
    }
    let mut table = String::from("| |");
    for (machine, _) in MACHINES {
        table += &format!(" {machine} |");
    }
    table += &format!("\n|{}\n", "---|".repeat(1 + MACHINES.len()));
    for (title, reader) in READERS {
        table += &format!("| {title} |");
        for (_, machine) in MACHINES {
            let cell = verdicts.remove(&(machine.to_string(), reader.to_string()));
            let cell: Vec<String> = cell.into_iter().flatten().collect();
            assert!(cell.len() < 2, "{machine}, {reader}: {cell:?}");
            table += &format!(" {} |", cell.first().map_or("", String::as_str));
        }
        table += "\n";
    }
    assert!(verdicts.is_empty(), "in no row or column: {verdicts:?}");
    let document =
        fs::read_to_string(manifest_dir().join("docs/memory-ordering.md")).expect("the document");
    assert!(
        document.contains(&table),
        "docs/memory-ordering.md should have\n{table}"
    );
}

/// Those of rings in overwrite mode are expected to say what `docs/overwrite.md` does.
#[test]
fn a_copy_is_not_believed_without_the_lock() {
    for (name, verdict) in [
        ("overwrite-unlocked-lse", "Sometimes"),
        ("overwrite-locked-lse", "Never"),
        ("overwrite-locked-llsc", "Never"),
    ] {
        let file = manifest_dir().join(format!("litmus/aarch64/{name}.litmus"));
        let text = fs::read_to_string(file).expect("a litmus test");
        assert!(text.contains(&format!(" * Result: {verdict}\n")), "{name}");
    }
}

fn tests() -> Vec<PathBuf> {
    let within = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    };
    let folders = within(&manifest_dir().join("litmus"))
        .into_iter()
        .filter(|path| path.is_dir());
    folders.flat_map(|folder| within(&folder)).collect()
}
