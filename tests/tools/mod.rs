// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Running a C program under valgrind or with a sanitizer.

use super::common::{
    Libbpf, Way, account, bpf_dir, command, manifest_dir, succeed, target_dir, try_run,
};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// valgrind, for allocations, reads of what was never written, descriptors.
    Memcheck,
    /// -fsanitize=address,undefined
    Address,
    /// -fsanitize=thread
    Thread,
}

use Tool::Thread;

/// Arguments of programs that need some to be short.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("edge_triggered", &["--records=200000", "--producers=2"]),
    (
        "soak",
        &["manager+consume_n(1)", "4", "2", "64", "default", "0.3"],
    ),
];

fn arguments(program: &str) -> &'static [&'static str] {
    let entry = ARGUMENTS.iter().find(|(name, _)| *name == program);
    entry.map_or(&[], |(_, arguments)| arguments)
}

/// Runs a program under memcheck, with `library`, if any, preloaded instead of the release. Children
/// that were forked are watched as well.
pub fn memcheck(program: &str, way: Way, library: Option<&Path>) -> Result<(), String> {
    let variant = library.map_or("release", directory_name);
    let logs = target_dir().join(format!("c-tests/valgrind/{way:?}-{variant}/{program}"));
    let _ = fs::remove_dir_all(&logs);
    fs::create_dir_all(&logs).expect("a directory for logs");
    let plain = command(program, Libbpf::Vendored, way);
    let mut valgrind = Command::new("valgrind");
    valgrind.current_dir(bpf_dir());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => valgrind.env(name, value),
            None => valgrind.env_remove(name),
        };
    }
    if let Some(library) = library {
        valgrind.env("LD_PRELOAD", library);
    }
    valgrind.args(["--leak-check=full", "--error-exitcode=99"]);
    let suppressions = manifest_dir().join("c-tests/valgrind.supp");
    valgrind.arg(format!("--suppressions={}", suppressions.display()));
    valgrind.arg(format!("--log-file={}/%p", logs.display()));
    valgrind.arg(plain.get_program()).args(arguments(program));
    let output = try_run(valgrind, WATCH_DOG)?;

    let mut said = String::new();
    for log in fs::read_dir(&logs).expect("logs") {
        said += &fs::read_to_string(log.expect("a log").path()).expect("a log");
    }
    let summaries: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once("ERROR SUMMARY: "))
        .collect();
    let clean = summaries.iter().all(|(_, sum)| sum.starts_with("0 errors"));
    if output.status.success() && clean && !summaries.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\n{}{said}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    ))
}

/// Builds a program with a sanitizer and runs it with this librbshim.
pub fn sanitize(tool: Tool, program: &str, source: &Path, library: &Path) -> Result<(), String> {
    let built = target_dir().join("c-tests/sanitized");
    let built = built.join(directory_name(library));
    fs::create_dir_all(&built).expect("a directory for binaries");
    let binary = built.join(program);
    let is_c = source.extension().is_some_and(|extension| extension == "c");
    let libbpf = Libbpf::Vendored.library();
    let include = libbpf.include.as_ref().expect("has headers of its own");

    let mut compiler = Command::new(if is_c { "cc" } else { "c++" });
    compiler.args(["-O1", "-g", "-pthread", "-D_GNU_SOURCE", "-w"]);
    compiler.arg(if is_c { "-std=gnu11" } else { "-std=gnu++17" });
    compiler.arg(match tool {
        Thread => "-fsanitize=thread",
        _ => "-fsanitize=address,undefined",
    });
    compiler.arg("-fno-sanitize-recover=all");
    compiler.arg("-isystem").arg(include);
    compiler.arg("-I").arg(manifest_dir().join("include"));
    compiler.arg("-o").arg(&binary).arg(source);
    if tool == Thread {
        compiler.arg(llvm_names());
    }
    compiler.arg(library);
    let directory = library.parent().expect("a directory");
    compiler.arg(format!("-Wl,-rpath,{}", directory.display()));
    compiler.arg(&libbpf.archive);
    compiler.args(["-lelf", "-lz", "-lgcc_s", "-ldl"]);
    succeed(&mut compiler);

    // Some kernels move mappings further than older run-time libraries of the sanitizers can bear.
    let mut run = Command::new("setarch");
    run.arg("--addr-no-randomize").arg(&binary);
    run.current_dir(bpf_dir()).args(arguments(program));
    run.env_remove("LD_PRELOAD").env_remove("LD_LIBRARY_PATH");
    let suppressions = manifest_dir().join("c-tests/lsan.supp");
    let options = format!(
        "print_suppressions=0:suppressions={}",
        suppressions.display()
    );
    run.env("LSAN_OPTIONS", options);
    let output = try_run(run, WATCH_DOG)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A child that was forked may be the one to say it.
    let found = ["Sanitizer", "runtime error"]
        .iter()
        .any(|words| stderr.contains(words));
    if output.status.success() && !found {
        return Ok(());
    }
    Err(account(&output))
}

/// Tells builds of the library apart: each has a directory of its own.
fn directory_name(library: &Path) -> &str {
    let name = library.parent().and_then(Path::file_name);
    name.and_then(OsStr::to_str).expect("a directory's name")
}

/// LLVM's names for what gcc's run-time library intercepts by the plain ones.
fn llvm_names() -> &'static Path {
    static OBJECT: OnceLock<PathBuf> = OnceLock::new();
    OBJECT.get_or_init(|| {
        let object = target_dir().join("c-tests/llvm_names.o");
        let source = object.with_extension("c");
        let code = "#include <string.h>
void *__tsan_memset(void *to, int byte, size_t n) { return memset(to, byte, n); }
void *__tsan_memcpy(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
";
        fs::write(&source, code).expect("a source");
        succeed(
            Command::new("cc")
                .args(["-O1", "-fno-builtin", "-c", "-o"])
                .arg(&object)
                .arg(&source),
        );
        object
    })
}
