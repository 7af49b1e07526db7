// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim top` in a terminal.

mod draw;
mod view;

use crate::error::{Failure, Result, Status, words};
use crate::signals::Signals;
use crate::survey::Survey;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};
use view::View;

/// The readers are looked for among all processes this often, and when there is a new ring.
const SEARCH: Duration = Duration::from_secs(2);

/// Runs until the user has seen enough.
pub fn run(interval: Duration) -> Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::new(
            Status::Usage,
            "top: not a terminal; --once, --json and --prometheus print once, to anything",
        ));
    }
    // A failure here is told in one line, before the screen is another one.
    let mut survey = Survey::lasting();
    survey.sample()?;
    survey.find_readers()?;
    // A signal shall not leave the terminal as it is now.
    let signals = Signals::block();
    let mut terminal = ratatui::try_init().map_err(|error| failed(&error))?;
    let result = show(&mut terminal, &mut survey, &signals, interval);
    ratatui::restore();
    result
}

fn show(
    terminal: &mut DefaultTerminal,
    survey: &mut Survey,
    signals: &Signals,
    interval: Duration,
) -> Result<()> {
    let mut view = View::new();
    let mut searched = Instant::now();
    let mut next = Instant::now();
    while signals.wait(Duration::ZERO).is_none() {
        if Instant::now() >= next {
            let before = survey.rings.len();
            survey.sample()?;
            survey.count_records();
            if searched.elapsed() >= SEARCH || survey.rings.len() > before {
                survey.find_readers()?;
                searched = Instant::now();
            }
            view.update(survey.rows(interval), survey.hidden);
            next = Instant::now() + interval;
        }
        let drawn = terminal.draw(|frame| draw::screen(frame, &mut view));
        drawn.map_err(|error| failed(&error))?;
        let time = next.saturating_duration_since(Instant::now());
        if event::poll(time).map_err(|error| failed(&error))? {
            match event::read().map_err(|error| failed(&error))? {
                Event::Key(key) if view.key(key) => return Ok(()),
                _ => {}
            }
        }
    }
    Ok(())
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(Status::System, format!("terminal: {}", words(error)))
}
