//! Keeps the index of one workspace equal to what is on disk: takes events (`events`), looks where
//! they point (`look`), lists directories (`merge`), and tells the index what it finds. Knows
//! nothing of requests and contents.
//!
//! An event only says where to look; what is told to the index is what a look finds. So events
//! that are late, doubled or out of order do no harm, and only one thing has to be watched for:
//! that every name that may have changed is looked at after the change.

use super::unwatched::Unwatched;
use crate::index::{Evidence, Index, Instance, NodeId, Signature};
use crate::watch::error::WorkspaceError;
use crate::watch::paths::join;
use crate::watch::source::PollSource;
use crate::watch::source::{ChangeSource, FsEvent, WatchId};
use crate::watch::stat;
use crate::workspace::GlobalIgnores;
use crate::workspace::IgnoreRules;
use crate::workspace::OnChange;
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// How often directories without a watch are listed within one synchronisation. In a workspace
/// that stands still once is enough.
const TRIES: usize = 3;

/// See the [module](self).
#[derive(Debug)]
pub(in crate::watch) struct Synchronizer {
    pub(in crate::watch) root: PathBuf,
    pub(in crate::watch) excluded: Vec<PathBuf>,
    pub(in crate::watch) source: Arc<dyn ChangeSource>,
    pub(in crate::watch) index: Index,
    pub(in crate::watch) identity: Identity,
    pub(in crate::watch) watch_of: HashMap<NodeId, WatchId>,
    pub(in crate::watch) node_of: HashMap<WatchId, NodeId>,
    /// IgnoreRules of the directories that have some of their own, and of the root.
    pub(in crate::watch) rules: HashMap<NodeId, IgnoreRules>,
    pub(in crate::watch) outside: GlobalIgnores,
    /// Directories without a watch, which are listed each time, and why they have none.
    pub(in crate::watch) polled: HashMap<NodeId, String>,
    pub(in crate::watch) unwatched: Unwatched,
    /// When what no event tells about was last looked at.
    polled_at: Option<Instant>,
    /// While listings are merged, the watches that seem not to be needed any more.
    pub(in crate::watch) merging: Option<Vec<WatchId>>,
    /// Whether it has been listed as a whole.
    pub(in crate::watch) begun: bool,
    /// When all events were last taken in, in nanoseconds since 1970.
    pub(in crate::watch) heard: i64,
    /// Events were lost since then, or could not be followed up.
    pub(in crate::watch) lost: bool,
    /// Events that were told and not taken in yet.
    pub(in crate::watch) buffered_events: Vec<FsEvent>,
    /// What `bd.toml` has run on change.
    pub(in crate::watch) on_change: Vec<OnChange>,
    /// What is wrong with ignore files and directories.
    pub(in crate::watch) problems: HashMap<NodeId, Vec<String>>,
    /// Files that somebody has open for writing, as far as events tell, and until when that is
    /// believed.
    pub(in crate::watch) writing: HashMap<(WatchId, Box<[u8]>), Instant>,
}

/// What tells a root from another one in its place. An inode number is given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::watch) struct Identity {
    inode: u64,
    pub(in crate::watch) device: u64,
    mode: u32,
    /// When it was made, where the file system says so.
    born: Option<SystemTime>,
}

/// Where to look.
#[derive(Debug, Default)]
pub(in crate::watch) struct Todo {
    pub(in crate::watch) names: HashMap<(WatchId, Box<[u8]>), NameEvent>,
    /// Directories to list, with all below them.
    pub(in crate::watch) deep: BTreeSet<NodeId>,
    pub(in crate::watch) everything: bool,
    /// Directories to list, of which names were told that may be spelt otherwise.
    pub(in crate::watch) misspelt: BTreeSet<NodeId>,
    /// Files with several names that were written under one of them.
    pub(in crate::watch) written_inodes: BTreeSet<u64>,
    /// Files that have several names, as was just found out under one of them.
    pub(in crate::watch) linked_inodes: BTreeSet<u64>,
}

/// What was told of a name.
#[derive(Clone, Copy, Debug)]
pub(in crate::watch) struct NameEvent {
    pub(in crate::watch) seen: Evidence,
    /// It came: what is in it may have been looked for while it was away.
    pub(in crate::watch) came: bool,
    /// It ought to be there: that it went is not the last that was told.
    pub(in crate::watch) there: bool,
    /// Whether it was written to by this name since it was made, if either was told. If not, it may
    /// be a further name of a file that somebody has open.
    pub(in crate::watch) written: Option<bool>,
}

impl Synchronizer {
    /// Lists a workspace for the first time. `index` is what was known of it, if anything.
    pub(in crate::watch) fn begin(
        root: &Path,
        excluded: &[PathBuf],
        source: Arc<dyn ChangeSource>,
        index: Result<Index, Instance>,
    ) -> Result<Self, WorkspaceError> {
        let found = look_at_root(root)?;
        let signature = Signature { inode: found.inode, mode: found.mode, ..Signature::default() };
        let index = match index {
            // Another directory is in its place.
            Ok(saved) if saved.signature(Index::ROOT).inode != signature.inode => {
                Index::new(saved.clock().instance, signature)
            }
            Ok(saved) => saved,
            Err(instance) => Index::new(instance, signature),
        };
        let mut synchronizer = Self {
            root: root.to_path_buf(),
            excluded: excluded.to_vec(),
            source,
            index,
            identity: found,
            watch_of: HashMap::new(),
            node_of: HashMap::new(),
            rules: HashMap::new(),
            outside: global_ignores(root)?,
            polled: HashMap::new(),
            unwatched: Unwatched::default(),
            polled_at: None,
            merging: None,
            begun: false,
            heard: stat::now_ns(),
            lost: false,
            buffered_events: Vec::new(),
            on_change: Vec::new(),
            problems: HashMap::new(),
            writing: HashMap::new(),
        };
        synchronizer.rules.insert(Index::ROOT, synchronizer.outside.rules().clone());
        synchronizer.list_first()?;
        synchronizer.index.begin_log();
        synchronizer.begun = true;
        synchronizer.index.seal();
        Ok(synchronizer)
    }

    /// Lists the same workspace beside it, by looking alone.
    pub(in crate::watch) fn beside(&self) -> Result<Self, WorkspaceError> {
        Self::begin(&self.root, &self.excluded, Arc::new(PollSource), Err(Instance(0)))
    }

    pub(in crate::watch) fn root(&self) -> &Path {
        &self.root
    }

    pub(in crate::watch) fn source(&self) -> &dyn ChangeSource {
        &*self.source
    }

    /// What `bd.toml` has run on change.
    pub(in crate::watch) fn on_change(&self) -> &[OnChange] {
        &self.on_change
    }

    pub(in crate::watch) fn is_git_running(&self) -> bool {
        self.outside.is_git_running()
    }

    /// Takes in everything that was done before this call, by any process. What no event tells
    /// about is looked at unless that was done since `asked`, when the last one has asked.
    pub(in crate::watch) fn sync(&mut self, asked: Instant) -> Result<(), WorkspaceError> {
        self.check_root()?;
        let now = stat::now_ns();
        let events = self.drain_events(|source, events| source.sync(events));
        self.apply(events)?;
        (self.heard, self.lost) = (now, false);
        if self.outside.has_changed() {
            self.outside = global_ignores(&self.root)?;
            self.index.seal();
            self.rules.insert(Index::ROOT, self.outside.rules().clone());
            self.list(BTreeSet::from([Index::ROOT]), true)?;
        }
        if self.polled_at.is_none_or(|at| at < asked) {
            self.poll()?;
        }
        self.cover_unwatched_dirs()?;
        self.index.seal();
        Ok(())
    }

    /// Lists the directories that neither have a watch nor are looked at each time. While others
    /// move them about there are some, of which events are on their way; none may stay.
    fn cover_unwatched_dirs(&mut self) -> Result<(), WorkspaceError> {
        for tries in 0..TRIES {
            let deaf = self.uncovered_dirs();
            if deaf.is_empty() {
                return Ok(());
            }
            self.list(if tries == 0 { deaf } else { BTreeSet::from([Index::ROOT]) }, true)?;
            let events = self.drain_events(|source, events| source.sync(events));
            self.apply(events)?;
        }
        Ok(())
    }

    /// What the source tells, after what it told early; a failure is a loss, and so is one that was
    /// not followed up.
    pub(in crate::watch) fn drain_events(
        &mut self,
        ask: impl FnOnce(&dyn ChangeSource, &mut Vec<FsEvent>) -> io::Result<()>,
    ) -> Vec<FsEvent> {
        let mut events = std::mem::take(&mut self.buffered_events);
        if ask(&*self.source, &mut events).is_err() || self.lost {
            events.push(FsEvent::Overflow);
        }
        events
    }

    fn uncovered_dirs(&self) -> BTreeSet<NodeId> {
        let dirs = self.index.totals().dirs + 1;
        if dirs == (self.watch_of.len() + self.polled.len()) as u64 {
            return BTreeSet::new();
        }
        let heard = |dir: &NodeId| self.watch_of.contains_key(dir) || self.polled.contains_key(dir);
        self.index.dirs_below(Index::ROOT).into_iter().filter(|dir| !heard(dir)).collect()
    }

    /// Takes in what events tell up to now.
    pub(in crate::watch) fn take(&mut self) -> Result<(), WorkspaceError> {
        let now = stat::now_ns();
        let events = self.drain_events(|source, events| source.take(events));
        if !events.is_empty() {
            self.apply(events)?;
            self.index.seal();
        }
        (self.heard, self.lost) = (now, false);
        Ok(())
    }

    /// Looks at what no event tells about.
    pub(in crate::watch) fn poll(&mut self) -> Result<(), WorkspaceError> {
        let begun = Instant::now();
        let mut todo = Todo::default();
        for (dir, name) in self.unwatched.take_unmarked(&self.root, &self.index) {
            // A look before may have found that it is gone.
            if self.index.is_in_use(dir) && self.index.is_dir(dir) {
                self.stat_path(dir, &name, Evidence::Stat, &mut todo)?;
            }
        }
        for node in self.unwatched.linked(&self.index) {
            self.stat_link(node, Evidence::Unwatched(stat::now_ns()), &mut todo)?;
        }
        self.follow_up(todo)?;
        let polled: BTreeSet<_> = self.polled.keys().copied().collect();
        if !polled.is_empty() {
            self.list(polled, false)?;
        }
        self.polled_at = Some(begun);
        Ok(())
    }

    /// Looks at one entry that turned out not to be as the index has it.
    pub(in crate::watch) fn restat(&mut self, node: NodeId) -> Result<(), WorkspaceError> {
        let Some(dir) = self.index.parent(node) else { return Ok(()) };
        let name: Box<[u8]> = self.index.name(node).into();
        let mut todo = Todo::default();
        self.stat_path(dir, &name, Evidence::Stat, &mut todo)?;
        self.follow_up(todo)
    }

    /// Paths of the files that somebody has open for writing, and when the first of them is not
    /// believed to be any more.
    pub(in crate::watch) fn being_written(
        &mut self,
        now: Instant,
    ) -> (BTreeSet<PathBuf>, Option<Instant>) {
        self.writing.retain(|_, until| *until > now);
        let paths = self.writing.keys().filter_map(|(watch, name)| {
            let dir = self.index.path(*self.node_of.get(watch)?);
            Some(PathBuf::from(OsStr::from_bytes(&join(&dir, name))))
        });
        (paths.collect(), self.writing.values().min().copied())
    }

    pub(in crate::watch) fn check_root(&self) -> Result<(), WorkspaceError> {
        let found = look_at_root(&self.root)?;
        // Its mode may change.
        match (Identity { mode: self.identity.mode, ..found }) == self.identity {
            true => Ok(()),
            false => Err(WorkspaceError::RootGone(self.root.clone())),
        }
    }

    /// Number of watches, and the directories that have none.
    pub(in crate::watch) fn watches(&self) -> (usize, &HashMap<NodeId, String>) {
        (self.watch_of.len(), &self.polled)
    }

    /// What is wrong with ignore files and directories.
    pub(in crate::watch) fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.values().flatten().chain(self.outside.problems()).map(String::as_str)
    }
}

fn global_ignores(root: &Path) -> Result<GlobalIgnores, WorkspaceError> {
    GlobalIgnores::read(root).map_err(|error| WorkspaceError::exhausted(root.into(), error))
}

fn look_at_root(root: &Path) -> Result<Identity, WorkspaceError> {
    match fs::symlink_metadata(root) {
        Ok(found) if found.is_dir() => Ok(Identity {
            inode: found.ino(),
            device: found.dev(),
            mode: found.mode(),
            born: found.created().ok(),
        }),
        Ok(_) => Err(WorkspaceError::RootGone(root.to_path_buf())),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR) => Err(WorkspaceError::RootGone(root.to_path_buf())),
            _ => Err(WorkspaceError::Unreadable { path: root.to_path_buf(), source: error.into() }),
        },
    }
}
