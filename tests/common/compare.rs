// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Runs a program in every way with both libbpfs and compares what it prints.

use super::artifacts::manifest_dir;
use super::{Libbpf, Way, build, command, run};
use std::fmt;
use std::fs;
use std::iter::Peekable;
use std::str::Lines;

/// Can libbpf alone say what the program should print?
#[derive(Clone, Copy)]
pub enum StockRun {
    Compared,
    /// The program reads libbpf's structs, which look like this since this version.
    LayoutSince(u32, u32),
    /// libbpf's behaviour is undefined; `c-tests/<program>.expected` says what is right, and why.
    Undefined,
}

/// How a program is run: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub way: Way,
    /// An option and its value, which must not change what the program prints.
    pub option: Option<(&'static str, &'static str)>,
}

impl Column {
    pub const ALL: [Column; 6] = [
        Column::new(Way::Stock),
        Column::new(Way::Preloaded),
        Column::new(Way::Shared),
        Column::new(Way::Static),
        Column::with("RBSHIM_LINGER_US", "0"),
        Column::with("RBSHIM_COALESCE_US", "200"),
    ];

    const fn new(way: Way) -> Column {
        Column { way, option: None }
    }

    const fn with(name: &'static str, value: &'static str) -> Column {
        Column {
            way: Way::Preloaded,
            option: Some((name, value)),
        }
    }
}

/// A program that an option cannot be used with, and why.
const NOT_WITH: [(&str, &str, &str); 1] = [(
    "sandboxed",
    "RBSHIM_COALESCE_US",
    "a window takes system calls that the program's filter forbids",
)];

impl fmt::Display for Column {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self.option {
            None => write!(out, "{:?}", self.way),
            Some((name, value)) => write!(out, "{:?}, {name}={value}", self.way),
        }
    }
}

/// One program with one libbpf in one column.
pub enum Cell {
    /// What libbpf 1.7 prints.
    Same,
    /// What libbpf 1.7 prints, but for the differences in `c-tests/<program>.differs`.
    DiffersAsStated,
    /// What `c-tests/<program>.expected` says.
    AsExpected,
    /// Cannot be run, and why.
    NotApplicable(String),
    Failed(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Cell::Same => write!(out, "same"),
            Cell::DiffersAsStated => write!(out, "differs as stated"),
            Cell::AsExpected => write!(out, "as expected"),
            Cell::NotApplicable(reason) => write!(out, "n/a: {reason}"),
            Cell::Failed(_) => write!(out, "**FAILED**"),
        }
    }
}

/// The cells of a program, `Libbpf::ALL` × `Column::ALL`. Each is compared with what the program prints
/// on the vendored libbpf alone: that is the behaviour rbshim promises, with whichever libbpf it is used.
pub fn compare(program: &str, stock: StockRun) -> Vec<(Libbpf, Column, Cell)> {
    let expected = Expected::of(program, stock);
    let mut cells = Vec::new();
    for libbpf in Libbpf::ALL {
        for column in Column::ALL {
            let cell = match &expected {
                Ok(expected) => cell(program, stock, expected, libbpf, column),
                Err(failure) => Cell::Failed(failure.clone()),
            };
            cells.push((libbpf, column, cell));
        }
    }
    cells
}

fn cell(
    program: &str,
    stock: StockRun,
    expected: &Expected,
    libbpf: Libbpf,
    column: Column,
) -> Cell {
    let way = column.way;
    if column.option.is_some() && libbpf != Libbpf::Vendored {
        return Cell::NotApplicable("with the other libbpf".into());
    }
    let not_with = NOT_WITH.iter().find(|(name, option, _)| {
        *name == program && column.option.is_some_and(|(given, _)| given == *option)
    });
    if let Some((_, _, why)) = not_with {
        return Cell::NotApplicable((*why).into());
    }
    let version = &libbpf.library().version;
    if way == Way::Stock {
        match stock {
            StockRun::Undefined => return Cell::NotApplicable("undefined on libbpf".into()),
            StockRun::LayoutSince(major, minor) if libbpf.version() < (major, minor) => {
                return Cell::NotApplicable(format!("libbpf {version} has other structs"));
            }
            _ => {}
        }
    }
    if let Err(error) = build(program, libbpf, way) {
        let without_rbshim = matches!(way, Way::Stock | Way::Preloaded);
        if without_rbshim && !error.missing.is_empty() {
            let first = &error.missing[0];
            let more = match error.missing.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Cell::NotApplicable(format!("libbpf {version} lacks {first}{more}"));
        }
        return Cell::Failed(format!("does not build:\n{}", error.messages));
    }
    let printed = match printed(program, libbpf, column) {
        Ok(printed) => printed,
        Err(failure) => return Cell::Failed(failure),
    };
    let (expected, cell) = match (way, expected) {
        (_, Expected::Stated(text)) => (text, Cell::AsExpected),
        (Way::Stock, Expected::Stock { libbpf, .. }) => (libbpf, Cell::Same),
        (
            _,
            Expected::Stock {
                libbpf,
                rbshim: None,
            },
        ) => (libbpf, Cell::Same),
        (
            _,
            Expected::Stock {
                rbshim: Some(rbshim),
                ..
            },
        ) => (rbshim, Cell::DiffersAsStated),
    };
    if *expected == printed {
        cell
    } else {
        Cell::Failed(first_difference(expected, &printed))
    }
}

/// What is to be printed.
enum Expected {
    Stated(String),
    Stock {
        libbpf: String,
        rbshim: Option<String>,
    },
}

impl Expected {
    fn of(program: &str, stock: StockRun) -> Result<Expected, String> {
        if let StockRun::Undefined = stock {
            let text = stated(program, "expected").ok_or("there is no .expected file")?;
            return Ok(Expected::Stated(text));
        }
        build(program, Libbpf::Vendored, Way::Stock)
            .map_err(|error| format!("does not build:\n{}", error.messages))?;
        let libbpf = printed(program, Libbpf::Vendored, Column::new(Way::Stock))?;
        let rbshim = match stated(program, "differs") {
            Some(differences) => Some(apply(&libbpf, &differences)?),
            None => None,
        };
        Ok(Expected::Stock { libbpf, rbshim })
    }
}

fn printed(program: &str, libbpf: Libbpf, column: Column) -> Result<String, String> {
    let mut command = command(program, libbpf, column.way);
    command.envs(column.option);
    run::printed(command)
}

/// What `c-tests/<program>.<extension>` says, without its comments, if there is such a file.
pub fn stated(program: &str, extension: &str) -> Option<String> {
    let file = manifest_dir().join(format!("c-tests/{program}.{extension}"));
    let text = fs::read_to_string(file).ok()?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Some(lines.map(|line| format!("{line}\n")).collect())
}

/// Applies hunks of `-` lines, each followed by the `+` lines that stand in their place. They
/// come in the order of the text, and one that does not apply is an error: a difference that
/// is stated must be there.
pub fn apply(text: &str, differences: &str) -> Result<String, String> {
    let mut rest: Vec<&str> = text.lines().collect();
    let mut result: Vec<&str> = Vec::new();
    let mut lines = differences.lines().peekable();
    while lines.peek().is_some() {
        let old = take_signed(&mut lines, '-');
        let new = take_signed(&mut lines, '+');
        if old.is_empty() {
            return Err(format!("not a hunk: {:?} {new:?}", lines.peek()));
        }
        let found = rest.windows(old.len()).position(|window| window == old);
        let at = found.ok_or_else(|| format!("stated, but not what libbpf prints: {old:#?}"))?;
        result.extend(rest.drain(..at));
        rest.drain(..old.len());
        result.extend(new);
    }
    result.extend(rest);
    Ok(result.into_iter().map(|line| format!("{line}\n")).collect())
}

fn take_signed<'a>(lines: &mut Peekable<Lines<'a>>, sign: char) -> Vec<&'a str> {
    let signed = || lines.next_if(|line| line.starts_with(sign));
    std::iter::from_fn(signed)
        .filter_map(|line| line.strip_prefix(sign))
        .collect()
}

/// Says where two texts that differ begin to do so, and what the program has printed.
pub fn first_difference(expected: &str, printed: &str) -> String {
    let mut expected_lines = expected.lines();
    let mut number = 0;
    for line in printed.lines() {
        number += 1;
        let wanted = expected_lines.next();
        if wanted != Some(line) {
            let wanted = wanted.unwrap_or("the end");
            return format!(
                "line {number}\nexpected: {wanted}\nprinted:  {line}\n\nall of it:\n{printed}"
            );
        }
    }
    let wanted = expected_lines.next().unwrap_or("");
    format!("ends after line {number}\nexpected: {wanted}\n\nall of it:\n{printed}")
}
