//! Questions about the builds of the past, and why they may have no answer.

use super::database::Database;
use super::history_scope::HistoryScope;
use super::record::BuildRecord;
use crate::model::{BuildId, BuildView};

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
    pub(super) fn run(&self, database: &Database) -> Vec<BuildView> {
        match self {
            Self::Newest { limit, scope, before } => database
                .builds_before(before.map(|build| build.0))
                .filter(|record| record.is_in(scope))
                .take(*limit)
                .map(BuildRecord::into_view)
                .collect(),
            Self::Between(from, to) => {
                database.builds_between(from.0, to.0).take(2).map(BuildRecord::into_view).collect()
            }
        }
    }
}
