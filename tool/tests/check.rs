// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim check`: what of rbshim reaches a program or a process; nothing that a file contains makes it fail badly.

mod common;

use common::victim::Victim;
use common::{compile, library, scratch, static_libbpf, succeed, told, tool};
use proptest::prelude::{ProptestConfig, any};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn check(subject: impl AsRef<std::ffi::OsStr>) -> (i32, Value) {
    let mut check = tool();
    check.args(["check", "--json"]).arg(subject);
    let (status, printed, said) = told(&mut check);
    assert_eq!(said, "");
    let list: Value = serde_json::from_str(&printed).expect("JSON");
    (status, list[0].clone())
}

fn verdict(subject: impl AsRef<std::ffi::OsStr>, status: i32, name: &str, reason: &str) {
    let (was, finding) = check(&subject);
    let of = Path::new(subject.as_ref()).display();
    assert_eq!(
        (was, &finding["verdict"]),
        (status, &name.into()),
        "{of}: {finding}"
    );
    assert!(
        finding["reasons"].to_string().contains(reason),
        "{of}: {finding}"
    );
}

fn static_victim() -> PathBuf {
    let libbpf = static_libbpf();
    let libbpf: Vec<&str> = libbpf.iter().map(String::as_str).collect();
    compile("victim", "victim", &libbpf)
}

#[test]
fn each_way_to_get_libbpf_is_told_apart() {
    let shared = compile("one_ring", "one_ring", &["-lbpf"]);
    verdict(
        &shared,
        10,
        "preload",
        "takes ring_buffer__free, ring_buffer__new from a shared libbpf",
    );
    verdict(
        static_victim(),
        12,
        "contains",
        "contains libbpf's ring buffer code, whether or not it calls it",
    );
    verdict(static_victim(), 12, "contains", "linked statically");
    verdict(
        compile("opens", "opens", &[]),
        11,
        "front",
        "opens libbpf at run time",
    );
    verdict(
        compile("opens", "opens.static", &["-static", "-Wno-error"]),
        12,
        "watch",
        "linked statically",
    );
    verdict(compile("nothing", "plain", &[]), 0, "nothing", "");
    verdict(env!("CARGO_BIN_EXE_rbshim"), 0, "nothing", "");
    verdict(library(), 0, "active", "is or contains rbshim");
}

#[test]
fn stripped_programs_show_the_same() {
    let strip = |program: &Path, name: &str| {
        let stripped = scratch().join(name);
        succeed(Command::new("strip").arg("-o").arg(&stripped).arg(program));
        stripped
    };
    verdict(
        strip(&static_victim(), "victim.stripped"),
        12,
        "contains",
        "contains libbpf's",
    );
    let shared = strip(
        &compile("one_ring", "one_ring", &["-lbpf"]),
        "one_ring.stripped",
    );
    verdict(&shared, 10, "preload", "ring_buffer__new");
    // And without its section headers: e_shoff, e_shnum and e_shstrndx of the ELF header.
    let mut bytes = fs::read(&shared).expect("the program");
    bytes[40..48].fill(0);
    bytes[60..64].fill(0);
    fs::write(&shared, bytes).expect("it can be written");
    verdict(&shared, 10, "preload", "ring_buffer__new");
}

#[test]
fn a_library_between_is_followed() {
    let folder = scratch().join("between");
    fs::create_dir_all(&folder).expect("a folder");
    let between = folder.join("libbetween.so");
    let source = "#include <bpf/libbpf.h>\nint between(void) { return ring_buffer__poll(0, 0); }\n";
    fs::write(folder.join("between.c"), source).expect("the source");
    succeed(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&between)
            .arg(folder.join("between.c"))
            .arg("-lbpf"),
    );
    let search = format!("-L{}", folder.display());
    let program = compile(
        "nothing",
        "between/program",
        &[
            &search,
            "-Wl,--no-as-needed",
            "-lbetween",
            "-Wl,-rpath,$ORIGIN",
        ],
    );
    verdict(
        program,
        10,
        "preload",
        "libbetween.so takes ring_buffer__poll from a shared libbpf",
    );
}

#[test]
fn a_program_with_rbshim_linked_in_is_active() {
    let archive = library().with_file_name("librbshim.a");
    let mut arguments = vec![archive.to_str().expect("a path").to_string()];
    arguments.extend(static_libbpf());
    // The library first.
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    verdict(
        compile("victim", "victim.rbshim", &arguments),
        0,
        "active",
        "contains rbshim",
    );
}

#[test]
fn where_the_loader_ignores_its_environment_only_watch_is_left() {
    let program = compile("one_ring", "one_ring.raised", &["-lbpf"]);
    succeed(Command::new("setcap").arg("cap_net_raw+ep").arg(&program));
    verdict(&program, 12, "watch", "file capabilities");
    let program = compile("opens", "opens.raised", &[]);
    succeed(Command::new("chmod").arg("4755").arg(&program));
    verdict(&program, 12, "watch", "setuid");
}

#[test]
fn readers_that_are_not_libbpfs_are_recognised_by_what_they_leave() {
    let plain = fs::read(compile("nothing", "plain", &[])).expect("a program");
    let with = |name: &str, marks: &[&str]| {
        let mut bytes = plain.clone();
        marks.iter().for_each(|mark| bytes.extend(mark.as_bytes()));
        let path = scratch().join(name);
        fs::write(&path, bytes).expect("it can be written");
        path
    };
    // What is found in programs that were built with it, which keep it when stripped.
    let go = with(
        "go",
        &[
            "\u{ff} Go buildinf:",
            "github.com/cilium/ebpf/ringbuf.(*Reader).Read",
        ],
    );
    verdict(go, 12, "watch", "cilium/ebpf");
    let aya = common::aya::program();
    verdict(&aya, 12, "watch", "aya");
    let stripped = scratch().join("aya.stripped");
    succeed(Command::new("strip").arg("-o").arg(&stripped).arg(&aya));
    verdict(&stripped, 12, "watch", "aya");
}

#[test]
fn a_process_shows_its_rings_and_whether_it_is_exposed() {
    let victim = Victim::start(&["--wait=nested", "--close"]);
    victim.sleeps();
    let (status, finding) = check(victim.pid().to_string());
    assert_eq!(
        (status, &finding["exposed"]),
        (12, &true.into()),
        "{finding}"
    );
    // It has libbpf linked in, and now one sees that it calls it.
    assert_eq!(finding["verdict"], "watch");
    let ring = &finding["rings"][0];
    assert_eq!(
        (&ring["id"], &ring["waits"]),
        (&victim.ring.into(), &"edge".into())
    );
    assert_eq!(ring["asleep"], true);

    let level = Victim::start(&["--level"]);
    let (status, finding) = check(level.pid().to_string());
    assert_eq!(
        (status, &finding["exposed"]),
        (12, &false.into()),
        "{finding}"
    );

    // The same program, linked with the shared libbpf, without rbshim and with it.
    let shared = compile("victim", "victim.shared", &["-lbpf"]);
    let mut alone = Command::new(&shared);
    let alone = Victim::launch(&mut alone, &[]);
    let (status, finding) = check(alone.pid().to_string());
    assert_eq!(
        (status, &finding["exposed"]),
        (10, &true.into()),
        "{finding}"
    );
    let mut run = tool();
    run.args(["run", "--library"])
        .arg(library())
        .arg("--")
        .arg(&shared);
    let reached = Victim::launch(&mut run, &[]);
    let (status, finding) = check(reached.pid().to_string());
    assert_eq!(
        (status, &finding["verdict"]),
        (0, &"active".into()),
        "{finding}"
    );
    assert_eq!(
        (&finding["exposed"], &finding["rbshim"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn a_process_that_has_opened_libbpf_needs_the_front() {
    let mut process = Command::new("python3")
        .args(["-c", "import ctypes, sys; ctypes.CDLL('libbpf.so.1').ring_buffer__new; print(flush=True); sys.stdin.read()"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut ready = [0];
    let stdout = process.stdout.as_mut().expect("its stdout");
    std::io::Read::read_exact(stdout, &mut ready).expect("it is ready");
    verdict(
        process.id().to_string(),
        11,
        "front",
        "opened libbpf at run time",
    );
    drop(process.stdin.take());
    process.wait().expect("it ends");
}

#[test]
fn what_is_no_program_is_said_in_one_line() {
    let failed = |subject: &str| {
        let mut check = tool();
        check.args(["check", subject]);
        let (status, printed, said) = told(&mut check);
        assert_eq!((printed.as_str(), said.lines().count()), ("", 1), "{said}");
        (status, said)
    };
    assert_eq!(
        failed("/etc/passwd"),
        (6, "rbshim: /etc/passwd: not an ELF file\n".into())
    );
    assert_eq!(
        failed("/nowhere/x"),
        (4, "rbshim: /nowhere/x: No such file or directory\n".into())
    );
    assert_eq!(failed("no-such-command").0, 4);
    assert_eq!(failed("/proc").0, 6);
    // Larger than any process id may be.
    assert_eq!(
        failed("4194305"),
        (4, "rbshim: 4194305: no such process\n".into())
    );
    let fifo = scratch().join("fifo");
    let _ = fs::remove_file(&fifo);
    succeed(Command::new("mkfifo").arg(&fifo));
    assert_eq!(failed(fifo.to_str().expect("a path")).0, 6);
    // One of several: the others are looked at.
    let mut both = tool();
    both.args(["check", "/nowhere/x"])
        .arg(compile("nothing", "plain", &[]));
    let (status, printed, said) = told(&mut both);
    assert_eq!(
        (status, printed.lines().count(), said.lines().count()),
        (4, 1, 1)
    );
}

#[test]
fn the_programs_of_this_machine_are_read_without_a_word() {
    let mut check = tool();
    check.args(["check", "--json"]);
    let folder = fs::read_dir("/usr/bin").expect("/usr/bin");
    let programs = folder.map(|entry| entry.expect("an entry").path());
    let elf = |path: &PathBuf| {
        fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF") && bytes.len() < 1 << 20)
    };
    let programs: Vec<PathBuf> = programs.filter(elf).take(100).collect();
    check.args(&programs);
    let (_, printed, said) = told(&mut check);
    assert_eq!(said, "");
    let list: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(list.as_array().expect("a list").len(), programs.len());
}

/// Each entry names the same text, which is as long as the file allows: all of them together would fill any memory.
#[test]
fn entries_that_share_one_long_text_are_read_to_their_end() {
    const ENTRIES: usize = 100_000;
    const LONG: usize = 8 << 20;
    let [load, dynamic] = [1_u32, 2];
    let [needed, strings, strings_size] = [1_i64, 5, 10];
    let (table, entries) = (64 + 2 * 56, 16 * (ENTRIES + 2));
    let size = table + entries + LONG;
    let mut bytes = fs::read(compile("nothing", "plain", &[])).expect("a program");
    bytes.truncate(64);
    // e_phoff; then e_phnum, and no sections.
    bytes[32..48].copy_from_slice(&[64_u64.to_ne_bytes(), [0; 8]].concat());
    bytes[56..64].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
    let mut segment = |kind: u32, offset: usize, size: usize| {
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 4]);
        let offset = offset as u64;
        for field in [offset, offset, offset, size as u64, size as u64, 8] {
            bytes.extend(field.to_ne_bytes());
        }
    };
    segment(load, 0, size);
    segment(dynamic, table, entries);
    let mut entry = |tag: i64, value: usize| {
        bytes.extend(tag.to_ne_bytes());
        bytes.extend((value as u64).to_ne_bytes());
    };
    entry(strings, table + entries);
    entry(strings_size, LONG);
    for _ in 0..ENTRIES {
        entry(needed, 0);
    }
    bytes.resize(size, b'a');
    let facts = rbshim_tool::elf::examine(&bytes).expect("a program");
    assert!(facts.dynamic && facts.needed.is_empty(), "{facts:?}");
}

#[test]
fn what_the_fuzzer_has_kept_is_read_to_its_end() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/elf");
    let mut programs = 0;
    for entry in fs::read_dir(corpus).expect("a corpus") {
        let path = entry.expect("an entry").path();
        // If this one fails, its name is the last that was printed.
        println!("{}", path.display());
        let bytes = fs::read(path).expect("an input");
        programs += u32::from(rbshim_tool::elf::examine(&bytes).is_ok());
    }
    // Not all of them are refused at their first byte.
    assert!(programs > 5, "{programs}");
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What it says does not matter here: it must come back.
    #[test]
    fn a_malformed_file_is_read_to_its_end(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..40),
        headers in proptest::collection::vec((0_usize..1024, any::<u8>()), 0..40),
        length in any::<proptest::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = fs::read(compile("one_ring", "one_ring", &["-lbpf"])).expect("a program");
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, byte) in headers {
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        let _ = rbshim_tool::elf::examine(&bytes);
    }
}
