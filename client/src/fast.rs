//! A fast path for the command lines that programs use most. Parses only those; all others are left
//! to clap.

use crate::cli::{Cli, Global};
use crate::commands::Command;
use crate::commands::run::RunArgs;
use crate::commands::status::StatusArgs;
use crate::render::paint::ColorChoice;
use std::ffi::OsString;

impl Cli {
    /// Parses the most frequent command lines without building the whole clap command, which takes a
    /// third of the time of such a call. `None` for all others.
    pub(crate) fn fast(args: &[OsString]) -> Option<Self> {
        let is = |arg: &OsString, word: &str| arg == word;
        let command = match args {
            [status] if is(status, "status") => {
                Command::Status(StatusArgs { watch: false, json: false })
            }
            [status, json] if is(status, "status") && is(json, "--json") => {
                Command::Status(StatusArgs { watch: false, json: true })
            }
            [run, dashes, command @ ..]
                if is(run, "run") && is(dashes, "--") && !command.is_empty() =>
            {
                Command::Run(Box::new(RunArgs { command: command.to_vec(), ..RunArgs::default() }))
            }
            _ => return None,
        };
        Some(Self { global: Global { session: None, color: ColorChoice::default() }, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn the_fast_way_and_the_whole_way_read_the_same() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in ["status", "status --json", "run -- true", "run -- cargo test --json -- -q"] {
            let whole = Cli::parse_from(words(&format!("bdctl {line}")));
            let fast = Cli::fast(&words(line)).expect(line);
            assert_eq!(format!("{fast:?}"), format!("{whole:?}"));
        }
        for line in ["status --watch", "run true", "run --", "run --quiet -- true", "wait b1"] {
            assert!(Cli::fast(&words(line)).is_none(), "{line}");
        }
    }
}
