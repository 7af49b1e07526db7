// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! docs/performance.md, from its template.

use crate::Failure;
use crate::cases::{Entry, Group};
use crate::results::Results;
use crate::targets::judge;
use crate::verdict::Verdict;
use crate::{plots, tables};
use std::fs;
use std::path::Path;

const TEMPLATE: &str = include_str!("../../performance.md.in");

/// Writes page, plots and raw figures into `docs`. Returns what was judged.
pub fn write(results: &Results, entries: &[Entry], docs: &Path) -> Result<Vec<Verdict>, Failure> {
    let folder = docs.join("performance");
    plots::draw(results, entries, &folder)?;
    results.write_csv(&folder.join("results.csv"), &folder.join("calls.csv"))?;
    let verdicts = judge(results, entries);
    fs::write(
        docs.join("performance.md"),
        page(results, entries, &verdicts)?,
    )?;
    Ok(verdicts)
}

fn page(results: &Results, entries: &[Entry], verdicts: &[Verdict]) -> Result<String, Failure> {
    let list = |lines: &mut dyn Iterator<Item = String>| lines.collect::<Vec<_>>().join("\n");
    let machine = list(
        &mut results
            .machine
            .iter()
            .map(|(name, value)| format!("- {name}: {value}")),
    );
    let failures = match results.failures.len() {
        0 => "No run failed.".into(),
        count => {
            let lines = list(
                &mut results
                    .failures
                    .iter()
                    .map(|failure| format!("- {failure}")),
            );
            format!("**{count} runs failed** (and were tried once more):\n\n{lines}")
        }
    };
    let mut page = TEMPLATE.to_string();
    for (name, text) in [
        ("machine", machine),
        ("rounds", results.rounds.to_string()),
        ("seconds", results.seconds.to_string()),
        ("runs", results.rows.len().to_string()),
        ("failures", failures),
        ("verdict", tables::verdicts::summary(verdicts)),
        ("targets", tables::verdicts::all(verdicts)),
        ("rings", tables::rings(results, entries)),
        (
            "ring-rates",
            tables::readers(results, entries, Group::RingRates),
        ),
        ("saturation", tables::saturation(results, entries)),
        ("rates", tables::readers(results, entries, Group::Rates)),
        ("windows", tables::readers(results, entries, Group::Windows)),
        (
            "back-to-back",
            tables::pairs(results, entries, Group::BackToBack),
        ),
        ("shapes", tables::pairs(results, entries, Group::Shapes)),
        ("calls", tables::timed(results)),
        ("instructions", tables::counted(results)),
    ] {
        let marker = format!("{{{{{name}}}}}");
        if !page.contains(&marker) {
            return Err(format!("the template has no {marker}").into());
        }
        page = page.replace(&marker, text.trim_end());
    }
    if page.contains("{{") {
        return Err("the template asks for something unknown".into());
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not a figure is the template's, so that the page in the repository can be put in its order by hand.
    #[test]
    fn the_page_has_the_templates_text_in_the_templates_order() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
        let page = fs::read_to_string(page).expect("the page");
        let mut lines = page.lines();
        for line in TEMPLATE.lines().filter(|line| !line.contains("{{")) {
            assert!(
                lines.any(|there| there == line),
                "not in its place: {line:?}"
            );
        }
    }
}
