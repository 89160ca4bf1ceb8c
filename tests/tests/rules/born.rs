//! Rule 1: what comes into being faster than it can be watched is found all the same.

use crate::fixture::{Fixture, sh, write};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

/// A thousand directories, nested ten deep, nine files in each, as one tree.
fn thousand(root: &std::path::Path, name: &str) {
    for chain in 0..100 {
        let mut dir = root.join(format!("{name}{chain}"));
        for depth in 0..10 {
            fs::create_dir(&dir).expect("a directory");
            for file in 0..9 {
                fs::write(dir.join(format!("f{file}")), format!("{chain} {depth} {file}"))
                    .expect("a file");
            }
            dir.push("d");
        }
    }
}

#[test]
fn a_thousand_nested_directories_and_their_nine_thousand_files_are_all_found() {
    let mut fixture = Fixture::with(&["a"]);
    let reported = fixture.step(|root| thousand(root, "c"));
    assert_eq!(reported.len(), 10_000);
}

#[test]
fn directories_that_are_made_while_others_are_asked_about_are_all_found() {
    let mut fixture = Fixture::with(&["a"]);
    let before = fixture.clock();
    let done = AtomicBool::new(false);
    let root = fixture.root().to_path_buf();
    let asked = std::thread::scope(|scope| {
        scope.spawn(|| {
            thousand(&root, "c");
            done.store(true, Ordering::Release);
        });
        let mut asked = 0;
        while !done.load(Ordering::Acquire) {
            fixture.info();
            asked += 1;
        }
        asked
    });
    let reported = fixture.since(before);
    assert_eq!(reported.changes.len(), 10_000, "after {asked} questions");
    // Every one of them is under watch, however it was found.
    for chain in [0, 42, 99] {
        let deep = format!("c{chain}/{}", "d/".repeat(9));
        assert_eq!(
            fixture.step(|root| write(&root.join(&deep).join("f0"), "new")),
            [format!("~{deep}f0")]
        );
    }
}

#[test]
fn a_directory_chain_and_its_file_made_by_another_process_are_found_each_time() {
    let mut fixture = Fixture::with(&["a"]);
    for round in 0..100 {
        let reported = fixture.step(|root| {
            sh(
                root,
                &format!("mkdir -p r{round}/x/y/z; echo 1 >r{round}/x/y/z/f; echo 2 >r{round}/x/f"),
            );
        });
        assert_eq!(reported.len(), 6, "{reported:?}");
    }
}

#[test]
fn an_unpacked_archive_is_found_whole() {
    let mut fixture = Fixture::with(&["a"]);
    let archive = fixture.outside("t.tar");
    let packed = fixture.outside("packed");
    fs::create_dir(&packed).expect("a directory");
    thousand(&packed, "p");
    sh(&packed, &format!("tar cf {} .", archive.display()));
    let reported =
        fixture.step(|root| sh(root, &format!("mkdir new; tar xf {} -C new", archive.display())));
    assert_eq!(reported.len(), 10_001);
}
