//! The synchronizer with a source that reports what a test has it report: losses, and orders of
//! events that no test can have the kernel make at will.

use super::scripted::{Fixture, Scripted, at, begin, keep_racy, wait_until_not_racy};
use crate::index::{ChangeKind, Evidence};
use crate::watch::error::WorkspaceError;
use crate::watch::source::{ChangeSource as _, FsEvent, NameChange, WatchId};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

#[test]
fn after_a_loss_what_differs_is_reported_and_what_was_too_young_is_read_again() {
    // Rule 7.
    let mut fixture = Fixture::with(&["d/changed", "d/old", "d/young", "gone"]);
    wait_until_not_racy(&fixture.at("gone"));
    fixture.read(false);
    let clock = fixture.synchronizer.index.clock();
    let young = fixture.node("d/young");
    let dir = fixture.node("d");
    let signature = fixture.synchronizer.index.signature(young);
    fixture.synchronizer.index.upsert(dir, b"young", signature, Evidence::Written);
    fixture.read(true);
    fs::write(fixture.at("d/changed"), "other").expect("a write");
    fs::remove_file(fixture.at("gone")).expect("a removal");
    fs::write(fixture.at("new"), "new").expect("a file");
    fixture.source.report(vec![FsEvent::Overflow]);
    fixture.sync();
    assert_eq!(fixture.paths(), ["d", "d/changed", "d/old", "d/young", "new"]);
    assert!(fixture.is_suspect("d/young") && !fixture.is_suspect("d/old"));
    fixture.read(false);
    let reported = fixture.synchronizer.index.changes_since(clock);
    let reported: Vec<_> = reported.changes.iter().map(|c| c.path.display().to_string()).collect();
    assert_eq!(reported, ["d/changed", "gone", "new"]);
}

#[test]
fn what_nobody_had_read_when_events_were_lost_may_have_changed_if_it_was_young() {
    let mut fixture = Fixture::with(&["file", "old"]);
    wait_until_not_racy(&fixture.at("old"));
    keep_racy(&fixture.at("file"));
    fixture.source.report(vec![fixture.source.at(&fixture.at("file"), NameChange::Attributes)]);
    fixture.sync();
    let clock = fixture.synchronizer.index.clock();
    fixture.source.report(vec![FsEvent::Overflow]);
    fixture.sync();
    assert!(fixture.is_suspect("file") && !fixture.is_suspect("old"));
    fixture.read(false);
    let reported = fixture.synchronizer.index.changes_since(clock).changes;
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert_eq!(
        (reported[0].path.as_path(), &reported[0].kind),
        (Path::new("file"), &ChangeKind::Modified)
    );
}

#[test]
fn an_event_of_a_watch_that_is_not_known_has_everything_listed() {
    // Rule 9.
    let mut fixture = Fixture::with(&["d/file"]);
    fixture.read(false);
    fs::write(fixture.at("new"), "new").expect("a file");
    fixture.source.report(vec![at(WatchId(999), Path::new("/x"), NameChange::Removed)]);
    fixture.sync();
    assert_eq!(fixture.paths(), ["d", "d/file", "new"]);
}

#[test]
fn what_was_found_at_its_new_place_before_its_move_was_reported_is_read_again() {
    let mut fixture = Fixture::with(&["a/sub/file", "other"]);
    wait_until_not_racy(&fixture.at("other"));
    fixture.read(false);
    let root = fixture.source.watch_of(fixture.dir.path());
    fs::rename(fixture.at("a"), fixture.at("b")).expect("a rename");
    fixture.source.report(vec![at(root, Path::new("/b"), NameChange::Created)]);
    fixture.source.report(vec![
        at(root, Path::new("/a"), NameChange::MovedFrom(1)),
        at(root, Path::new("/b"), NameChange::MovedTo(1)),
    ]);
    let clock = fixture.synchronizer.index.clock();
    fixture.sync();
    assert_eq!(fixture.paths(), ["b", "b/sub", "b/sub/file", "other"]);
    // What was reported of the entry that was found says nothing of the one that was moved there.
    assert!(fixture.is_suspect("b/sub/file") && !fixture.is_suspect("other"));
    let reported = fixture.synchronizer.index.changes_since(clock).changes;
    let renamed = |kind: &ChangeKind| matches!(kind, ChangeKind::Renamed { .. });
    assert!(reported.iter().all(|change| renamed(&change.kind)), "{reported:?}");
}

#[test]
fn a_directory_that_no_event_reports_any_more_is_found() {
    let mut fixture = Fixture::with(&["a/sub/file", "other"]);
    fixture.read(false);
    let root = fixture.source.watch_of(fixture.dir.path());
    fs::rename(fixture.at("a"), fixture.at("b")).expect("a rename");
    // It takes the watches with it. That a is gone is never reported.
    fixture.source.report(vec![at(root, Path::new("/b"), NameChange::Created)]);
    fixture.sync();
    assert_eq!(fixture.paths(), ["b", "b/sub", "b/sub/file", "other"]);
}

#[test]
fn a_directory_that_was_made_again_with_the_number_of_the_old_one_is_read_again() {
    let mut fixture = Fixture::with(&["d/file"]);
    wait_until_not_racy(&fixture.at("d/file"));
    fixture.read(false);
    let old = fixture.source.watch_of(&fixture.at("d"));
    // The new one has another watch; its number, and those in it, are what they were.
    fixture.source.unwatch(old);
    fixture.source.report(vec![
        fixture.source.at(&fixture.at("d"), NameChange::Removed),
        FsEvent::WatchEnded(old),
        fixture.source.at(&fixture.at("d"), NameChange::Created),
    ]);
    fixture.sync();
    assert!(fixture.is_suspect("d/file"));
}

#[test]
fn a_root_that_was_made_again_with_the_number_of_the_old_one_is_another() {
    // Rule 15.
    let mut fixture = Fixture::with(&["d/file"]);
    let old = fixture.source.watch_of(fixture.dir.path());
    let gone = fixture.source.at(&fixture.at(".gitignore"), NameChange::Removed);
    fixture.source.unwatch(old);
    fixture.source.report(vec![gone]);
    assert!(matches!(fixture.synchronizer.sync(Instant::now()), Err(WorkspaceError::RootGone(_))));
}

#[test]
fn no_event_is_lost_behind_a_chain_of_renames_however_long() {
    let mut fixture = Fixture::with(&["file0"]);
    fixture.read(false);
    let root = fixture.source.watch_of(fixture.dir.path());
    let event = |number: u32, what: fn(u32) -> NameChange, cookie| {
        at(root, Path::new(&format!("/file{number}")), what(cookie))
    };
    let links = 100;
    fs::rename(fixture.at("file0"), fixture.at(&format!("file{links}"))).expect("a rename");
    for link in 0..links {
        let from = event(link, NameChange::MovedFrom, link);
        fixture.source.report(vec![from, event(link + 1, NameChange::MovedTo, link)]);
    }
    while !fixture.source.kernel().rounds.is_empty() {
        fixture.sync();
    }
    assert_eq!(fixture.paths(), [format!("file{links}")]);
}

#[test]
fn a_rename_whose_second_event_is_late_is_a_rename() {
    let mut fixture = Fixture::with(&["a"]);
    fixture.read(false);
    let clock = fixture.synchronizer.index.clock();
    let root = fixture.source.watch_of(fixture.dir.path());
    fs::rename(fixture.at("a"), fixture.at("b")).expect("a rename");
    fixture.source.report(vec![at(root, Path::new("/a"), NameChange::MovedFrom(1))]);
    fixture.source.report(Vec::new());
    fixture.source.report(vec![at(root, Path::new("/b"), NameChange::MovedTo(1))]);
    fixture.sync();
    let reported = fixture.synchronizer.index.changes_since(clock).changes;
    let from = Path::new("a").to_path_buf();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert_eq!(reported[0].kind, ChangeKind::Renamed { from });
}

#[test]
fn what_is_renamed_before_it_was_checked_is_a_rename() {
    let mut fixture = Fixture::with(&["a", "gone"]);
    fixture.read(false);
    let clock = fixture.synchronizer.index.clock();
    let root = fixture.source.watch_of(fixture.dir.path());
    fs::rename(fixture.at("a"), fixture.at("c")).expect("a rename");
    fs::remove_file(fixture.at("gone")).expect("a removal");
    let event = |name: &str, what| at(root, Path::new(name), what);
    fixture.source.report(vec![
        event("/a", NameChange::ClosedAfterWrite),
        event("/gone", NameChange::Attributes),
    ]);
    fixture
        .source
        .report(vec![event("/a", NameChange::MovedFrom(1)), event("/b", NameChange::MovedTo(1))]);
    fixture
        .source
        .report(vec![event("/b", NameChange::MovedFrom(2)), event("/c", NameChange::MovedTo(2))]);
    fixture.sync();
    // That the other one is gone is never reported.
    assert_eq!(fixture.paths(), ["c"]);
    let reported = fixture.synchronizer.index.changes_since(clock).changes;
    let kinds: Vec<_> = reported.iter().map(|change| &change.kind).collect();
    let from = Path::new("a").to_path_buf();
    assert_eq!(kinds, [&ChangeKind::Renamed { from }, &ChangeKind::Removed], "{reported:?}");
}

/// A file that somebody has open by a name that is gone, and that has another one by which it was
/// written to as well. Nobody looked while it had both.
fn written_by_a_gone_name(from: &str, is_known: bool) -> (Fixture, File) {
    let mut fixture = Fixture::with(&["other", "dir/x"]);
    if is_known {
        fs::write(fixture.at(from), "known").expect("a file");
        fixture.source.report(vec![fixture.source.at(&fixture.at(from), NameChange::Created)]);
        fixture.sync();
    } else {
        fs::write(fixture.at(from), "new").expect("a file");
    }
    wait_until_not_racy(&fixture.at(from));
    if is_known {
        fixture.sync();
    }
    let append = |path| File::options().append(true).open(path).expect("a file");
    let writer = append(fixture.at(from));
    fs::hard_link(fixture.at(from), fixture.at("link")).expect("a link");
    append(fixture.at("link")).write_all(b"more").expect("a write");
    fs::remove_file(fixture.at(from)).expect("a removal");
    let at = |path, change| fixture.source.at(&fixture.at(path), change);
    fixture.source.report(vec![
        at(from, NameChange::Created),
        at("link", NameChange::Created),
        at("link", NameChange::Modified),
        at("link", NameChange::ClosedAfterWrite),
        at(from, NameChange::Removed),
    ]);
    fixture.sync();
    assert_eq!(fixture.paths(), ["dir", "dir/x", "link", "other"]);
    fixture.read(false);
    (fixture, writer)
}

impl Fixture {
    fn size(&self, path: &str) -> u64 {
        self.synchronizer.index.signature(self.node(path)).size
    }
}

#[test]
fn a_further_name_of_a_file_that_was_there_is_checked_each_time_though_it_was_written_to() {
    let (mut fixture, mut writer) = written_by_a_gone_name("dir/from", true);
    // Its directory went with it: so nothing is reported.
    writer.write_all(b"unreported").expect("a write");
    fixture.sync();
    assert_eq!(fixture.size("link"), "knownmoreunreported".len() as u64);
}

#[test]
fn after_a_write_by_a_name_that_is_gone_every_file_is_checked_once() {
    let (mut fixture, mut writer) = written_by_a_gone_name("from", false);
    let at = |fixture: &Fixture, path, change| fixture.source.at(&fixture.at(path), change);
    for text in ["1", "2"] {
        let before = fixture.size("link");
        writer.write_all(text.as_bytes()).expect("a write");
        fixture.source.report(vec![at(&fixture, "from", NameChange::Modified)]);
        fixture.sync();
        assert_eq!(fixture.size("link"), before + 1);
    }
    // It is known by now which one it is. The others are not checked for each write.
    fs::write(fixture.at("other"), "no event").expect("a write");
    fixture.source.report(vec![at(&fixture, "from", NameChange::Modified)]);
    fixture.sync();
    assert_eq!(fixture.size("other"), "other".len() as u64);
    // Something that came in may be what is written to.
    fs::write(fixture.at("new"), "new").expect("a file");
    fixture.source.report(vec![at(&fixture, "new", NameChange::Created)]);
    fixture.sync();
    fixture.source.report(vec![at(&fixture, "from", NameChange::Modified)]);
    fixture.sync();
    assert_eq!(fixture.size("other"), "no event".len() as u64);
}

#[test]
fn a_temporary_file_that_is_written_and_removed_has_nothing_checked() {
    let mut fixture = Fixture::with(&["other"]);
    fixture.read(false);
    fs::write(fixture.at("other"), "no event").expect("a write");
    let at = |fixture: &Fixture, change| fixture.source.at(&fixture.at("temporary"), change);
    let all = [NameChange::Created, NameChange::Modified, NameChange::ClosedAfterWrite];
    fixture.source.report(all.map(|change| at(&fixture, change)).to_vec());
    fixture.source.report(vec![at(&fixture, NameChange::Removed)]);
    fixture.sync();
    assert_eq!(fixture.size("other"), "other".len() as u64);
}

#[test]
fn what_was_moved_out_is_gone() {
    let mut fixture = Fixture::with(&["a", "b"]);
    fs::remove_file(fixture.at("a")).expect("a move");
    fixture.source.report(vec![fixture.source.at(&fixture.at("a"), NameChange::MovedFrom(1))]);
    fixture.sync();
    assert_eq!(fixture.paths(), ["b"]);
}

#[test]
fn without_events_a_young_file_is_read_before_anybody_is_reported_and_until_it_is_old() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("old"), "old").expect("a file");
    wait_until_not_racy(&dir.path().join("old"));
    fs::write(dir.path().join("young"), "young").expect("a file");
    keep_racy(&dir.path().join("young"));
    let source = Scripted::default();
    source.kernel().deny = true;
    let synchronizer = begin(dir.path(), &source).expect("a directory that can be read");
    let mut fixture = Fixture { dir, source, synchronizer };
    assert!(fixture.is_suspect("young") && !fixture.is_suspect("old"));
    fixture.read(true);
    let clock = fixture.synchronizer.index.clock();
    fixture.sync();
    assert!(fixture.is_suspect("young") && fixture.is_suspect("old"), "read while they were young");
    fixture.read(false);
    fixture.sync();
    assert!(!fixture.synchronizer.index.has_suspects());
    assert_eq!(fixture.synchronizer.index.clock(), clock, "nothing has changed");
}

#[test]
fn the_end_of_the_root_is_reported_from_that_of_other_directories() {
    let mut fixture = Fixture::with(&["file"]);
    fixture
        .source
        .report(vec![FsEvent::DirectoryGone(WatchId(999)), FsEvent::WatchEnded(WatchId(998))]);
    fixture.sync();
    assert_eq!(fixture.paths(), ["file"]);
    let root = fixture.source.watch_of(fixture.dir.path());
    fixture.source.report(vec![FsEvent::DirectoryGone(root)]);
    assert!(matches!(fixture.synchronizer.sync(Instant::now()), Err(WorkspaceError::RootGone(_))));
}

#[test]
fn a_directory_that_finds_names_by_other_spellings_is_listed() {
    // As far as a file system with capitals can show it (rule 20): two names of one inode.
    let mut fixture = Fixture::with(&["dir/name", "dir/inner/file"]);
    fs::hard_link(fixture.at("dir/name"), fixture.at("dir/NAME")).expect("a link");
    fs::write(fixture.at("dir/unreported"), "no event").expect("a file");
    fixture.source.report(vec![fixture.source.at(&fixture.at("dir/name"), NameChange::Removed)]);
    fixture.sync();
    assert!(
        fixture.synchronizer.index.lookup(b"dir/unreported").is_some(),
        "a name that went is found"
    );

    fs::write(fixture.at("dir/again"), "no event").expect("a file");
    fs::hard_link(fixture.at("dir/again"), fixture.at("dir/AGAIN")).expect("a link");
    fs::write(fixture.at("dir/inner/unreported"), "no event").expect("a file");
    fixture
        .source
        .report(vec![fixture.source.at(&fixture.at("dir/AGAIN"), NameChange::ClosedAfterWrite)]);
    fixture.sync();
    assert!(fixture.synchronizer.index.lookup(b"dir/again").is_some(), "a name that is not known");
    let inner = fixture.synchronizer.index.lookup(b"dir/inner/unreported");
    assert!(inner.is_none(), "what is below is listed for nothing");
}

#[test]
fn what_went_by_another_spelling_is_gone() {
    let mut fixture = Fixture::with(&["dir/removed", "dir/moved", "dir/stays"]);
    let (removed, moved, to) =
        (fixture.at("dir/REMOVED"), fixture.at("dir/Moved"), fixture.at("dir/renamed"));
    fs::remove_file(fixture.at("dir/removed")).expect("a removal");
    fs::rename(fixture.at("dir/moved"), &to).expect("a rename");
    fixture.source.report(vec![
        fixture.source.at(&removed, NameChange::Removed),
        fixture.source.at(&moved, NameChange::MovedFrom(1)),
        fixture.source.at(&to, NameChange::MovedTo(1)),
    ]);
    fixture.sync();
    let is_known = |path: &str| fixture.synchronizer.index.lookup(path.as_bytes()).is_some();
    assert_eq!(["dir/removed", "dir/moved"].map(is_known), [false; 2], "rule 20");
    assert_eq!(["dir/renamed", "dir/stays"].map(is_known), [true; 2], "rule 20");
}

#[test]
fn what_takes_longer_than_a_check_of_a_few_files_is_left_to_the_thread_of_the_workspace() {
    let few = || Fixture::with(&["a/file", "a/other", ".gitignore", "b/deep/file"]);
    let is_fast = |fixture: &mut Fixture, reported: &[(&str, NameChange)]| {
        let events =
            reported.iter().map(|(path, what)| fixture.source.at(&fixture.at(path), *what));
        fixture.source.report(events.collect());
        fixture.synchronizer.is_fast()
    };
    let move_to = |fixture: &Fixture, from, to| {
        fs::rename(fixture.at(from), fixture.at(to)).expect("renamed");
        [(from, NameChange::MovedFrom(1)), (to, NameChange::MovedTo(1))]
    };

    let mut fixture = few();
    assert!(is_fast(&mut fixture, &[]), "nothing happened");
    let edit = [
        ("a/file", NameChange::Modified),
        ("a/file", NameChange::ClosedAfterWrite),
        ("a/other", NameChange::Removed),
    ];
    assert!(is_fast(&mut fixture, &edit), "an edit");
    fs::write(fixture.at("a/new"), "new").expect("a file");
    assert!(
        is_fast(
            &mut fixture,
            &[("a/new", NameChange::Created), ("a/new", NameChange::ClosedAfterWrite)]
        ),
        "a new file"
    );
    let moved = move_to(&fixture, "a/new", "a/file");
    assert!(is_fast(&mut fixture, &moved), "an atomic save");

    assert!(!is_fast(&mut few(), &[(".gitignore", NameChange::ClosedAfterWrite)]), "rules");
    assert!(
        !is_fast(&mut few(), &[("bd.toml", NameChange::ClosedAfterWrite)]),
        "the workspace's file"
    );
    assert!(!is_fast(&mut few(), &[("a/CACHEDIR.TAG", NameChange::Created)]), "a mark");
    assert!(!is_fast(&mut few(), &[("b", NameChange::Removed)]), "a directory that goes");
    assert!(!is_fast(&mut few(), &[("a/file", NameChange::MovedFrom(1))]), "half of a rename");
    assert!(!is_fast(&mut few(), &[("a/file", NameChange::Modified); 100]), "a lot");
    let mut fixture = few();
    fs::create_dir(fixture.at("new")).expect("a directory");
    assert!(!is_fast(&mut fixture, &[("new", NameChange::Created)]), "a new directory");
    let mut fixture = few();
    let moved = move_to(&fixture, "b", "a/b");
    assert!(!is_fast(&mut fixture, &moved), "a directory that moves");
    let mut fixture = few();
    fs::hard_link(fixture.at("a/file"), fixture.at("a/link")).expect("a link");
    assert!(!is_fast(&mut fixture, &[("a/link", NameChange::Created)]), "another name of a file");
    let mut fixture = few();
    fixture.source.report(vec![FsEvent::Overflow]);
    assert!(!fixture.synchronizer.is_fast(), "a loss");
}

#[test]
fn what_was_read_early_is_processed_by_the_next_synchronisation() {
    let mut fixture = Fixture::with(&["file"]);
    let clock = fixture.synchronizer.index.clock();
    fs::write(fixture.at("file"), "changed").expect("an edit");
    fixture
        .source
        .report(vec![fixture.source.at(&fixture.at("file"), NameChange::ClosedAfterWrite)]);
    assert!(fixture.synchronizer.is_fast());
    fixture.source.report(vec![FsEvent::Overflow]);
    assert!(!fixture.synchronizer.is_fast(), "what came first hides what came next");
    fixture.sync();
    let changes = fixture.synchronizer.index.changes_since(clock).changes;
    assert!(changes.len() == 1 && changes[0].path == Path::new("file"), "{changes:?}");
}
