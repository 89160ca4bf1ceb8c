//! Rule 6: more events than the system keeps. The source is a stopped process meanwhile.

use crate::fixture::{Fixture, calm, rename, write};
use bd_tests::child_source::ChildSource;
use bd_tests::explain::{explain, within};
use bd_tests::{Listing, Watched};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of a storm. Each makes two events or more, none equal to the one before it.
const STORM: usize = 10_000;

/// The storm is larger than what the system keeps, else nothing is tested.
fn assert_overflow() {
    let path = "/proc/sys/fs/inotify/max_queued_events";
    let Ok(text) = fs::read_to_string(path) else { return };
    let kept: usize = text.trim().parse().expect("a number");
    assert!(kept < 2 * STORM, "{kept} events are kept: a larger storm is needed");
}

/// A tree with something of everything, and a source in another process that has listed it.
fn fixture() -> (Fixture, ChildSource, Watched) {
    assert_overflow();
    let fixture = Fixture::with(&[
        ".gitignore",
        "keep/0",
        "keep/1",
        "edit/2",
        "edit/3",
        "old/4",
        "old/deep/5",
    ]);
    write(&fixture.at(".gitignore"), "storm\n");
    fs::create_dir(fixture.at("storm")).expect("a directory");
    fs::create_dir(fixture.at("wind")).expect("a directory");
    calm(&fixture.at(".gitignore"));
    let child = ChildSource::start("child", &[], &[]);
    let watched = Watched::by(fixture.root(), Box::new(child.clone()));
    (fixture, child, watched)
}

/// Lets events be lost: those of `act` that come behind the storm, too.
fn storm(child: &ChildSource, root: &Path, act: impl FnOnce(&Path)) {
    child.signal(Signal::SIGSTOP);
    for file in 0..STORM {
        fs::write(root.join(format!("wind/{file}")), "x").expect("a file");
    }
    for file in 0..STORM {
        fs::remove_file(root.join(format!("wind/{file}"))).expect("a removal");
    }
    act(root);
    child.signal(Signal::SIGCONT);
}

#[test]
fn what_happened_behind_an_overflow_is_found_and_nothing_else_is_reported() {
    let (_fixture, child, mut watched) = fixture();
    let before: Listing = watched.agrees();
    let clock = watched.clock();
    let outside = tempfile::tempdir().expect("a directory");
    storm(&child, &watched.at(""), |root| {
        write(&root.join("edit/2"), "X");
        write(&root.join("new/dir/6"), "new");
        fs::remove_file(root.join("edit/3")).expect("a removal");
        rename(root.join("old"), root.join("young"));
        write(&root.join("young/deep/5"), "edited");
        write(&outside.path().join("in/7"), "moved in");
        rename(outside.path().join("in"), root.join("in"));
    });
    let reported = watched.since(clock);
    let after = watched.agrees();
    assert_eq!(reported.clock.instance, clock.instance, "the clock has lost its line");
    assert!(!reported.fresh);
    let touched = ["edit/2", "edit/3", "new", "old", "young", "in"];
    let touched: BTreeSet<_> = touched.iter().map(PathBuf::from).collect();
    explain(&before, &after, &reported)
        .and_then(|()| within(&reported, &touched))
        .expect("all, and no more");
    // Whatever came into being is watched.
    for path in ["new/dir/6", "young/deep/5", "in/7"] {
        assert_eq!(watched.step(|root| write(&root.join(path), "later")), [format!("~{path}")]);
    }
}

#[test]
fn an_overflow_without_a_change_moves_no_clock() {
    let (_fixture, child, mut watched) = fixture();
    watched.agrees();
    let clock = watched.clock();
    storm(&child, &watched.at(""), |_| {});
    let reported = watched.since(clock);
    assert_eq!((reported.clock.instance, reported.fresh), (clock.instance, false));
    assert_eq!(reported.changes, []);
    watched.agrees();
}

#[test]
fn a_same_size_edit_with_its_time_set_back_behind_an_overflow_is_found() {
    let (_fixture, child, mut watched) = fixture();
    for path in ["edit/2", "edit/3"] {
        calm(&watched.at(path));
    }
    watched.agrees();
    let clock = watched.clock();
    storm(&child, &watched.at(""), |root| {
        let time = fs::metadata(root.join("edit/2")).and_then(|at| at.modified()).expect("a time");
        fs::write(root.join("edit/2"), "EDIT/2").expect("a write");
        crate::fixture::set_modified(&root.join("edit/2"), time);
    });
    let reported = watched.since(clock);
    assert_eq!(bd_tests::explain::brief(&reported), ["~edit/2"]);
    watched.agrees();
}

#[test]
fn one_overflow_after_the_other_is_survived() {
    let (_fixture, child, mut watched) = fixture();
    let mut before = watched.agrees();
    let mut clock = watched.clock();
    for round in 0..3 {
        storm(&child, &watched.at(""), |root| {
            write(&root.join(format!("round{round}/f")), "x");
            rename(root.join("keep"), root.join("kept"));
            rename(root.join("kept"), root.join("keep"));
            write(&root.join("keep/0"), &format!("{round}"));
        });
        let reported = watched.since(clock);
        let after = watched.agrees();
        assert_eq!(reported.clock.instance, clock.instance);
        explain(&before, &after, &reported).expect("explained");
        (before, clock) = (after, reported.clock);
    }
}

#[test]
fn a_storm_in_what_is_ignored_is_no_change() {
    let (_fixture, child, mut watched) = fixture();
    watched.agrees();
    let clock = watched.clock();
    child.signal(Signal::SIGSTOP);
    for file in 0..STORM {
        fs::write(watched.at(format!("storm/{file}")), "x").expect("a file");
    }
    child.signal(Signal::SIGCONT);
    assert_eq!(watched.since(clock).clock, clock);
    watched.agrees();
}

#[test]
fn an_ignore_file_that_changed_behind_an_overflow_counts() {
    let (_fixture, child, mut watched) = fixture();
    write(&watched.at("storm/x"), "x");
    let before = watched.agrees();
    let clock = watched.clock();
    storm(&child, &watched.at(""), |root| write(&root.join(".gitignore"), "old\n"));
    let reported = watched.since(clock);
    let after = watched.agrees();
    explain(&before, &after, &reported).expect("explained");
    assert!(after.entries.contains_key(Path::new("storm/x")));
    assert!(!after.entries.contains_key(Path::new("old")));
}
