//! `bdctl`, the command line of the build daemon.

mod args;
mod caller;
mod cli;
mod command_error;
mod commands;
mod fast;
mod follow;
mod in_place;
mod jobserver;
mod process_state;
mod render;
mod request;
mod values;

use bd_protocol::shown;
use caller::Caller;
use clap::CommandFactory as _;
use command_error::CommandError;

fn main() {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let cli = cli::Cli::fast(&args).unwrap_or_else(|| parse(&args));
    let caller = Caller {
        session: cli.global.session,
        color: cli.global.color,
        command_line: cli::Cli::command,
    };
    let code = match commands::dispatch(cli.command, &caller) {
        Ok(code) => code,
        Err(error) => {
            // The reader that closed our output does not want to read about that.
            if !matches!(error, CommandError::OutputClosed) {
                eprintln!("bdctl: {}", shown::lines(&error.sentence()));
                if let Some(hint) = error.hint() {
                    eprintln!("hint: {}", shown::lines(&hint));
                }
                if let Some(wanted) = render::error::wanted(&args) {
                    // It has been said already, and standard output may be what failed.
                    let _ = caller::print(&render::error::of(&error, wanted));
                }
            }
            error.exit_code()
        }
    };
    std::process::exit(i32::from(code));
}

/// Parses the command line, or ends with what is wrong with it.
fn parse(args: &[std::ffi::OsString]) -> cli::Cli {
    cli::Cli::parse_all(|error| {
        if let Some(wanted) = render::error::wanted(args).filter(|_| error.use_stderr()) {
            let _ = caller::print(&render::error::of_usage(&error.to_string(), wanted));
        }
    })
}
