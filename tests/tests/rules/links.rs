//! Rule 14: symbolic links are entries with a target and never a way to somewhere else.

use crate::fixture::{Fixture, link, rename, sh, write};
use std::fs;

#[test]
fn a_link_is_its_target_and_what_is_behind_it_is_not_listed() {
    let mut fixture = Fixture::with(&["real/a"]);
    let outside = fixture.outside("far");
    write(&outside.join("x"), "x");
    let reported = fixture.step(|root| {
        link("real", root.join("near"));
        link(outside.to_str().expect("UTF-8"), root.join("far"));
        link("nowhere", root.join("dangling"));
    });
    assert_eq!(reported, ["+dangling", "+far", "+near"]);
    fixture.unmoved(|_| write(&outside.join("x"), "edited"));
    // Through a link or not, it is the file that has changed.
    assert_eq!(fixture.step(|root| write(&root.join("near/a"), "edited")), ["~real/a"]);
    assert_eq!(fixture.step(|root| write(&root.join("near/b"), "new")), ["+real/b"]);
}

#[test]
fn loops_of_links_end() {
    let mut fixture = Fixture::with(&["d/a"]);
    let reported = fixture.step(|root| {
        link(".", root.join("self"));
        link("..", root.join("d/up"));
        link("two", root.join("one"));
        link("one", root.join("two"));
    });
    assert_eq!(reported, ["+d/up", "+one", "+self", "+two"]);
    assert_eq!(fixture.step(|root| write(&root.join("d/up/self/d/a"), "x")), ["~d/a"]);
}

#[test]
fn a_link_that_gets_another_target_is_modified() {
    let mut fixture = Fixture::with(&["a", "b"]);
    fixture.agrees();
    link("a", fixture.at("l"));
    assert_eq!(fixture.step(|root| sh(root, "ln -sfn b l")), ["~l"]);
    let reported = fixture.step(|root| {
        fs::remove_file(root.join("l")).expect("a removal");
        link("a", root.join("l"));
    });
    assert_eq!(reported, ["~l"]);
}

#[test]
fn a_directory_that_is_replaced_by_a_link_loses_what_was_in_it() {
    let mut fixture = Fixture::with(&["d/a", "d/sub/b", "other/a"]);
    let outside = fixture.outside("moved");
    let reported = fixture.step(|root| {
        rename(root.join("d"), &outside);
        link(outside.to_str().expect("UTF-8"), root.join("d"));
    });
    assert_eq!(reported, ["~d", "-d/a", "-d/sub/", "-d/sub/b"]);
    fixture.unmoved(|_| write(&outside.join("sub/b"), "edited"));
    let reported = fixture.step(|root| {
        fs::remove_file(root.join("d")).expect("a removal");
        rename(&outside, root.join("d"));
    });
    assert_eq!(reported, ["~d/", "+d/a", "+d/sub/", "+d/sub/b"]);
    assert_eq!(fixture.step(|root| write(&root.join("d/sub/b"), "x")), ["~d/sub/b"]);
}

#[test]
fn what_is_at_a_path_may_be_a_file_then_a_directory_then_a_link_then_a_pipe() {
    let mut fixture = Fixture::with(&["x", "real/f"]);
    let remove = |root: &std::path::Path| fs::remove_file(root.join("x")).expect("a removal");
    let reported = fixture.step(|root| {
        remove(root);
        write(&root.join("x/in"), "x");
    });
    assert_eq!(reported, ["~x/", "+x/in"]);
    let reported = fixture.step(|root| {
        fs::remove_dir_all(root.join("x")).expect("a removal");
        link("real", root.join("x"));
    });
    assert_eq!(reported, ["~x", "-x/in"]);
    let reported = fixture.step(|root| {
        remove(root);
        sh(root, "mkfifo x");
    });
    assert_eq!(reported, ["~x"]);
    let reported = fixture.step(|root| {
        remove(root);
        write(&root.join("x"), "a file again");
    });
    assert_eq!(reported, ["~x"]);
}

#[test]
fn pipes_and_sockets_are_entries_and_nobody_waits_for_them() {
    let mut fixture = Fixture::with(&["a"]);
    assert_eq!(fixture.step(|root| sh(root, "mkfifo pipe")), ["+pipe"]);
    let listener = std::os::unix::net::UnixListener::bind(fixture.at("socket")).expect("a socket");
    fixture.agrees();
    drop(listener);
    assert_eq!(
        fixture.step(|root| fs::remove_file(root.join("pipe")).expect("a removal")),
        ["-pipe"]
    );
}

#[test]
fn a_root_that_is_reached_through_a_link_is_watched_where_it_is() {
    let fixture = Fixture::with(&["a", "d/b"]);
    let alias = fixture.outside("alias");
    link("root", &alias);
    let canonical = alias.canonicalize().expect("a root");
    let mut watched = bd_tests::Watched::new(&canonical);
    assert_eq!(watched.step(|_| write(&alias.join("d/b"), "x")), ["~d/b"]);
}
