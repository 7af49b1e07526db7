// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Measures readers of BPF ring buffers side by side.

mod calls;
mod case;
mod cases;
mod compare;
mod cpu;
mod figures;
mod filled;
mod instructions;
mod latency;
mod limits;
mod machine;
mod own_space;
mod pace;
mod plots;
mod producer;
mod reader;
mod report;
mod results;
mod run;
mod statistics;
mod suite;
mod tables;
mod targets;
mod verdict;

use rbshim_bench::shared;

use case::{Case, Peer};
use clap::{Parser, Subcommand};
use limits::condition::Condition;
use reader::Setup;
use results::Results;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What went wrong. Threads hand it on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where `make` leaves the library.
const LIBRARY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../target/package/librbshim.so"
);

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// Rounds, and seconds for each run, of the short suite and of the full one.
const SHORT: (usize, f64) = (5, 0.2);
const FULL: (usize, f64) = (11, 1.0);

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One run of one reader
    Run {
        #[arg(long)]
        peer: Peer,
        /// What to preload for the peers that are rbshim
        #[arg(long, default_value = LIBRARY)]
        preload: PathBuf,
        /// NAME=VALUE for the reader's environment
        #[arg(long)]
        env: Vec<String>,
        #[command(flatten)]
        case: Case,
    },
    /// Several libraries by turns: medians, and ratios to the first
    Ab {
        /// none, libbpf-rs, aya, alone, or the path of a library, with +NAME=VALUE for its environment
        #[arg(long, value_delimiter = ',', required = true)]
        libs: Vec<String>,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[command(flatten)]
        case: Case,
    },
    /// All cases; writes docs/performance.md, its plots and the raw figures
    Suite {
        /// For up to an hour instead of ten minutes
        #[arg(long)]
        full: bool,
        #[arg(long, default_value = LIBRARY)]
        preload: PathBuf,
        #[arg(long, default_value = DOCS)]
        docs: PathBuf,
        /// Other rounds than usual
        #[arg(long)]
        rounds: Option<usize>,
        /// Other seconds than usual
        #[arg(long)]
        seconds: Option<f64>,
        /// Only the cases whose names contain this
        #[arg(long, default_value = "")]
        only: String,
        /// Where to keep the results, so that the page can be written again
        #[arg(long)]
        save: Option<PathBuf>,
    },
    /// Readers that are short of CPU time; writes docs/performance/limits.md and the raw figures
    Limits {
        #[arg(long, default_value = LIBRARY)]
        preload: PathBuf,
        #[arg(long, default_value = DOCS)]
        docs: PathBuf,
        #[command(flatten)]
        orders: limits::Orders,
    },
    /// Counts the instructions of the calls, with valgrind
    Instructions {
        #[arg(long, default_value = LIBRARY)]
        preload: PathBuf,
    },
    /// Writes the page again, from results that were kept
    Report {
        results: PathBuf,
        #[arg(long, default_value = DOCS)]
        docs: PathBuf,
    },
}

/// The setup that a peer has by itself in a case.
fn setup_of(peer: Peer, case: &Case, library: PathBuf) -> Setup {
    let variable = match peer {
        Peer::RbshimCoalesce => Some(("RBSHIM_COALESCE_US", case.window_us.to_string())),
        Peer::RbshimBusy => Some(("RBSHIM_BUSY_POLL", "1".into())),
        Peer::RbshimSettles => Some(("RBSHIM_LINGER_US", "0".into())),
        Peer::RbshimUnaware => Some(("RBSHIM_LINGER_US", "5".into())),
        _ => None,
    };
    let preloaded = peer == Peer::Rbshim || variable.is_some();
    let environment = variable.map(|(name, value)| (name.into(), value));
    Setup {
        peer,
        library: preloaded.then_some(library),
        environment: environment.into_iter().collect(),
        condition: Condition::BEST,
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run {
            peer,
            preload,
            env,
            case,
        } => {
            let mut setup = setup_of(peer, &case, preload);
            for text in &env {
                setup.environment.push(compare::variable(text)?);
            }
            let measured = run::run(&case, &setup)?;
            println!("{}: {}", peer.name(), compare::line(&measured));
            println!("{}", serde_json::to_string(&measured)?);
            Ok(())
        }
        Command::Ab { libs, rounds, case } => compare::compare(&case, &libs, rounds),
        Command::Suite {
            full,
            preload,
            docs,
            rounds,
            seconds,
            only,
            save,
        } => {
            let usual = if full { FULL } else { SHORT };
            let (rounds, seconds) = (rounds.unwrap_or(usual.0), seconds.unwrap_or(usual.1));
            let library = preload.canonicalize()?;
            let mut entries = cases::all(seconds);
            entries.retain(|entry| entry.name.contains(&only));
            // First what takes seconds, so that anything missing is missed at once.
            let counted = instructions::count(&library)?;
            let before = machine::stolen()?;
            let mut results = suite::measure(&entries, rounds, &library)?;
            results.seconds = seconds;
            results.machine = machine::describe(before)?;
            results.machine.push(disturbance(&results));
            results.counted = counted;
            if let Some(path) = save {
                results.save(&path)?;
            }
            publish(&results, &docs)
        }
        Command::Limits {
            preload,
            docs,
            orders,
        } => limits::measure(&orders, &preload.canonicalize()?, &docs),
        Command::Instructions { preload } => {
            for counted in instructions::count(&preload.canonicalize()?)? {
                let peer = counted.peer.name();
                println!("{}, {peer}: {:.1}", counted.what, counted.instructions);
            }
            Ok(())
        }
        Command::Report { results, docs } => publish(&Results::load(&results)?, &docs),
    }
}

/// How often other programs got in the readers' way.
fn disturbance(results: &Results) -> (String, String) {
    let preempted = results.rows.iter().map(|row| row.measured.preempted);
    let text = match statistics::spread(preempted) {
        Some(spread) => format!(
            "{:.0} times a second (median run), {:.0} (worst run)",
            spread.median, spread.most
        ),
        None => "not measured".into(),
    };
    ("a reader's CPU was taken by another program".into(), text)
}

/// Writes the page and says what it says.
fn publish(results: &Results, docs: &Path) -> Result<(), Failure> {
    let mut entries = cases::all(results.seconds);
    entries.retain(|entry| results.rows.iter().any(|row| row.key.name == entry.name));
    let verdicts = report::write(results, &entries, docs)?;
    println!("{}", tables::verdicts::all(&verdicts));
    println!("{}", tables::verdicts::summary(&verdicts));
    println!("{}", docs.join("performance.md").display());
    match results.failures.len() {
        0 => Ok(()),
        count => Err(format!("{count} runs failed").into()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rbshim-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
