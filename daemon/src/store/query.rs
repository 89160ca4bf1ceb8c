//! Questions about the builds of the past, and why they may have no answer.

use super::database::Database;
use super::history_scope::HistoryScope;
use super::record::BuildRecord;
use crate::model::{BuildId, BuildView};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Which builds are asked for.
#[derive(Clone, Debug)]
pub(super) enum HistoryQuery {
    /// The newest ones, at most so many.
    Newest {
        /// Most builds.
        limit: usize,
        /// Where they ran.
        scope: HistoryScope,
        /// Only older ones than this.
        before: Option<BuildId>,
    },
    /// Those whose ids lie in this inclusive range, at most two: one is the answer, two are too
    /// many.
    Between(BuildId, BuildId),
    /// Those whose ids begin with this text, at most two.
    Beginning(String),
}

/// Why history could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The store is closed, which is the last thing a daemon does.
    #[error("the daemon is stopping")]
    Stopping,
    /// There is no database: it does not open, or is opened again at this moment.
    #[error("the store could not be opened; see bdctl status")]
    Unavailable,
}

impl HistoryQuery {
    /// The answer, with builds that are not in the database yet, or not as they are now.
    pub(super) fn run(
        &self,
        database: &Database,
        unwritten: &BTreeMap<u64, Box<BuildRecord>>,
    ) -> Vec<BuildView> {
        match self {
            Self::Newest { limit, scope, before } => {
                let before = before.map(|build| build.0);
                let end = before.map_or(Bound::Unbounded, Bound::Excluded);
                let new = unwritten.range((Bound::Unbounded, end)).rev();
                merged(new, database.builds_before(before), unwritten)
                    .filter(|record| record.is_in(scope))
                    .take(*limit)
                    .map(BuildRecord::into_view)
                    .collect()
            }
            Self::Beginning(text) => {
                let begins = |id: u64| BuildId(id).begins_with(text);
                let new = unwritten.iter().rev().filter(|(id, _)| begins(**id));
                merged(new, database.builds_with(begins), unwritten)
                    .take(2)
                    .map(BuildRecord::into_view)
                    .collect()
            }
            Self::Between(from, to) => {
                let new = unwritten.range(from.0..=to.0).rev();
                merged(new, database.builds_between(from.0, to.0), unwritten)
                    .take(2)
                    .map(BuildRecord::into_view)
                    .collect()
            }
        }
    }
}

/// Both, newest first; of a build that is in both, the one that is not written yet.
fn merged<'a>(
    new: impl Iterator<Item = (&'a u64, &'a Box<BuildRecord>)>,
    written: impl Iterator<Item = BuildRecord>,
    unwritten: &BTreeMap<u64, Box<BuildRecord>>,
) -> impl Iterator<Item = BuildRecord> {
    let mut new = new.map(|(_, record)| (**record).clone()).peekable();
    let mut written = written.filter(|record| !unwritten.contains_key(&record.id)).peekable();
    std::iter::from_fn(move || match (new.peek(), written.peek()) {
        (Some(ours), Some(theirs)) if ours.id < theirs.id => written.next(),
        (Some(_), _) => new.next(),
        (None, _) => written.next(),
    })
}
