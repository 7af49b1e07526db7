// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is on the screen, in terminals of all sizes.

use super::*;
use crate::process::wait::How;
use crate::rings::census::Rate;
use crate::rings::{Kind, Ring};
use crate::survey::ReaderRow;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn row(id: u32, name: &str, unread: u64, state: State) -> Row {
    Row {
        ring: Ring {
            id,
            name: name.as_bytes().to_vec(),
            kind: Kind::Ring,
            size: 4096,
        },
        unread,
        consumer: 0,
        producer: unread,
        rates: (2048.0, 0.0),
        records: [
            Some(Rate {
                per_second: 12_300.0,
                exact: false,
            }),
            None,
        ],
        high_water: unread,
        waiting: None,
        state,
        readers: vec![ReaderRow {
            pid: 42,
            name: b"reader\x1b[2J".to_vec(),
            how: How::Edge,
            rbshim: false,
        }],
    }
}

fn view() -> View {
    let mut view = View::new();
    for unread in [0, 2048, 4096] {
        let rows = vec![
            row(7, "calm", 0, State::Idle),
            row(9, "full", unread, State::Stuck),
        ];
        view.update(rows, 0);
    }
    view
}

fn drawn(view: &mut View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| screen(frame, view)).expect("drawn");
    let buffer = terminal.backend().buffer().clone();
    let cells: Vec<&str> = buffer.content().iter().map(|cell| cell.symbol()).collect();
    let lines = cells.chunks(usize::from(width.max(1)));
    lines
        .map(|line| line.concat().trim_end().to_string())
        .collect()
}

fn press(view: &mut View, keys: &str) -> bool {
    let mut ended = false;
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            letter => KeyCode::Char(letter),
        };
        ended = view.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    ended
}

#[test]
fn the_worst_is_first_and_its_history_is_drawn() {
    let lines = drawn(&mut view(), 120, 8);
    assert_eq!(lines[0], "2 rings  1 stuck  1 idle");
    assert!(lines[1].contains("HISTORY"), "{lines:?}");
    for cell in [
        "9",
        "full",
        "100%",
        "~12k/s",
        " ▅█",
        "stuck",
        "reader\\x1b[2J[42] edge",
    ] {
        assert!(lines[2].contains(cell), "{cell}: {lines:?}");
    }
    assert!(lines[3].contains("calm"), "{lines:?}");
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for width in (0..200).step_by(7) {
        for height in [0, 1, 2, 3, 5, 50] {
            drawn(&mut view(), width, height);
        }
    }
    let lines = drawn(&mut view(), 24, 4);
    assert!(
        lines[2].contains('9') && lines[2].contains("stuck"),
        "{lines:?}"
    );
}

#[test]
fn what_is_typed_filters_and_sorts() {
    let mut view = view();
    assert!(!press(&mut view, "/CAL\n"));
    let lines = drawn(&mut view, 80, 6);
    assert_eq!(lines[0], "1 of 2 rings  1 idle");
    assert!(
        lines[2].contains("calm") && lines[3].is_empty(),
        "{lines:?}"
    );
    assert!(!press(&mut view, "\x1b"));
    press(&mut view, "sss");
    assert!(drawn(&mut view, 80, 6)[2].contains("calm"));
    press(&mut view, "r");
    assert!(drawn(&mut view, 80, 6)[2].contains("full"));
    assert!(press(&mut view, "q"));
}
