// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Draws the view, in a terminal of any size.

use super::view::View;
use crate::state::State;
use crate::survey::Row;
use crate::text::plain_str;
use crate::top::table;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table, TableState};

/// A column: its place in [`table::cells`], its width, and the width of the terminal from which it is shown.
struct Column {
    cell: usize,
    width: u16,
    from: u16,
}

/// The history is no cell of the table of text.
const HISTORY: usize = usize::MAX;
const HISTORY_WIDTH: u16 = 16;
const STATE: usize = 9;

const COLUMNS: [Column; 12] = [
    column(0, 6, 0),
    column(1, 15, 30),
    column(2, 9, 140),
    column(3, 6, 120),
    column(4, 5, 0),
    column(5, 5, 140),
    column(HISTORY, HISTORY_WIDTH, 90),
    column(6, 8, 60),
    column(7, 8, 70),
    column(8, 8, 100),
    column(STATE, 10, 0),
    column(10, 0, 45),
];

const fn column(cell: usize, width: u16, from: u16) -> Column {
    Column { cell, width, from }
}

/// The whole screen.
pub fn screen(frame: &mut Frame<'_>, view: &mut View) {
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    rings(frame, body, view);
    frame.render_widget(Paragraph::new(summary(view)), head);
    frame.render_widget(Paragraph::new(keys(view)), foot);
}

fn summary(view: &View) -> Line<'static> {
    let (shown, all) = (view.shown(), view.rows().len());
    let mut parts = vec![Span::raw(if shown.len() == all {
        format!("{all} rings")
    } else {
        format!("{} of {all} rings", shown.len())
    })];
    for state in State::ALL {
        let count = shown.iter().filter(|row| row.state == state).count();
        if count > 0 {
            parts.push(Span::raw("  "));
            parts.push(Span::styled(
                format!("{count} {}", state.name()),
                style(state),
            ));
        }
    }
    if view.hidden > 0 {
        let processes = if view.hidden == 1 {
            "process"
        } else {
            "processes"
        };
        parts.push(Span::raw(format!("  {} {processes} not seen", view.hidden)));
    }
    Line::from(parts)
}

fn keys(view: &View) -> Line<'static> {
    if view.typing {
        return Line::from(format!("filter: {}_", plain_str(&view.filter)));
    }
    let filter = if view.filter.is_empty() {
        String::new()
    } else {
        format!(" = {}", plain_str(&view.filter))
    };
    let text = format!(
        "q quit  / filter{filter}  s sort: {}  r reverse",
        view.sort.name()
    );
    Line::styled(text, Style::new().add_modifier(Modifier::DIM))
}

fn rings(frame: &mut Frame<'_>, area: Rect, view: &mut View) {
    let rows = view.shown();
    let count = rows.len();
    let shown = || COLUMNS.iter().filter(|column| column.from <= area.width);
    let heading = |column: &Column| match column.cell {
        HISTORY => "HISTORY",
        cell => table::HEADINGS[cell],
    };
    let lines: Vec<TableRow<'_>> = rows
        .iter()
        .map(|row| {
            let cells = table::cells(row);
            TableRow::new(shown().map(|column| match column.cell {
                HISTORY => Cell::from(history(view, row)),
                STATE => Cell::from(cells[STATE].clone()).style(style(row.state)),
                cell => Cell::from(cells[cell].clone()),
            }))
        })
        .collect();
    let widths = shown().map(|column| match column.width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(width),
    });
    let head = TableRow::new(shown().map(heading)).style(Style::new().add_modifier(Modifier::BOLD));
    let table = Table::new(lines, widths)
        .header(head)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = view.selected.min(count.saturating_sub(1));
    let mut state = TableState::new().with_selected((count > 0).then_some(selected));
    frame.render_stateful_widget(table, area, &mut state);
    view.selected = selected;
}

/// How full the ring was at the last looks.
fn history(view: &View, row: &Row) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let fills: Vec<u8> = view.history(row.ring.id).collect();
    let last = fills.len().saturating_sub(usize::from(HISTORY_WIDTH));
    let level = |fill: &u8| match fill {
        0 => ' ',
        fill => LEVELS[usize::from(fill / 32)],
    };
    fills[last..].iter().map(level).collect()
}

fn style(state: State) -> Style {
    let color = match state {
        State::Stuck => Color::Red,
        State::Suspected | State::BackingUp => Color::Yellow,
        State::Paused | State::NoReader => Color::Magenta,
        State::Flowing => Color::Green,
        State::Idle => return Style::new(),
    };
    let style = Style::new().fg(color);
    if state == State::Stuck {
        style.add_modifier(Modifier::BOLD)
    } else {
        style
    }
}

#[cfg(test)]
mod tests;
