//! Permissions: the executable bit counts, and what can not be read is there all the same. Root
//! may read everything, so another user asks.

use crate::fixture::{Fixture, sh, write};
use bd_daemon::index::Changes;
use bd_tests::reexec::{self, NOBODY};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn the_executable_bit_of_the_owner_counts_and_no_other() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    mode(&fixture.at("a"), 0o644);
    let plain = fixture.info().tree_digest;
    assert_eq!(fixture.step(|root| mode(&root.join("a"), 0o744)), ["~a"]);
    assert_ne!(fixture.info().tree_digest, plain);
    fixture.step(|root| mode(&root.join("a"), 0o655));
    assert_eq!(fixture.info().tree_digest, plain);
    fixture.step_within(&["d"], |root| mode(&root.join("d"), 0o700));
    assert_eq!(fixture.info().tree_digest, plain);
}

#[test]
fn an_executable_bit_set_by_another_process_is_seen_each_time() {
    let mut fixture = Fixture::with(&["a"]);
    for _ in 0..50 {
        assert_eq!(fixture.step(|root| sh(root, "chmod u+x a")), ["~a"]);
        assert_eq!(fixture.step(|root| sh(root, "chmod u-x a")), ["~a"]);
    }
}

#[test]
fn what_can_not_be_read_is_there_and_what_is_in_it_comes_and_goes() {
    const ME: &str = "modes::what_can_not_be_read_is_there_and_what_is_in_it_comes_and_goes";
    if !nix::unistd::geteuid().is_root() || reexec::argument(ME).is_some() {
        return unreadable();
    }
    // The program must be where the other user can start it.
    let dir = tempfile::Builder::new().prefix("bd").tempdir().expect("a directory");
    mode(dir.path(), 0o755);
    let copy = dir.path().join("test");
    fs::copy(std::env::current_exe().expect("a path of the test"), &copy).expect("a copy");
    reexec::run(ME, &NOBODY, &copy, "");
}

/// How many changes are reported of what is in a directory.
fn below(dir: &str, reported: &Changes) -> usize {
    let paths = reported.changes.iter().map(|change| &change.path);
    paths.filter(|path| path.starts_with(dir) && *path != Path::new(dir)).count()
}

fn unreadable() {
    let mut fixture = Fixture::with(&["a", "d/b", "d/e/c", "f/g"]);
    assert_eq!(fixture.step(|root| mode(&root.join("a"), 0)), ["~a"]);
    assert_eq!(fixture.step(|root| mode(&root.join("a"), 0o600)), ["~a"]);
    // A directory that can not be listed is an empty one.
    let reported = fixture.step_within(&["d"], |root| mode(&root.join("d"), 0));
    assert_eq!(below("d", &reported), 3);
    assert_eq!(fixture.agrees().files, 2);
    let reported = fixture.step_within(&["d"], |root| mode(&root.join("d"), 0o700));
    assert_eq!(below("d", &reported), 3);
    assert_eq!(fixture.step(|root| write(&root.join("d/e/c"), "later")), ["~d/e/c"]);
    // One that was closed when it came, and is opened later.
    let outside = fixture.outside("closed");
    write(&outside.join("x/y"), "y");
    mode(&outside.join("x"), 0);
    assert_eq!(
        fixture.step(|root| crate::fixture::rename(&outside, root.join("new"))),
        ["+new/", "+new/x/"]
    );
    fixture.step_within(&["new"], |root| mode(&root.join("new/x"), 0o700));
    assert_eq!(fixture.step(|root| write(&root.join("new/x/y"), "z")), ["~new/x/y"]);
}
