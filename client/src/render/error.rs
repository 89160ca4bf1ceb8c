//! Errors as JSON, for those who asked for JSON: standard output then has a document in every case.

use super::document::document;
use crate::command_error::CommandError;
use serde::Serialize;
use std::ffi::OsString;

/// Body of `bd.error/1`.
#[derive(Serialize)]
struct Failed<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    /// Stable, for programs.
    code: &'a str,
    /// One sentence, for people.
    message: &'a str,
    hint: Option<String>,
    exit_code: u8,
}

/// Whether the command line asks for JSON, as far as can be seen without understanding it.
pub(crate) fn wants_json(args: &[OsString]) -> bool {
    let own = args.iter().take_while(|arg| *arg != "--");
    own.into_iter().any(|arg| arg == "--json" || arg == "--events" || arg == "--json-lines")
}

/// Why a command did not do its part.
pub(crate) fn of(error: &CommandError) -> String {
    let (message, hint, exit_code) = (error.sentence(), error.hint(), error.exit_code());
    let error = Body { code: error.code(), message: &message, hint, exit_code };
    document("bd.error/1", &Failed { error })
}

/// What is wrong with a command line, as clap says it.
pub(crate) fn of_usage(text: &str) -> String {
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let hint =
        Some("`bdctl help` shows the commands, `bdctl COMMAND --help` its options".to_owned());
    document("bd.error/1", &Failed { error: Body { code: "usage", message, hint, exit_code: 2 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_wanted_by_bdctl_and_not_by_the_command() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&words("wait --json b1")));
        assert!(wants_json(&words("run --events -- true")));
        assert!(!wants_json(&words("run -- cargo --json")));
    }
}
