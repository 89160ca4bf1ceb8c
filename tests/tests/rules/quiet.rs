//! Rules 17 and 18: what makes no change: reading, our own files, and what is ignored.

use crate::fixture::{Fixture, sh, write};
use bd_tests::{Watched, oracle};
use std::fs;

#[test]
fn reading_everything_moves_no_clock() {
    let mut fixture = Fixture::with(&["a"]);
    for n in 0..3_000 {
        write(&fixture.at(format!("d{}/e{}/f{n}", n % 10, n % 100)), &n.to_string());
    }
    fixture.unmoved(|root| {
        oracle::walk(root, &[]).expect("a listing");
        sh(root, "find . -type f -exec cat {} + >/dev/null; ls -lR >/dev/null");
    });
    // Neither does another one who hashes it.
    fixture.unmoved(|root| drop(Watched::new(root).agrees()));
}

#[test]
fn opening_for_writing_without_a_write_loses_nothing() {
    let mut fixture = Fixture::with(&["a", "b"]);
    fixture.step_within(&["a"], |root| {
        drop(fs::File::options().append(true).open(root.join("a")).expect("a file"));
    });
    assert_eq!(fixture.step(|root| write(&root.join("a"), "x")), ["~a"]);
}

#[test]
fn questions_move_no_clock() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    let clock = fixture.clock();
    for _ in 0..100 {
        assert_eq!(fixture.info().clock, Some(clock));
        assert_eq!(fixture.since(clock).clock, clock);
    }
}

#[test]
fn our_own_directories_are_no_part_of_it() {
    let fixture = Fixture::with(&["a", "home/db", "home/run/sock", "sub/home/not-ours"]);
    let mut watched = Watched::without(fixture.root(), vec![fixture.at("home")]);
    assert_eq!(watched.agrees().files, 2);
    watched.unmoved(|root| {
        write(&root.join("home/db"), "edited");
        write(&root.join("home/new/x"), "new");
        fs::remove_dir_all(root.join("home/run")).expect("a removal");
    });
    // Nor when it is made again.
    watched.unmoved(|root| {
        fs::remove_dir_all(root.join("home")).expect("a removal");
        write(&root.join("home/db"), "again");
    });
    let reported = watched.step(|root| write(&root.join("sub/home/not-ours"), "x"));
    assert_eq!(reported, ["~sub/home/not-ours"]);
}

#[test]
fn version_control_and_caches_are_no_part_of_it() {
    let mut fixture =
        Fixture::with(&["a", ".git/HEAD", "sub/.hg/x", "py/__pycache__/a.pyc", "py/a.py"]);
    assert_eq!(fixture.agrees().files, 2);
    fixture.unmoved(|root| {
        for path in
            [".git/index", ".git/objects/aa/bb", "sub/.hg/y", "py/__pycache__/b.pyc", ".jj/x"]
        {
            write(&root.join(path), "x");
        }
        write(&root.join("sub/.git"), "gitdir: elsewhere");
        fs::remove_dir_all(root.join(".git/objects")).expect("a removal");
    });
    assert_eq!(fixture.step(|root| write(&root.join("py/a.py"), "x")), ["~py/a.py"]);
}

#[test]
fn what_is_ignored_is_silent_and_costs_no_watch() {
    let mut fixture = Fixture::with(&["a", ".gitignore"]);
    write(&fixture.at(".gitignore"), "target/\n*.log\n");
    let watches = fixture.info().watches;
    fixture.unmoved(|root| {
        write(&root.join("target/deep/er/x"), "x");
        write(&root.join("x.log"), "x");
        fs::rename(root.join("x.log"), root.join("y.log")).expect("a rename");
        write(&root.join("target/deep/er/x"), "y");
        fs::remove_dir_all(root.join("target")).expect("a removal");
        write(&root.join("target/deep/er/x"), "z");
    });
    assert_eq!(fixture.info().watches, watches);
}
