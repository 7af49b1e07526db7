// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The findings, for people and for programs.

use super::{Finding, Reach, RingUse};
use crate::text::{bytes, plain};
use serde_json::{Value, json};

/// The verdict first, then the reasons.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&format!(
            "{}: {}\n",
            finding.subject,
            finding.reach.sentence()
        ));
        if finding.exposed == Some(true) {
            text.push_str("    it waits edge-triggered, so it can sleep on a record for ever\n");
        }
        for reason in &finding.reasons {
            text.push_str(&format!("    {reason}\n"));
        }
        for ring in &finding.rings {
            text.push_str(&format!("    {}\n", line(ring)));
        }
    }
    text
}

fn line(of: &RingUse) -> String {
    let ring = &of.ring;
    let asleep = if of.waits_now {
        ", asleep in it now"
    } else {
        ""
    };
    format!(
        "ring {} ({}), {} of {}: waits {}{asleep}",
        ring.id,
        plain(&ring.name),
        ring.kind.name(),
        bytes(ring.size),
        of.how.name()
    )
}

/// A list.
pub fn json(findings: &[Finding]) -> String {
    let list: Vec<Value> = findings.iter().map(one).collect();
    format!("{:#}\n", Value::from(list))
}

fn one(finding: &Finding) -> Value {
    let rings: Vec<Value> = finding
        .rings
        .iter()
        .map(|of| {
            json!({
                "id": of.ring.id,
                "name": String::from_utf8_lossy(&of.ring.name),
                "kind": of.ring.kind.name(),
                "size": of.ring.size,
                "waits": of.how.name(),
                "asleep": of.waits_now,
            })
        })
        .collect();
    json!({
        "subject": finding.subject,
        "pid": finding.pid,
        "verdict": finding.reach.name(),
        "rbshim": finding.reach == Reach::Active,
        "exposed": finding.exposed,
        "reasons": finding.reasons,
        "rings": rings,
    })
}
