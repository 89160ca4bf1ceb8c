//! Which files somebody has open for writing, as far as events show (rule 13). Knows names, not
//! contents.

use super::watch_table::WatchTable;
use crate::index::Index;
use crate::watch::paths::join;
use crate::watch::source::{NameChange, WatchId};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// For how long a file counts as open that was created and that nobody has closed: it may be a
/// link, which nobody ever closes.
const CREATED_IS_OPEN: Duration = Duration::from_millis(50);

/// The same for a file that was written to: it may be the log of a program that goes on.
const MODIFIED_IS_OPEN: Duration = Duration::from_secs(1);

/// A name in a watched directory.
pub(super) type NameKey = (WatchId, Box<[u8]>);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct OpenWriters {
    /// Until when a file counts as open.
    until: HashMap<NameKey, Instant>,
}

impl OpenWriters {
    /// Takes note of what was reported of a name.
    pub(super) fn record(&mut self, name: &NameKey, change: NameChange, now: Instant) {
        match change {
            NameChange::Created => {
                self.until.insert(name.clone(), now + CREATED_IS_OPEN);
            }
            NameChange::Modified => {
                self.until.insert(name.clone(), now + MODIFIED_IS_OPEN);
            }
            NameChange::ClosedAfterWrite | NameChange::Removed | NameChange::MovedFrom(_) => {
                self.until.remove(name);
            }
            NameChange::Attributes | NameChange::MovedTo(_) => {}
        }
    }

    /// Paths of the files that are open, relative to the root, and when the first of them does not
    /// count as open any more.
    pub(super) fn paths(
        &mut self,
        watches: &WatchTable,
        index: &Index,
        now: Instant,
    ) -> (BTreeSet<PathBuf>, Option<Instant>) {
        self.until.retain(|_, until| *until > now);
        let paths = self.until.keys().filter_map(|(watch, name)| {
            let dir = index.path(watches.dir_of(*watch)?);
            Some(PathBuf::from(OsStr::from_bytes(&join(&dir, name))))
        });
        (paths.collect(), self.until.values().min().copied())
    }
}
