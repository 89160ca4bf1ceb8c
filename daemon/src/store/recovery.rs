//! What a daemon learns from the store that an earlier one left, and what it corrects there.

use super::database::Database;
use super::error::{StoreError, StoreWarning};
use super::record::BuildRecord;
use crate::model::{Digest, Exit, Phase};
use std::path::PathBuf;

/// Builds whose durations are learned when the store is opened.
const REMEMBERED: usize = 2_000;

/// What was found when the store was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Durations of past builds, by command shape, in milliseconds, oldest first.
    pub durations: Vec<(Digest, u64)>,
    /// The largest number that any id has.
    pub last_id: u64,
    /// Whether the daemon before ended without closing the store.
    pub unclean: bool,
    /// Builds that had not ended and now have, as interrupted.
    pub interrupted: usize,
    /// Workspaces whose rules may be run on change: which rules, where that is known.
    pub consents: Vec<(PathBuf, Option<Digest>)>,
    /// What the operator should know.
    pub warnings: Vec<StoreWarning>,
}

impl Recovered {
    /// What a database holds, before anything is corrected in it.
    pub(super) fn from_database(database: &Database) -> Self {
        Self {
            durations: durations(database),
            last_id: database.last_id(),
            unclean: database.unclean,
            interrupted: 0,
            consents: database.snapshots.consents(),
            warnings: Vec::new(),
        }
    }

    /// Nothing but a warning.
    pub(super) fn warning(warning: impl Into<StoreWarning>) -> Self {
        Self { warnings: vec![warning.into()], ..Self::default() }
    }
}

/// Ends the builds that a killed daemon left, as interrupted. Returns how many there were.
pub(super) fn interrupt_unfinished(database: &Database, now_ms: u64) -> Result<usize, StoreError> {
    if !database.unclean {
        return Ok(0);
    }
    // The builds of this daemon are there too when the store is opened again.
    let left = |record: &BuildRecord| record.end.is_none() && record.submitted_ms < now_ms;
    let unfinished: Vec<_> = database.builds().filter(left).collect();
    let count = unfinished.len();
    for record in unfinished {
        database.put_build(&record.interrupted(now_ms))?;
    }
    database.flush()?;
    Ok(count)
}

fn durations(database: &Database) -> Vec<(Digest, u64)> {
    let mut durations: Vec<_> = database
        .builds()
        .take(REMEMBERED)
        .filter_map(|record| {
            let view = record.into_view();
            let Phase::Ended { outcome, .. } = &view.phase else { return None };
            let result = outcome.result.as_ref()?;
            matches!(result.exit, Exit::Code(_)).then(|| (view.command.shape(), result.duration_ms))
        })
        .collect();
    durations.reverse();
    durations
}
