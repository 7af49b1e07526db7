// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The table of targets.

use super::table;
use crate::verdict::{Bound, Held, Outcome, Verdict};

pub fn all(verdicts: &[Verdict]) -> String {
    let exact = |value: f64| format!("{value:.3}");
    let rows: Vec<Vec<String>> = verdicts
        .iter()
        .map(|verdict| {
            let measured = verdict.measured.map_or("not measured".into(), |measured| {
                let (least, most) = (exact(measured.least), exact(measured.most));
                format!("{} ({least} to {most})", exact(measured.median))
            });
            let (sign, bound) = match verdict.bound {
                Bound::AtLeast(bound) => ('≥', bound),
                Bound::AtMost(bound) => ('≤', bound),
            };
            let held = match verdict.held {
                Held::Median => "",
                Held::Each => " each",
            };
            vec![
                verdict.case.clone(),
                verdict.what.clone(),
                format!("{sign} {}{held}", (bound * 1e3).round() / 1e3),
                measured,
                verdict.control.map_or("–".into(), |own| {
                    format!("{} to {}", exact(own.least), exact(own.most))
                }),
                match verdict.outcome() {
                    Outcome::Met => "met",
                    Outcome::Noise => "within noise",
                    Outcome::NotMet => "**not met**",
                }
                .into(),
            ]
        })
        .collect();
    let header = [
        "case",
        "figure",
        "target",
        "measured (least to most)",
        "libbpf to itself",
        "",
    ];
    table(&header, &rows)
}

/// How many targets came to what.
pub fn summary(verdicts: &[Verdict]) -> String {
    let count = |outcome| {
        let with = verdicts
            .iter()
            .filter(|verdict| verdict.outcome() == outcome);
        with.count()
    };
    format!(
        "{} of {} are met, {} within noise, {} not met.",
        count(Outcome::Met),
        verdicts.len(),
        count(Outcome::Noise),
        count(Outcome::NotMet),
    )
}
