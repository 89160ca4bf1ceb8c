//! Keeps the index of one workspace equal to what is on disk: takes events (`events`), checks the
//! names they point at (`stat_path`), lists directories (`list`), and tells the index what it finds
//! (`merge`). Knows nothing of requests and contents.
//!
//! An event only says where to check; what the index is told is what the check finds. So events
//! that are late, doubled or out of order do no harm, and only one thing has to be ensured: that
//! every name that may have changed is checked after the change.

use super::event_feed::EventFeed;
use super::mounts::Mounts;
use super::open_writers::OpenWriters;
use super::root::WorkspaceRoot;
use super::rule_table::RuleTable;
use super::unwatched::Unwatched;
use super::watch_table::WatchTable;
use super::work_list::WorkList;
use crate::index::{Evidence, Index, Instance, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::source::ChangeSource;
use crate::watch::stat::now_ns;
use crate::workspace::{OnChange, OnChangeRules};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// How often directories that nothing covers are listed within one synchronisation. In a workspace
/// that stands still once is enough.
const COVER_TRIES: usize = 3;

/// See the [module](self).
#[derive(Debug)]
pub(in crate::watch) struct Synchronizer {
    pub(super) root: WorkspaceRoot,
    /// Absolute paths that are no part of the workspace.
    pub(super) excluded: Vec<PathBuf>,
    pub(super) source: Arc<dyn ChangeSource>,
    pub(super) index: Index,
    pub(super) watches: WatchTable,
    pub(super) rules: RuleTable,
    pub(super) unwatched: Unwatched,
    pub(super) feed: EventFeed,
    pub(super) writers: OpenWriters,
    pub(super) mounts: Mounts,
    /// Whether it has been listed as a whole.
    pub(super) is_listed: bool,
    /// When what no event reports was last checked.
    polled_at: Option<Instant>,
}

impl Synchronizer {
    /// Lists a workspace for the first time. `index` is what was known of it, if anything.
    pub(in crate::watch) fn begin(
        root: &Path,
        excluded: &[PathBuf],
        source: Arc<dyn ChangeSource>,
        index: Result<Index, Instance>,
    ) -> Result<Self, WorkspaceError> {
        let root = WorkspaceRoot::open(root)?;
        let signature = root.signature();
        let index = match index {
            // Another directory is in its place.
            Ok(saved) if saved.signature(Index::ROOT).inode != signature.inode => {
                Index::new(saved.clock().instance, signature)
            }
            Ok(saved) => saved,
            Err(instance) => Index::new(instance, signature),
        };
        let mut synchronizer = Self {
            // Before anything is listed: whatever is mounted meanwhile is listed again.
            mounts: Mounts::of(root.path()),
            rules: RuleTable::new(root.path())?,
            root,
            excluded: excluded.to_vec(),
            index,
            watches: WatchTable::new(source.clone()),
            unwatched: Unwatched::default(),
            feed: EventFeed::new(source.clone()),
            source,
            writers: OpenWriters::default(),
            is_listed: false,
            polled_at: None,
        };
        let work = synchronizer.list_first()?;
        synchronizer.run(work)?;
        synchronizer.index.begin_log();
        synchronizer.is_listed = true;
        synchronizer.index.seal();
        Ok(synchronizer)
    }

    /// Processes everything that was done before this call, by any process. What no event reports
    /// is checked unless that was done since `asked`, when the latest request came.
    pub(in crate::watch) fn sync(&mut self, asked: Instant) -> Result<(), WorkspaceError> {
        self.root.check()?;
        let now = now_ns();
        let events = self.feed.sync();
        self.apply(events)?;
        self.feed.mark_processed(now);
        let has_mounts = self.mounts.refresh(self.root.path());
        if self.rules.refresh_global(self.root.path())? || has_mounts {
            self.index.seal();
            self.list_all(BTreeSet::from([Index::ROOT]))?;
        }
        if self.polled_at.is_none_or(|at| at < asked) {
            self.poll()?;
        }
        self.cover_unwatched_dirs()?;
        self.index.seal();
        Ok(())
    }

    /// Processes what was reported up to now, without waiting.
    pub(in crate::watch) fn take(&mut self) -> Result<(), WorkspaceError> {
        let now = now_ns();
        let events = self.feed.take();
        if !events.is_empty() {
            self.apply(events)?;
            self.index.seal();
        }
        self.feed.mark_processed(now);
        if self.mounts.refresh(self.root.path()) {
            self.list_all(BTreeSet::from([Index::ROOT]))?;
            self.index.seal();
        }
        Ok(())
    }

    /// Checks what no event reports.
    pub(in crate::watch) fn poll(&mut self) -> Result<(), WorkspaceError> {
        let started = Instant::now();
        let mut work = WorkList::default();
        for (dir, name) in self.unwatched.take_unmarked(self.root.path(), &self.index) {
            // A check before may have found that it is gone.
            if self.index.is_in_use(dir) && self.index.is_dir(dir) {
                self.stat_path(dir, &name, Evidence::Stat, &mut work)?;
            }
        }
        for node in self.unwatched.linked_files(&self.index) {
            self.stat_file(node, Evidence::Unwatched(now_ns()), &mut work)?;
        }
        self.run(work)?;
        if self.watches.polled_count() > 0 {
            self.run(WorkList::of_dirs(self.watches.polled_dirs(), false))?;
        }
        self.polled_at = Some(started);
        Ok(())
    }

    /// Lists the directories that neither have a watch nor are polled. While others move them about
    /// there are some, of which events are on their way; none may stay.
    fn cover_unwatched_dirs(&mut self) -> Result<(), WorkspaceError> {
        for tries in 0..COVER_TRIES {
            let uncovered = self.uncovered_dirs();
            if uncovered.is_empty() {
                return Ok(());
            }
            self.list_all(if tries == 0 { uncovered } else { BTreeSet::from([Index::ROOT]) })?;
            let events = self.feed.sync();
            self.apply(events)?;
        }
        Ok(())
    }

    fn uncovered_dirs(&self) -> BTreeSet<NodeId> {
        let dirs = self.index.totals().dirs + 1;
        if dirs == self.watches.covered_count() as u64 {
            return BTreeSet::new();
        }
        let all = self.index.dirs_below(Index::ROOT).into_iter();
        all.filter(|dir| !self.watches.covers(*dir)).collect()
    }

    fn list_all(&mut self, dirs: BTreeSet<NodeId>) -> Result<(), WorkspaceError> {
        self.run(WorkList::of_dirs(dirs, true))
    }

    /// Checks one entry that turned out not to be as the index has it.
    pub(in crate::watch) fn restat(&mut self, node: NodeId) -> Result<(), WorkspaceError> {
        let Some(dir) = self.index.parent(node) else { return Ok(()) };
        let name: Box<[u8]> = self.index.name(node).into();
        let mut work = WorkList::default();
        self.stat_path(dir, &name, Evidence::Stat, &mut work)?;
        self.run(work)
    }

    /// Fails if another directory is at the root's path, or none.
    pub(in crate::watch) fn check_root(&self) -> Result<(), WorkspaceError> {
        self.root.check()
    }

    pub(in crate::watch) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(in crate::watch) fn index(&self) -> &Index {
        &self.index
    }

    /// The index, to record what was read, or to ask for what it works out on demand.
    pub(in crate::watch) fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    pub(in crate::watch) fn source(&self) -> &Arc<dyn ChangeSource> {
        &self.source
    }

    /// How many watches there are, and how many directories have none and are polled.
    pub(in crate::watch) fn coverage(&self) -> (usize, usize) {
        (self.watches.watch_count(), self.watches.polled_count())
    }

    /// Why one of the directories that are polled has no watch.
    pub(in crate::watch) fn polled_reason(&self) -> Option<&str> {
        self.watches.polled_reason()
    }

    /// What is wrong with ignore files and directories, as shown to people.
    pub(in crate::watch) fn problems(&self) -> impl Iterator<Item = &str> {
        self.rules.problems()
    }

    /// Whether a git command is changing the files of the workspace.
    pub(in crate::watch) fn is_git_running(&self) -> bool {
        self.rules.is_git_running()
    }

    /// What `bd.toml` has run on change.
    pub(in crate::watch) fn on_change(&self) -> &[OnChange] {
        self.rules.on_change()
    }

    /// The same, with what consent to it is bound to.
    pub(in crate::watch) fn on_change_rules(&self) -> OnChangeRules {
        let rules = self.rules.on_change().to_vec();
        OnChangeRules { digest: self.root.consent_digest(&rules), rules }
    }

    /// Paths of the files that somebody has open for writing, and when the first of them does not
    /// count as open any more.
    pub(in crate::watch) fn being_written(
        &mut self,
        now: Instant,
    ) -> (BTreeSet<PathBuf>, Option<Instant>) {
        self.writers.paths(&self.watches, &self.index, now)
    }

    /// Path of an entry.
    pub(in crate::watch) fn path_of(&self, node: NodeId) -> PathBuf {
        self.index.path_under(self.root(), node)
    }
}
