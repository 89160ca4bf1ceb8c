//! Errors as JSON, for those who asked for JSON: standard output then has a document in every case.

use super::document::document;
use crate::command_error::CommandError;
use serde::Serialize;
use std::ffi::OsString;

/// Body of `bd.error/1`, and of the last line of `--events`.
#[derive(Serialize)]
struct Failed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    error: Body<'a>,
}

/// What kind of JSON is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Document,
    Lines,
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

/// The JSON that a command line asks for, as far as can be seen without understanding it.
pub(crate) fn wanted(args: &[OsString]) -> Option<Wanted> {
    args.iter().take_while(|arg| *arg != "--").find_map(|arg| match arg.to_str()? {
        "--json" => Some(Wanted::Document),
        "--events" | "--json-lines" => Some(Wanted::Lines),
        _ => None,
    })
}

/// Why a command did not do its part; nothing where a line of events has said so.
pub(crate) fn of(error: &CommandError, wanted: Wanted) -> String {
    if wanted == Wanted::Lines && matches!(error, CommandError::WatchEnded { .. }) {
        return String::new();
    }
    let (message, hint, exit_code) = (error.sentence(), error.hint(), error.exit_code());
    failed(wanted, Body { code: error.code(), message: &message, hint, exit_code })
}

/// What is wrong with a command line, as clap says it.
pub(crate) fn of_usage(text: &str, wanted: Wanted) -> String {
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let hint = "`bdctl help` shows the commands, `bdctl COMMAND --help` its options";
    failed(wanted, Body { code: "usage", message, hint: Some(hint.to_owned()), exit_code: 2 })
}

fn failed(wanted: Wanted, error: Body<'_>) -> String {
    match wanted {
        Wanted::Document => document("bd.error/1", &Failed { event: None, error }),
        Wanted::Lines => document("bd.event/1", &Failed { event: Some("error"), error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_wanted_by_bdctl_and_not_by_the_command() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(wanted(&words("wait --json b1")), Some(Wanted::Document));
        assert_eq!(wanted(&words("run --events -- true")), Some(Wanted::Lines));
        assert_eq!(wanted(&words("run -- cargo --json")), None);
    }
}
