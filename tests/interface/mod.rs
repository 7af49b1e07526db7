// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The functions of a C header in a form in which two headers can be compared.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Name → signature: types only, aliases and names of parameters resolved away.
pub fn signatures(
    header: &Path,
    include: Option<PathBuf>,
    allowed: &str,
) -> BTreeMap<String, String> {
    let mut builder = bindgen::Builder::default()
        .header(header.to_str().expect("a path in UTF-8"))
        .allowlist_function(allowed)
        .layout_tests(false)
        .generate_comments(false)
        .formatter(bindgen::Formatter::None);
    if let Some(include) = include {
        builder = builder.clang_arg(format!("-I{}", include.display()));
    }
    let bindings = builder.generate().expect("bindgen understands the header");
    let tokens = tokenize(&bindings.to_string());
    let aliases = aliases(&tokens);
    let mut signatures = BTreeMap::new();
    for at in 0..tokens.len() {
        // In the blocks `unsafe extern "C" { pub fn name (...) -> type ; }`.
        if tokens[at] == "fn" && at > 0 && tokens[at - 1] == "pub" {
            let end = at + position(&tokens[at..], ";");
            let signature = resolve(&tokens[at + 2..end], &aliases);
            signatures.insert(tokens[at + 1].clone(), signature.join(" "));
        }
    }
    signatures
}

/// `pub type name = tokens ;`
fn aliases(tokens: &[String]) -> HashMap<String, Vec<String>> {
    let mut aliases = HashMap::new();
    for at in 0..tokens.len() {
        if tokens[at] == "type" && tokens.get(at + 2).is_some_and(|token| token == "=") {
            let end = at + position(&tokens[at..], ";");
            aliases.insert(tokens[at + 1].clone(), tokens[at + 3..end].to_vec());
        }
    }
    // An unsigned int and a 32-bit integer are one type in C.
    aliases.insert("c_uint".into(), vec!["u32".into()]);
    aliases
}

fn resolve(tokens: &[String], aliases: &HashMap<String, Vec<String>>) -> Vec<String> {
    let mut resolved = Vec::new();
    for at in 0..tokens.len() {
        let token = &tokens[at];
        let is_name = tokens.get(at + 1).is_some_and(|next| next == ":");
        // The path before a type says nothing: it is std's.
        let is_path = ["std", "os", "raw", "option", "core", "ffi"].contains(&token.as_str());
        if is_name || is_path || token == ":" || token == "::" {
            continue;
        }
        match aliases.get(token) {
            Some(meaning) => resolved.extend(resolve(meaning, aliases)),
            None => resolved.push(token.clone()),
        }
    }
    // A comma after the last parameter is nothing either.
    let mut at = 1;
    while at < resolved.len() {
        if resolved[at] == ")" && resolved[at - 1] == "," {
            resolved.remove(at - 1);
        } else {
            at += 1;
        }
    }
    resolved
}

fn position(tokens: &[String], wanted: &str) -> usize {
    tokens
        .iter()
        .position(|token| token == wanted)
        .expect("bindgen's text is complete")
}

/// Words, `::` and `->`, and single characters.
fn tokenize(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(first) = characters.next() {
        let mut token = String::from(first);
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        if first.is_whitespace() {
            continue;
        } else if is_word(first) {
            while let Some(next) = characters.next_if(|&next| is_word(next)) {
                token.push(next);
            }
        } else if (first == ':' && characters.next_if_eq(&':').is_some())
            || (first == '-' && characters.next_if_eq(&'>').is_some())
        {
            token.push(if first == ':' { ':' } else { '>' });
        }
        tokens.push(token);
    }
    tokens
}
