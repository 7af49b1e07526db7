// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim top`: every ring of the machine.

mod json;
mod live;
mod prometheus;
mod table;

use crate::cli::Top;
use crate::error::{Failure, Result, Status};
use crate::survey::Survey;
use std::io::{self, Write};
use std::time::Duration;

/// Shows the rings once, or until the user has seen enough.
pub fn top(options: &Top) -> Result<()> {
    let interval = Duration::from_millis(options.interval);
    if options.once || options.json || options.prometheus {
        once(options, interval)
    } else {
        live::run(interval)
    }
}

fn once(options: &Top, interval: Duration) -> Result<()> {
    let mut survey = Survey::default();
    survey.sample()?;
    // A fast ring goes round between two looks, and has no record left that could be counted. A look in between sees how
    // large its records are.
    let short = interval / 10;
    for time in [short, interval - short] {
        std::thread::sleep(time);
        survey.sample()?;
        survey.count_records();
    }
    survey.find_readers()?;
    // What has not moved since the first look has waited as long as can be said.
    let rows = survey.rows(interval);
    let text = if options.json {
        json::rows(&rows, survey.hidden)
    } else if options.prometheus {
        prometheus::rows(&rows)
    } else {
        table::rows(&rows, survey.hidden)
    };
    print(&text)
}

/// Prints it. Who has closed the pipe has read enough.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Status::System,
            format!("stdout: {}", crate::error::words(&error)),
        )),
        _ => Ok(()),
    }
}
