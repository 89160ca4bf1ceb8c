//! A source that reports what a test has it report, and a synchronizer that uses it.

use super::synchronizer::Synchronizer;
use crate::index::{Instance, NodeId};
use crate::model::Digest;
use crate::watch::error::WorkspaceError;
use crate::watch::source::{ChangeSource, FsEvent, NameChange, SourceKind, WatchId};
use crate::watch::stat;
use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Watches go by inode, as the kernel's do.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    /// What is reported by each further synchronisation.
    pub(super) rounds: VecDeque<Vec<FsEvent>>,
    watches: HashMap<u64, WatchId>,
    next: u64,
    pub(super) deny: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Scripted(Arc<Mutex<Kernel>>);

impl Scripted {
    pub(super) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().expect("no panic with it")
    }

    pub(super) fn report(&self, events: Vec<FsEvent>) {
        self.kernel().rounds.push_back(events);
    }

    pub(super) fn watch_of(&self, path: &Path) -> WatchId {
        let inode = fs::metadata(path).expect("there").ino();
        self.kernel().watches[&inode]
    }

    /// An event for a name.
    pub(super) fn at(&self, path: &Path, change: NameChange) -> FsEvent {
        let watch = self.watch_of(path.parent().expect("below the root"));
        at(watch, path, change)
    }
}

pub(super) fn at(watch: WatchId, path: &Path, change: NameChange) -> FsEvent {
    let name = path.file_name().expect("a name").as_encoded_bytes();
    FsEvent::Name { watch, name: name.into(), change }
}

impl ChangeSource for Scripted {
    fn kind(&self) -> SourceKind {
        SourceKind::Inotify
    }

    fn watch(&self, _: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        let inode = fs::metadata(path)?.ino();
        let mut kernel = self.kernel();
        if kernel.deny {
            return Err(io::Error::other("denied"));
        }
        let next = WatchId(kernel.next);
        let watch = *kernel.watches.entry(inode).or_insert(next);
        kernel.next += 1;
        Ok(watch)
    }

    fn unwatch(&self, watch: WatchId) {
        self.kernel().watches.retain(|_, held| *held != watch);
    }

    fn take(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        self.sync(events)
    }

    fn sync(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        events.extend(self.kernel().rounds.pop_front().unwrap_or_default());
        Ok(())
    }
}

pub(super) struct Fixture {
    pub(super) dir: TempDir,
    pub(super) source: Scripted,
    pub(super) synchronizer: Synchronizer,
}

impl Fixture {
    pub(super) fn with(files: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, file).expect("a file");
        }
        let source = Scripted::default();
        let synchronizer = begin(dir.path(), &source).expect("a directory that can be read");
        Self { dir, source, synchronizer }
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(super) fn node(&self, path: &str) -> NodeId {
        self.synchronizer.index.lookup(path.as_bytes()).unwrap_or_else(|| panic!("no {path}"))
    }

    /// Has everything read; `racy` is what is said of the contents.
    pub(super) fn read(&mut self, racy: bool) {
        for (node, generation) in self.synchronizer.index.unread() {
            self.synchronizer.index.record_content(node, generation, Some(Digest([7; 32])), racy);
        }
        self.synchronizer.index.seal();
        assert!(self.synchronizer.index.all_read());
    }

    pub(super) fn sync(&mut self) {
        self.synchronizer.sync(Instant::now()).expect("a workspace that stays");
    }

    pub(super) fn is_suspect(&self, path: &str) -> bool {
        self.synchronizer.index.is_suspect(self.node(path))
    }

    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut add = |path: &[u8]| paths.push(String::from_utf8_lossy(path).into_owned());
        self.synchronizer.index.for_each(|path, _, _| add(path));
        paths
    }
}

pub(super) fn begin(root: &Path, source: &Scripted) -> Result<Synchronizer, WorkspaceError> {
    Synchronizer::begin(root, &[], Arc::new(source.clone()), Err(Instance(1)))
}

/// Gives a file a time of change that is never long ago.
pub(super) fn keep_racy(path: &Path) {
    let later = SystemTime::now() + Duration::from_secs(3600);
    fs::File::options().write(true).open(path).and_then(|f| f.set_modified(later)).expect("a time");
}

/// Waits until a change now would give a file another signature.
pub(super) fn wait_until_not_racy(path: &Path) {
    let stat = || stat::signature(&rustix::fs::lstat(path).expect("there"));
    while stat().is_racy_at(stat::now_ns()) {
        std::thread::yield_now();
    }
}
