// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the user sees of the rings, and in which order.

use crate::survey::Row;
use crate::text::plain;
use crate::top::table;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// So many looks of each ring are remembered.
pub const REMEMBERED: usize = 240;

/// By what the rings are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    State,
    Fill,
    Rate,
    Id,
    Name,
}

impl Sort {
    pub fn name(self) -> &'static str {
        match self {
            Sort::State => "state",
            Sort::Fill => "fill",
            Sort::Rate => "rate",
            Sort::Id => "id",
            Sort::Name => "name",
        }
    }

    fn next(self) -> Sort {
        match self {
            Sort::State => Sort::Fill,
            Sort::Fill => Sort::Rate,
            Sort::Rate => Sort::Id,
            Sort::Id => Sort::Name,
            Sort::Name => Sort::State,
        }
    }
}

pub struct View {
    rows: Vec<Row>,
    pub hidden: usize,
    pub sort: Sort,
    reverse: bool,
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    pub selected: usize,
    /// Of each ring, how full it was, in 256ths.
    history: BTreeMap<u32, VecDeque<u8>>,
}

impl View {
    pub fn new() -> View {
        View {
            rows: Vec::new(),
            hidden: 0,
            sort: Sort::State,
            reverse: false,
            filter: String::new(),
            typing: false,
            selected: 0,
            history: BTreeMap::new(),
        }
    }

    /// Takes a new look.
    pub fn update(&mut self, rows: Vec<Row>, hidden: usize) {
        self.history
            .retain(|id, _| rows.iter().any(|row| row.ring.id == *id));
        for row in &rows {
            let history = self.history.entry(row.ring.id).or_default();
            let fill = 256.0 * row.unread as f64 / row.ring.size.max(1) as f64;
            history.push_back(fill as u8);
            if history.len() > REMEMBERED {
                history.pop_front();
            }
        }
        (self.rows, self.hidden) = (rows, hidden);
    }

    /// All of them.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Those that pass the filter, in their order.
    pub fn shown(&self) -> Vec<&Row> {
        let wanted = self.filter.to_lowercase();
        let passes = |row: &&Row| {
            let text = format!(
                "{} {} {} {} {}",
                row.ring.id,
                plain(&row.ring.name),
                row.ring.kind.name(),
                row.state.name(),
                table::readers(row)
            );
            text.to_lowercase().contains(&wanted)
        };
        let mut rows: Vec<&Row> = self.rows.iter().filter(passes).collect();
        let fill = |row: &Row| Reverse(row.unread * 1000 / row.ring.size.max(1));
        match self.sort {
            Sort::State => rows.sort_by_key(|row| (row.state, fill(row))),
            Sort::Fill => rows.sort_by_key(|row| fill(row)),
            Sort::Rate => rows.sort_by(|one, other| other.rates.0.total_cmp(&one.rates.0)),
            Sort::Id => {}
            Sort::Name => rows.sort_by(|one, other| one.ring.name.cmp(&other.ring.name)),
        }
        if self.reverse {
            rows.reverse();
        }
        rows
    }

    /// How full a ring was, the last look last.
    pub fn history(&self, ring: u32) -> impl Iterator<Item = u8> + '_ {
        self.history.get(&ring).into_iter().flatten().copied()
    }

    /// Returns whether the user has seen enough.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return true;
        }
        if self.typing {
            match key.code {
                KeyCode::Enter => self.typing = false,
                KeyCode::Esc => {
                    self.typing = false;
                    self.filter.clear();
                }
                KeyCode::Backspace => {
                    self.filter.pop();
                }
                KeyCode::Char(letter) => self.filter.push(letter),
                _ => {}
            }
            return false;
        }
        match key.code {
            KeyCode::Char('q') => return true,
            KeyCode::Esc if self.filter.is_empty() => return true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('r') => self.reverse = !self.reverse,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(10),
            KeyCode::PageDown => self.selected += 10,
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = usize::MAX / 2,
            _ => {}
        }
        false
    }
}
