//! The command line of `watch`. Does nothing.

use super::{Terms, WorkspaceLocator};
use clap::Args;
use std::ffi::OsString;

/// Run a command now, and again whenever files change
///
/// What is ignored does not count. A change while the command runs ends that run, and another one
/// starts with the newest files. An argument that is {changed} becomes the paths that changed;
/// BD_CHANGED_FILES names a file that lists them. Ctrl-C ends it all.
#[derive(Debug, Args)]
#[command(
    after_help = "Patterns are lines of a .gitignore in the root: `src/`, `*.rs`, `src/**/*.ts`, `!*.snap`.\n\n\
                  Examples:\n  bdctl watch -- cargo check\n  \
                  bdctl watch --on '*.rs' --on Cargo.toml --clear -- cargo test\n  \
                  bdctl watch --no-initial --on '*.py' -- ruff check {changed}\n  \
                  bdctl watch --notify --quiet -- make\n  \
                  bdctl watch --exit-on-failure -- ./check.sh   # exits with its code"
)]
pub(crate) struct WatchArgs {
    /// Only files that fit this pattern count; may be repeated, `!PATTERN` leaves out
    #[arg(long, value_name = "GLOB")]
    pub(crate) on: Vec<OsString>,
    /// Do not run before something has changed
    #[arg(long)]
    pub(crate) no_initial: bool,
    /// Clear the screen before each run, on a terminal
    #[arg(long, conflicts_with = "events")]
    pub(crate) clear: bool,
    /// Ring the bell and show a notification when a run ends, on a terminal
    #[arg(long)]
    pub(crate) notify: bool,
    /// Exit with the command's code when a run fails
    #[arg(long)]
    pub(crate) exit_on_failure: bool,
    #[command(flatten)]
    pub(crate) place: WorkspaceLocator,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// Print what happens as JSON lines
    #[arg(long, visible_alias = "json-lines")]
    pub(crate) events: bool,
    /// Say nothing of our own but warnings and errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn watch(arguments: &[&str]) -> WatchArgs {
        let cli = Cli::parse_from([&["bdctl", "watch"], arguments].concat());
        let Command::Watch(args) = cli.command else { panic!("not watch") };
        *args
    }

    #[test]
    fn patterns_are_options_and_the_rest_is_the_command() {
        let args = watch(&["--on", "*.rs", "--on", "!gen/", "--", "sh", "-c", "--clear {changed}"]);
        assert_eq!(args.on, ["*.rs", "!gen/"]);
        assert_eq!(args.command, ["sh", "-c", "--clear {changed}"]);
        assert!(!args.clear && !args.no_initial);
    }

    #[test]
    fn options_are_those_of_run_where_both_have_them() {
        let args = watch(&["--timeout", "2s", "--no-join", "-C", "sub", "--env", "A=b", "true"]);
        assert_eq!(args.terms.timeout, Some(std::time::Duration::from_secs(2)));
        assert!(args.terms.no_join && !args.terms.join);
        assert_eq!(args.place.cwd, Some("sub".into()));
        assert!(watch(&["--json-lines", "true"]).events);
        for wrong in [&["--join", "--no-join", "true"][..], &["--clear", "--events", "true"], &[]] {
            assert!(Cli::try_parse_from([&["bdctl", "watch"], wrong].concat()).is_err());
        }
    }
}
