//! `bdctl`, the command line of the build daemon.

mod cli;
mod commands;
mod fast;
mod render;
mod values;

use clap::Parser as _;
use commands::{Caller, CommandError};

fn main() {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let cli = cli::Cli::fast(&args).unwrap_or_else(cli::Cli::parse);
    let caller = Caller { session: cli.global.session, color: cli.global.color };
    let code = match commands::dispatch(cli.command, &caller) {
        Ok(code) => code,
        Err(error) => {
            // Whoever closed our output does not want to read about it.
            if !matches!(error, CommandError::OutputClosed) {
                eprintln!("bdctl: {}", error.sentence());
                if let Some(hint) = error.hint() {
                    eprintln!("hint: {hint}");
                }
            }
            error.exit_code()
        }
    };
    std::process::exit(i32::from(code));
}
