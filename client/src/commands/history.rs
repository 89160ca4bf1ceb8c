//! `bdctl history`: lists builds, newest first.

use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::{Builds, document};
use crate::render::paint::Paint;
use crate::render::{builds, table};
use crate::request;
use bd_client::{Client, StartPolicy, workspace_at};
use bd_protocol::Build;
use bd_protocol::service::{HISTORY_MAX, HistoryQuery};
use clap::Args;
use std::path::{Path, PathBuf};

/// List past builds: what ran or was joined, for how long, and how it ended
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl history\n  bdctl history --under . --limit 5\n  bdctl history --all --json"
)]
pub(crate) struct HistoryArgs {
    /// List at most this many [default: 20]
    #[arg(long, short = 'n', value_name = "NUMBER")]
    pub(crate) limit: Option<u32>,
    /// List all builds that are kept, of all directories
    #[arg(long, conflicts_with = "under")]
    pub(crate) all: bool,
    /// List only builds that ran in this directory or below it
    #[arg(long, value_name = "DIR")]
    pub(crate) under: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// So many builds are one answer, however long their commands and lists of files are.
const CERTAIN_TO_FIT: u32 = 50;

pub(super) fn run(args: &HistoryArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let under = args.under.as_deref().map(request::directory).transpose()?;
    let limit = args.limit.or(args.all.then_some(u32::MAX));
    let query = HistoryQuery { limit, under: under.map(Into::into), workspace: None, before: None };
    let found = match limit {
        Some(limit) if limit > CERTAIN_TO_FIT => in_pages(&client, query, limit)?,
        _ => client.history(query)?,
    };
    if args.json {
        print(&document("bd.history/1", &Builds { builds: &found }))?;
    } else if found.is_empty() {
        print("no builds\n")?;
    } else {
        let stdout = std::io::stdout();
        let paint = Paint::new(caller.color, &stdout);
        print(&builds::past(&found, paint, table::width_of(&stdout)))?;
    }
    Ok(0)
}

/// As many builds as are wanted, by as many answers as it takes: one holds only what fits.
fn in_pages(client: &Client, query: HistoryQuery, limit: u32) -> Result<Vec<Build>, CommandError> {
    let most = limit as usize;
    let mut found: Vec<Build> = Vec::new();
    loop {
        let left = u32::try_from(most - found.len()).unwrap_or(u32::MAX);
        let before = found.last().map(|oldest| oldest.id.clone());
        let page = client.history(HistoryQuery {
            limit: Some(left.min(HISTORY_MAX)),
            before: before.clone(),
            ..query.clone()
        })?;
        let Some(first) = page.first() else { return Ok(found) };
        if before.is_some_and(|_| found.iter().any(|known| known.id == first.id)) {
            eprintln!("bdctl: warning: this daemon lists no more builds; there may be older ones");
            return Ok(found);
        }
        found.extend(page);
        if found.len() >= most {
            return Ok(found);
        }
    }
}

/// The newest build of the workspace that this directory is in; with `all`, of any.
pub(super) fn newest(client: &Client, all: bool) -> Result<Build, CommandError> {
    let here = request::directory(Path::new("."))?;
    let workspace = (!all).then(|| workspace_at(here));
    let query = HistoryQuery { limit: Some(1), under: None, workspace, before: None };
    let newest = client.history(query)?.into_iter().next();
    newest.ok_or(if all { CommandError::NoBuild } else { CommandError::NoBuildHere })
}
