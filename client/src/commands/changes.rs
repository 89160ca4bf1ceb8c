//! `bdctl changes`: asks once, or again and again while it waits.

use crate::caller::{Caller, EXPIRED, print};
use crate::command_error::CommandError;
use crate::render::changes::lines;
use crate::render::document::document;
use crate::render::paint::Paint;
use crate::render::text::{duration, millis};
use crate::request;
use crate::values;
use bd_client::{Client, StartPolicy};
use bd_protocol::changes::{Changes, ChangesQuery, WAIT_MAX};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Show what changed in a workspace since a given clock
///
/// The last line is the clock for the next call. Everything written before the call is included;
/// ignored files are not. If the daemon does not know the clock, because it is too old or came from
/// another daemon, all files are listed.
#[derive(Debug, Args)]
#[command(after_help = "Lines: A added, M modified, D removed, R renamed.\n\nExamples:\n  \
                  bdctl changes                                # only the clock\n  \
                  bdctl changes --since c:51f0c9a40d6e7b32:17\n  \
                  bdctl changes --wait                         # until something changes\n  \
                  bdctl changes --since c:51f0c9a40d6e7b32:17 --wait=30s --json   # 124 if nothing does")]
pub(crate) struct ChangesArgs {
    /// Show changes since this clock; without it, only the clock is shown
    #[arg(long, value_name = "CLOCK")]
    pub(crate) since: Option<String>,
    /// Wait until something changes, from now on without --since; after DURATION, exit with code
    /// 124
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
        value_parser = values::duration)]
    pub(crate) wait: Option<Option<Duration>>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A directory in the workspace [default: the current one]
    pub(crate) dir: Option<PathBuf>,
}

/// Least time between two requests, should the daemon not wait: a bound on how often it is asked.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn run(args: ChangesArgs, caller: &Caller) -> Result<u8, CommandError> {
    let begun = Instant::now();
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = request::workspace(args.dir.as_deref())?;
    let query = ChangesQuery { place, since: args.since, ..ChangesQuery::default() };
    let found = match args.wait {
        None => client.changes(&query)?,
        // A duration that no clock can hold is no limit.
        Some(limit) => wait(&client, query, limit.and_then(|limit| begun.checked_add(limit)))?,
    };
    let expired = args.wait.is_some() && is_nothing(&found);
    let paint = Paint::new(caller.color, &std::io::stdout());
    print(&if args.json { document("bd.changes/1", &found) } else { lines(&found, paint) })?;
    if expired && !args.json {
        eprintln!("bdctl: nothing changed in {}", duration(millis(begun.elapsed())));
    }
    Ok(if expired { EXPIRED } else { 0 })
}

/// Asks until something has changed or the time is over.
fn wait(
    client: &Client,
    mut query: ChangesQuery,
    until: Option<Instant>,
) -> Result<Changes, CommandError> {
    if query.since.is_none() {
        query.since = Some(client.changes(&query)?.clock);
    }
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // Rounded up, so that the last wait is not cut into ever shorter ones.
        let part = left.map_or(WAIT_MAX, |left| WAIT_MAX.min(left + Duration::from_millis(1)));
        query.wait_ms = Some(millis(part));
        let asked = Instant::now();
        let found = client.changes(&query)?;
        let over = until.is_some_and(|until| until <= Instant::now());
        if over || !is_nothing(&found) {
            return Ok(found);
        }
        query.since = Some(found.clock);
        std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()).min(part));
    }
}

/// Whether nothing changed. An unknown clock counts as a change.
fn is_nothing(found: &Changes) -> bool {
    found.changes.is_empty() && !found.fresh
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;
    use clap::Parser as _;

    #[test]
    fn a_wait_may_have_a_duration_and_a_directory_is_none() {
        let changes = |arguments: &[&str]| {
            let cli = Cli::parse_from([&["bdctl", "changes"], arguments].concat());
            let Command::Changes(args) = cli.command else { panic!("not changes") };
            (args.wait, args.dir)
        };
        let seconds = Duration::from_secs;
        assert_eq!(changes(&[]), (None, None));
        assert_eq!(changes(&["--wait"]), (Some(None), None));
        assert_eq!(changes(&["--wait=2"]), (Some(Some(seconds(2))), None));
        assert_eq!(changes(&["--wait", "2"]), (Some(None), Some("2".into())));
        assert!(Cli::try_parse_from(["bdctl", "changes", "--wait=soon"]).is_err());
        assert!(Cli::try_parse_from(["bdctl", "changes", "--since"]).is_err());
    }
}
