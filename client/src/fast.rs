//! A short cut for the command lines that programs type all day. Reads no more of them than it
//! must; everything else is left to the whole command line.

use crate::cli::{Cli, Global};
use crate::commands::Command;
use crate::commands::run::RunArgs;
use crate::commands::status::StatusArgs;
use crate::render::paint::ColorChoice;
use std::ffi::OsString;

impl Cli {
    /// The commands that are typed most often, or rather by programs, read without building the
    /// whole command line: that takes a third of the time of such a call.
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
