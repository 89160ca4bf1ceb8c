//! The synchronizer beside a source that tells what a test has it tell: losses, and orders of events
//! that no test can have the kernel make at will.

use super::synchronizer::Synchronizer;
use crate::index::{ChangeKind, Evidence, Instance, NodeId};
use crate::model::Digest;
use crate::watch::error::WorkspaceError;
use crate::watch::source::SourceKind;
use crate::watch::source::{ChangeSource, FsEvent, NameChange, WatchId};
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
struct Kernel {
    /// What is told by each further synchronisation.
    rounds: VecDeque<Vec<FsEvent>>,
    watches: HashMap<u64, WatchId>,
    next: u64,
    deny: bool,
}

#[derive(Clone, Debug, Default)]
struct Scripted(Arc<Mutex<Kernel>>);

impl Scripted {
    fn drain_events(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().expect("no panic with it")
    }

    fn tells(&self, events: Vec<FsEvent>) {
        self.drain_events().rounds.push_back(events);
    }

    fn watch_of(&self, path: &Path) -> WatchId {
        let inode = fs::metadata(path).expect("there").ino();
        self.drain_events().watches[&inode]
    }

    /// An event for a name.
    fn at(&self, path: &Path, change: NameChange) -> FsEvent {
        let watch = self.watch_of(path.parent().expect("below the root"));
        at(watch, path, change)
    }
}

fn at(watch: WatchId, path: &Path, change: NameChange) -> FsEvent {
    let name = path.file_name().expect("a name").as_encoded_bytes();
    FsEvent::Name { watch, name: name.into(), change }
}

impl ChangeSource for Scripted {
    fn kind(&self) -> SourceKind {
        SourceKind::Inotify
    }

    fn watch(&self, _: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        let inode = fs::metadata(path)?.ino();
        let mut told = self.drain_events();
        if told.deny {
            return Err(io::Error::other("denied"));
        }
        let next = WatchId(told.next);
        let watch = *told.watches.entry(inode).or_insert(next);
        told.next += 1;
        Ok(watch)
    }

    fn unwatch(&self, watch: WatchId) {
        self.drain_events().watches.retain(|_, held| *held != watch);
    }

    fn take(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        self.sync(events)
    }

    fn sync(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        events.extend(self.drain_events().rounds.pop_front().unwrap_or_default());
        Ok(())
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

struct Place {
    dir: TempDir,
    source: Scripted,
    synchronizer: Synchronizer,
}

impl Place {
    fn with(files: &[&str]) -> Self {
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

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn node(&self, path: &str) -> NodeId {
        self.synchronizer.index.lookup(path.as_bytes()).unwrap_or_else(|| panic!("no {path}"))
    }

    /// Has everything read; `racy` tells what is said of the contents.
    fn read(&mut self, racy: bool) {
        for (node, generation) in self.synchronizer.index.unread() {
            self.synchronizer.index.read(node, generation, Some(Digest([7; 32])), racy);
        }
        self.synchronizer.index.seal();
        assert!(self.synchronizer.index.all_read());
    }

    fn sync(&mut self) {
        self.synchronizer.sync(Instant::now()).expect("a workspace that stays");
    }

    fn is_suspect(&self, path: &str) -> bool {
        self.synchronizer.index.is_suspect(self.node(path))
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut add = |path: &[u8]| paths.push(String::from_utf8_lossy(path).into_owned());
        self.synchronizer.index.for_each(|path, _, _| add(path));
        paths
    }
}

fn begin(root: &Path, source: &Scripted) -> Result<Synchronizer, WorkspaceError> {
    Synchronizer::begin(root, &[], Arc::new(source.clone()), Err(Instance(1)))
}

/// Gives a file a time of change that is never long ago.
fn stay_young(path: &Path) {
    let later = SystemTime::now() + Duration::from_secs(3600);
    fs::File::options().write(true).open(path).and_then(|f| f.set_modified(later)).expect("a time");
}

/// Waits until a change now would give a file another signature.
fn calm(path: &Path) {
    let stat = || stat::signature(&rustix::fs::lstat(path).expect("there"));
    while stat().is_racy_at(stat::now_ns()) {
        std::thread::yield_now();
    }
}

#[test]
fn after_a_loss_what_differs_is_told_and_what_was_too_young_is_read_again() {
    // Rule 7.
    let mut place = Place::with(&["d/changed", "d/old", "d/young", "gone"]);
    calm(&place.at("gone"));
    place.read(false);
    let clock = place.synchronizer.index.clock();
    let young = place.node("d/young");
    let dir = place.node("d");
    let seen = place.synchronizer.index.signature(young);
    place.synchronizer.index.upsert(dir, b"young", seen, Evidence::Written);
    place.read(true);
    fs::write(place.at("d/changed"), "other").expect("a write");
    fs::remove_file(place.at("gone")).expect("a removal");
    fs::write(place.at("new"), "new").expect("a file");
    place.source.tells(vec![FsEvent::Overflow]);
    place.sync();
    assert_eq!(place.paths(), ["d", "d/changed", "d/old", "d/young", "new"]);
    assert!(place.is_suspect("d/young") && !place.is_suspect("d/old"));
    place.read(false);
    let told = place.synchronizer.index.changes_since(clock);
    let told: Vec<_> = told.changes.iter().map(|c| c.path.display().to_string()).collect();
    assert_eq!(told, ["d/changed", "gone", "new"]);
}

#[test]
fn what_nobody_had_read_when_events_were_lost_may_have_changed_if_it_was_young() {
    let mut place = Place::with(&["file", "old"]);
    calm(&place.at("old"));
    stay_young(&place.at("file"));
    place.source.tells(vec![place.source.at(&place.at("file"), NameChange::Attributes)]);
    place.sync();
    let clock = place.synchronizer.index.clock();
    place.source.tells(vec![FsEvent::Overflow]);
    place.sync();
    assert!(place.is_suspect("file") && !place.is_suspect("old"));
    place.read(false);
    let told = place.synchronizer.index.changes_since(clock).changes;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].path.as_path(), &told[0].kind), (Path::new("file"), &ChangeKind::Modified));
}

#[test]
fn an_event_of_a_watch_that_is_not_known_has_everything_looked_at() {
    // Rule 9.
    let mut place = Place::with(&["d/file"]);
    place.read(false);
    fs::write(place.at("new"), "new").expect("a file");
    place.source.tells(vec![at(WatchId(999), Path::new("/x"), NameChange::Removed)]);
    place.sync();
    assert_eq!(place.paths(), ["d", "d/file", "new"]);
}

#[test]
fn what_was_found_at_its_new_place_before_its_move_was_told_is_read_again() {
    let mut place = Place::with(&["a/sub/file", "other"]);
    calm(&place.at("other"));
    place.read(false);
    let root = place.source.watch_of(place.dir.path());
    fs::rename(place.at("a"), place.at("b")).expect("a rename");
    place.source.tells(vec![at(root, Path::new("/b"), NameChange::Created)]);
    place.source.tells(vec![
        at(root, Path::new("/a"), NameChange::MovedFrom(1)),
        at(root, Path::new("/b"), NameChange::MovedTo(1)),
    ]);
    let clock = place.synchronizer.index.clock();
    place.sync();
    assert_eq!(place.paths(), ["b", "b/sub", "b/sub/file", "other"]);
    // What was told of the entry that was found says nothing of the one that was moved there.
    assert!(place.is_suspect("b/sub/file") && !place.is_suspect("other"));
    let told = place.synchronizer.index.changes_since(clock).changes;
    let renamed = |kind: &ChangeKind| matches!(kind, ChangeKind::Renamed { .. });
    assert!(told.iter().all(|change| renamed(&change.kind)), "{told:?}");
}

#[test]
fn a_directory_that_nobody_hears_of_any_more_is_looked_for() {
    let mut place = Place::with(&["a/sub/file", "other"]);
    place.read(false);
    let root = place.source.watch_of(place.dir.path());
    fs::rename(place.at("a"), place.at("b")).expect("a rename");
    // It takes the watches with it. That a is gone is never told.
    place.source.tells(vec![at(root, Path::new("/b"), NameChange::Created)]);
    place.sync();
    assert_eq!(place.paths(), ["b", "b/sub", "b/sub/file", "other"]);
}

#[test]
fn a_directory_that_was_made_again_with_the_number_of_the_old_one_is_read_again() {
    let mut place = Place::with(&["d/file"]);
    calm(&place.at("d/file"));
    place.read(false);
    let old = place.source.watch_of(&place.at("d"));
    // The new one has another watch; its number, and those in it, are what they were.
    place.source.unwatch(old);
    place.source.tells(vec![
        place.source.at(&place.at("d"), NameChange::Removed),
        FsEvent::WatchEnded(old),
        place.source.at(&place.at("d"), NameChange::Created),
    ]);
    place.sync();
    assert!(place.is_suspect("d/file"));
}

#[test]
fn a_root_that_was_made_again_with_the_number_of_the_old_one_is_another() {
    // Rule 15.
    let mut place = Place::with(&["d/file"]);
    let old = place.source.watch_of(place.dir.path());
    let gone = place.source.at(&place.at(".gitignore"), NameChange::Removed);
    place.source.unwatch(old);
    place.source.tells(vec![gone]);
    assert!(matches!(place.synchronizer.sync(Instant::now()), Err(WorkspaceError::RootGone(_))));
}

#[test]
fn no_event_is_lost_behind_a_chain_of_renames_however_long() {
    let mut place = Place::with(&["file0"]);
    place.read(false);
    let root = place.source.watch_of(place.dir.path());
    let event = |number: u32, what: fn(u32) -> NameChange, cookie| {
        at(root, Path::new(&format!("/file{number}")), what(cookie))
    };
    let links = 100;
    fs::rename(place.at("file0"), place.at(&format!("file{links}"))).expect("a rename");
    for link in 0..links {
        let from = event(link, NameChange::MovedFrom, link);
        place.source.tells(vec![from, event(link + 1, NameChange::MovedTo, link)]);
    }
    while !place.source.drain_events().rounds.is_empty() {
        place.sync();
    }
    assert_eq!(place.paths(), [format!("file{links}")]);
}

#[test]
fn a_rename_whose_second_event_is_late_is_a_rename() {
    let mut place = Place::with(&["a"]);
    place.read(false);
    let clock = place.synchronizer.index.clock();
    let root = place.source.watch_of(place.dir.path());
    fs::rename(place.at("a"), place.at("b")).expect("a rename");
    place.source.tells(vec![at(root, Path::new("/a"), NameChange::MovedFrom(1))]);
    place.source.tells(Vec::new());
    place.source.tells(vec![at(root, Path::new("/b"), NameChange::MovedTo(1))]);
    place.sync();
    let told = place.synchronizer.index.changes_since(clock).changes;
    let from = Path::new("a").to_path_buf();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].kind, ChangeKind::Renamed { from });
}

#[test]
fn what_is_renamed_before_it_was_looked_at_is_a_rename() {
    let mut place = Place::with(&["a", "gone"]);
    place.read(false);
    let clock = place.synchronizer.index.clock();
    let root = place.source.watch_of(place.dir.path());
    fs::rename(place.at("a"), place.at("c")).expect("a rename");
    fs::remove_file(place.at("gone")).expect("a removal");
    let event = |name: &str, what| at(root, Path::new(name), what);
    place.source.tells(vec![
        event("/a", NameChange::ClosedAfterWrite),
        event("/gone", NameChange::Attributes),
    ]);
    place
        .source
        .tells(vec![event("/a", NameChange::MovedFrom(1)), event("/b", NameChange::MovedTo(1))]);
    place
        .source
        .tells(vec![event("/b", NameChange::MovedFrom(2)), event("/c", NameChange::MovedTo(2))]);
    place.sync();
    // That the other one is gone is never told.
    assert_eq!(place.paths(), ["c"]);
    let told = place.synchronizer.index.changes_since(clock).changes;
    let kinds: Vec<_> = told.iter().map(|change| &change.kind).collect();
    let from = Path::new("a").to_path_buf();
    assert_eq!(kinds, [&ChangeKind::Renamed { from }, &ChangeKind::Removed], "{told:?}");
}

#[test]
fn what_was_moved_out_is_gone() {
    let mut place = Place::with(&["a", "b"]);
    fs::remove_file(place.at("a")).expect("a move");
    place.source.tells(vec![place.source.at(&place.at("a"), NameChange::MovedFrom(1))]);
    place.sync();
    assert_eq!(place.paths(), ["b"]);
}

#[test]
fn without_events_a_young_file_is_read_before_anybody_is_told_and_until_it_is_old() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("old"), "old").expect("a file");
    calm(&dir.path().join("old"));
    fs::write(dir.path().join("young"), "young").expect("a file");
    stay_young(&dir.path().join("young"));
    let source = Scripted::default();
    source.drain_events().deny = true;
    let synchronizer = begin(dir.path(), &source).expect("a directory that can be read");
    let mut place = Place { dir, source, synchronizer };
    assert!(place.is_suspect("young") && !place.is_suspect("old"));
    place.read(true);
    let clock = place.synchronizer.index.clock();
    place.sync();
    assert!(place.is_suspect("young") && place.is_suspect("old"), "read while they were young");
    place.read(false);
    place.sync();
    assert!(!place.synchronizer.index.has_suspects());
    assert_eq!(place.synchronizer.index.clock(), clock, "nothing has changed");
}

#[test]
fn the_end_of_the_root_is_told_from_that_of_other_directories() {
    let mut place = Place::with(&["file"]);
    place
        .source
        .tells(vec![FsEvent::DirectoryGone(WatchId(999)), FsEvent::WatchEnded(WatchId(998))]);
    place.sync();
    assert_eq!(place.paths(), ["file"]);
    let root = place.source.watch_of(place.dir.path());
    place.source.tells(vec![FsEvent::DirectoryGone(root)]);
    assert!(matches!(place.synchronizer.sync(Instant::now()), Err(WorkspaceError::RootGone(_))));
}

#[test]
fn a_directory_that_finds_names_by_other_spellings_is_listed() {
    // As far as a file system with capitals can show it (rule 20): two names of one inode.
    let mut place = Place::with(&["dir/name", "dir/inner/file"]);
    fs::hard_link(place.at("dir/name"), place.at("dir/NAME")).expect("a link");
    fs::write(place.at("dir/unheard"), "nobody tells").expect("a file");
    place.source.tells(vec![place.source.at(&place.at("dir/name"), NameChange::Removed)]);
    place.sync();
    assert!(place.synchronizer.index.lookup(b"dir/unheard").is_some(), "a name that went is found");

    fs::write(place.at("dir/again"), "nobody tells").expect("a file");
    fs::hard_link(place.at("dir/again"), place.at("dir/AGAIN")).expect("a link");
    fs::write(place.at("dir/inner/unheard"), "nobody tells").expect("a file");
    place.source.tells(vec![place.source.at(&place.at("dir/AGAIN"), NameChange::ClosedAfterWrite)]);
    place.sync();
    assert!(place.synchronizer.index.lookup(b"dir/again").is_some(), "a name that is not known");
    let inner = place.synchronizer.index.lookup(b"dir/inner/unheard");
    assert!(inner.is_none(), "what is below is listed for nothing");
}

#[test]
fn what_went_by_another_spelling_is_gone() {
    let mut place = Place::with(&["dir/removed", "dir/moved", "dir/stays"]);
    let (removed, moved, to) =
        (place.at("dir/REMOVED"), place.at("dir/Moved"), place.at("dir/renamed"));
    fs::remove_file(place.at("dir/removed")).expect("a removal");
    fs::rename(place.at("dir/moved"), &to).expect("a rename");
    place.source.tells(vec![
        place.source.at(&removed, NameChange::Removed),
        place.source.at(&moved, NameChange::MovedFrom(1)),
        place.source.at(&to, NameChange::MovedTo(1)),
    ]);
    place.sync();
    let is_known = |path: &str| place.synchronizer.index.lookup(path.as_bytes()).is_some();
    assert_eq!(["dir/removed", "dir/moved"].map(is_known), [false; 2], "rule 20");
    assert_eq!(["dir/renamed", "dir/stays"].map(is_known), [true; 2], "rule 20");
}

#[test]
fn what_takes_longer_than_a_look_at_a_few_files_is_left_to_the_thread_of_the_workspace() {
    let few = || Place::with(&["a/file", "a/other", ".gitignore", "b/deep/file"]);
    let brief = |place: &mut Place, told: &[(&str, NameChange)]| {
        let events = told.iter().map(|(path, what)| place.source.at(&place.at(path), *what));
        place.source.tells(events.collect());
        place.synchronizer.is_fast()
    };
    let move_to = |place: &Place, from, to| {
        fs::rename(place.at(from), place.at(to)).expect("renamed");
        [(from, NameChange::MovedFrom(1)), (to, NameChange::MovedTo(1))]
    };

    let mut place = few();
    assert!(brief(&mut place, &[]), "nothing happened");
    let edit = [
        ("a/file", NameChange::Modified),
        ("a/file", NameChange::ClosedAfterWrite),
        ("a/other", NameChange::Removed),
    ];
    assert!(brief(&mut place, &edit), "an edit");
    fs::write(place.at("a/new"), "new").expect("a file");
    assert!(
        brief(
            &mut place,
            &[("a/new", NameChange::Created), ("a/new", NameChange::ClosedAfterWrite)]
        ),
        "a new file"
    );
    let moved = move_to(&place, "a/new", "a/file");
    assert!(brief(&mut place, &moved), "an atomic save");

    assert!(!brief(&mut few(), &[(".gitignore", NameChange::ClosedAfterWrite)]), "rules");
    assert!(
        !brief(&mut few(), &[("bd.toml", NameChange::ClosedAfterWrite)]),
        "the workspace's file"
    );
    assert!(!brief(&mut few(), &[("a/CACHEDIR.TAG", NameChange::Created)]), "a mark");
    assert!(!brief(&mut few(), &[("b", NameChange::Removed)]), "a directory that goes");
    assert!(!brief(&mut few(), &[("a/file", NameChange::MovedFrom(1))]), "half of a rename");
    assert!(!brief(&mut few(), &[("a/file", NameChange::Modified); 100]), "a lot");
    let mut place = few();
    fs::create_dir(place.at("new")).expect("a directory");
    assert!(!brief(&mut place, &[("new", NameChange::Created)]), "a new directory");
    let mut place = few();
    let moved = move_to(&place, "b", "a/b");
    assert!(!brief(&mut place, &moved), "a directory that moves");
    let mut place = few();
    fs::hard_link(place.at("a/file"), place.at("a/link")).expect("a link");
    assert!(!brief(&mut place, &[("a/link", NameChange::Created)]), "another name of a file");
    let mut place = few();
    place.source.tells(vec![FsEvent::Overflow]);
    assert!(!place.synchronizer.is_fast(), "a loss");
}

#[test]
fn what_was_told_early_is_taken_in_by_the_next_synchronisation() {
    let mut place = Place::with(&["file"]);
    let clock = place.synchronizer.index.clock();
    fs::write(place.at("file"), "changed").expect("an edit");
    place.source.tells(vec![place.source.at(&place.at("file"), NameChange::ClosedAfterWrite)]);
    assert!(place.synchronizer.is_fast());
    place.source.tells(vec![FsEvent::Overflow]);
    assert!(!place.synchronizer.is_fast(), "what came first hides what came next");
    place.sync();
    let changes = place.synchronizer.index.changes_since(clock).changes;
    assert!(changes.len() == 1 && changes[0].path == Path::new("file"), "{changes:?}");
}
