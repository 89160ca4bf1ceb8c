//! Tells those who wait for changes: once a burst is over, and of a file only when it is closed.

use super::contents::Wanted;
use super::workspace_actor::WorkspaceActor;
use crate::index::{Change, Debounce};
use crate::watch::error::WorkspaceError;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Instant;

impl WorkspaceActor {
    /// Tells those who wait for changes, once a burst of them is over.
    pub(super) fn tell_watching(&mut self) -> Result<(), WorkspaceError> {
        self.release_held();
        let now = self.begun.elapsed();
        let tick = self.synchronizer.index.clock().tick;
        if tick != self.told {
            let burst = self.settle.get_or_insert_with(|| Debounce::begin(now));
            burst.more(now, self.synchronizer.index.happened_since(self.told));
            self.told = tick;
        }
        let Some(burst) = self.settle else { return self.expire() };
        if self.watching.is_empty() {
            self.settle = None;
        } else if burst.wait(now, self.synchronizer.is_git_running()).is_none() {
            if !self.contents.want(&mut self.synchronizer, Wanted::Suspect)? {
                return Ok(());
            }
            self.settle = None;
            self.tell_what_is_closed();
        }
        self.expire()
    }

    /// Nothing starts on a truncate (rule 13): what somebody is writing is told when it is closed.
    pub(super) fn tell_what_is_closed(&mut self) {
        let (written, _) = self.synchronizer.being_written(Instant::now());
        for watching in std::mem::take(&mut self.watching) {
            let mut changes = self.synchronizer.index.changes_since(watching.since);
            let (held, told) =
                changes.changes.into_iter().partition(|change| written.contains(&change.path));
            changes.changes = told;
            let held: Vec<Change> = held;
            self.held.extend(held.into_iter().map(|change| change.path));
            if changes.changes.is_empty() && !changes.fresh {
                self.watching.push(watching);
            } else {
                (watching.answer)(Ok(changes));
            }
        }
    }

    /// Tells anew of what was held back and is closed by now.
    pub(super) fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let (written, _) = self.synchronizer.being_written(Instant::now());
        let (still, closed) =
            std::mem::take(&mut self.held).into_iter().partition(|path| written.contains(path));
        self.held = still;
        let closed: BTreeSet<PathBuf> = closed;
        closed.iter().for_each(|path| self.synchronizer.index.touch(path.as_os_str().as_bytes()));
        self.synchronizer.index.seal();
    }

    pub(super) fn expire(&mut self) -> Result<(), WorkspaceError> {
        let now = Instant::now();
        for watching in std::mem::take(&mut self.watching) {
            if watching.until > now {
                self.watching.push(watching);
            } else {
                (watching.answer)(Ok(self.synchronizer.index.changes_since(watching.since)));
            }
        }
        Ok(())
    }
}
