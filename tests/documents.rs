// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The documents: their links lead somewhere, and their lines fit a screen.

mod common;

use common::{manifest_dir, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

const COLUMNS: usize = 120;

/// Tables whose rows may be wider, since what is compared has to stand side by side: figures with their spread,
/// and machine instructions.
const WIDE_TABLES: [(&str, &str); 5] = [
    ("docs/performance.md", "Many rings"),
    ("docs/performance.md", "At saturation"),
    ("docs/performance/limits.md", "A limit of a control group"),
    ("docs/performance/limits.md", "Low priority, a shared CPU"),
    ("docs/memory-ordering.md", "What the machines make of it"),
];

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let links = links(&text(&document));
        assert!(
            document != "README.md" || !links.is_empty(),
            "no link found"
        );
        for link in links {
            if !link.contains("://") && !leads_somewhere(&document, &link) {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn no_line_is_wider_than_a_screen() {
    let mut wide = Vec::new();
    for document in documents() {
        let lines = wide_lines(&document);
        wide.extend(lines);
    }
    assert!(wide.is_empty(), "too wide:\n{}", wide.join("\n"));
}

/// All documents, and the templates that some are made from.
fn documents() -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .args(["*.md", "*.md.in"])
        .current_dir(manifest_dir());
    succeed(&mut git).lines().map(str::to_string).collect()
}

fn wide_lines(document: &str) -> Vec<String> {
    let mut section = "";
    let mut wide = Vec::new();
    let text = text(document);
    for (number, line) in text.lines().enumerate() {
        section = line.strip_prefix("## ").unwrap_or(section);
        let excused = line.starts_with('|') && WIDE_TABLES.contains(&(document, section));
        if line.chars().count() > COLUMNS && !excused {
            wide.push(format!("{document}:{}: {line}", number + 1));
        }
    }
    wide
}

/// Where the links of a document lead.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_string())
        .collect()
}

fn leads_somewhere(document: &str, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = Path::new(document).parent().expect("a folder");
    let file = match path {
        "" => Path::new(document).to_path_buf(),
        // What the templates become is in docs/.
        _ if document == "benches/performance.md.in" => Path::new("docs").join(path),
        _ if document == "benches/limits.md.in" => Path::new("docs/performance").join(path),
        _ => folder.join(path),
    };
    let there = manifest_dir().join(&file).exists();
    there && (anchor.is_empty() || has_heading(&text(file), anchor))
}

/// Whether a heading of the document is what a link calls `anchor`: in small letters, with hyphens for spaces and
/// without punctuation, as GitHub has it.
fn has_heading(text: &str, anchor: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let mut anchors = headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title
            .replace(' ', "-")
            .replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "")
    });
    anchors.any(|there| there == anchor)
}

fn text(file: impl AsRef<Path>) -> String {
    let file = manifest_dir().join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
