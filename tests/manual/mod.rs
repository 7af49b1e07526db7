// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What stands in a manual page.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code)]

use crate::common::succeed;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A page as plain text, with lines long enough that nothing is broken.
pub fn text(page: &Path) -> String {
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-T", "ascii", "-O", "width=1000"]).arg(page);
    let mut text = String::new();
    // Bold and underlined letters are struck twice.
    for letter in succeed(&mut mandoc).chars() {
        match letter {
            '\u{8}' => drop(text.pop()),
            _ => text.push(letter),
        }
    }
    text
}

pub fn section(page: &Path, title: &str) -> String {
    let text = text(page);
    let lines = text.lines().skip_while(|line| *line != title).skip(1);
    let section: String = lines
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(!section.is_empty(), "no {title} in {}", page.display());
    section
}

/// Name → tokens of what is declared in a piece of C.
pub fn prototypes(text: &str) -> BTreeMap<String, Vec<String>> {
    let code = text.lines().filter(|line| !line.trim().starts_with('#'));
    let code = code.collect::<Vec<_>>().join("\n");
    code.split(';')
        .map(tokens)
        .filter_map(|tokens| {
            let name = tokens
                .iter()
                .position(|token| token == "(")?
                .checked_sub(1)?;
            Some((tokens[name].clone(), tokens))
        })
        .collect()
}

fn tokens(code: &str) -> Vec<String> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens: Vec<String> = Vec::new();
    for text in code.split_whitespace() {
        let mut in_word = false;
        for letter in text.chars() {
            match tokens.last_mut() {
                Some(word) if in_word && is_word(letter) => word.push(letter),
                _ => tokens.push(letter.into()),
            }
            in_word = is_word(letter);
        }
    }
    tokens
}

/// The displays of a section that are C: deeper than its text.
pub fn programs(section: &str) -> Vec<String> {
    let mut programs = vec![String::new()];
    for line in section.lines() {
        let program = programs.last_mut().expect("one at least");
        match line.strip_prefix("           ") {
            Some(code) => program.extend([code, "\n"]),
            None if line.is_empty() => program.push('\n'),
            None => programs.push(String::new()),
        }
    }
    programs.retain(|program| program.contains("#include"));
    programs
}
