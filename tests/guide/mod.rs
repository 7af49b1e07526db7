// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The guide's sections, with their commands, files and outputs.
//!
//! A block in `sh` is commands; one in `text` after it is what they print, where `...` stands for anything within
//! a line, and a line of it for any lines. Any other block is a file if the line before it is its name:
//! `` `reader.c`: ``.

pub struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

pub enum Block {
    File {
        name: String,
        text: String,
    },
    Commands {
        script: String,
        prints: Option<String>,
    },
}

/// The sections that have something to run.
pub fn sections(guide: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = guide.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section {
                title: title.to_string(),
                blocks: Vec::new(),
            });
        }
        if let Some(language) = line.strip_prefix("```") {
            let text: String = lines
                .by_ref()
                .take_while(|line| *line != "```")
                .flat_map(|line| [line, "\n"])
                .collect();
            let section = sections.last_mut().expect("a block is in a section");
            section.add(language, before, text);
        }
        before = line;
    }
    sections.retain(|section| !section.blocks.is_empty());
    sections
}

impl Section {
    fn add(&mut self, language: &str, before: &str, text: String) {
        let name = before
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix("`:"));
        match (language, name) {
            ("sh", _) => self.blocks.push(Block::Commands {
                script: text,
                prints: None,
            }),
            ("text", _) => match self.blocks.last_mut() {
                Some(Block::Commands { prints, .. }) => *prints = Some(text),
                _ => panic!("{}: nothing prints\n{text}", self.title),
            },
            (_, Some(name)) => self.blocks.push(Block::File {
                name: name.to_string(),
                text,
            }),
            // To be read.
            ("ini", None) => {}
            _ => panic!("{}: neither commands nor a file:\n{text}", self.title),
        }
    }
}

/// Is this what the guide says?
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<&str> = pattern.lines().collect();
    let text: Vec<&str> = text.lines().collect();
    lines_match(&pattern, &text)
}

fn lines_match(pattern: &[&str], text: &[&str]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (["...", rest @ ..], _) => {
            (0..=text.len()).any(|skipped| lines_match(rest, &text[skipped..]))
        }
        ([first, pattern @ ..], [line, text @ ..]) => {
            line_matches(first, line) && lines_match(pattern, text)
        }
        _ => false,
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once("...") {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            line.char_indices()
                .map(|(at, _)| at)
                .chain([line.len()])
                .any(|at| line_matches(rest, &line[at..]))
        }),
    }
}
