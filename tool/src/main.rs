// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The program `rbshim`.

use clap::Parser;
use rbshim_tool::cli::{Cli, Command};
use rbshim_tool::error::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(options) => rbshim_tool::run::run(&options).map(|()| 0),
        Command::Top(options) => rbshim_tool::top::top(&options).map(|()| 0),
        Command::Kick(options) => rbshim_tool::kick::kick(&options),
        Command::Watch(options) => rbshim_tool::watch::watch(&options).map(|()| 0),
        Command::Guard(options) => rbshim_tool::guard::guard(&options),
        Command::Check(options) => rbshim_tool::check::check(&options),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(Failure { status, message }) => {
            eprintln!("rbshim: {message}");
            ExitCode::from(status as u8)
        }
    }
}
