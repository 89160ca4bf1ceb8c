//! Rules 4 and 5: directories that get another name, that come and that go.

use crate::fixture::{Fixture, rename, sh, write};
use bd_tests::Source;
use nix::fcntl::{RenameFlags, renameat2};
use std::fs;
use std::path::Path;

const TREE: [&str; 5] = ["a/1", "a/b/2", "a/b/c/3", "a/b/c/4", "z"];

fn exchange(a: &Path, b: &Path) {
    let here = nix::fcntl::AT_FDCWD;
    renameat2(here, a, here, b, RenameFlags::RENAME_EXCHANGE).expect("an exchange");
}

#[test]
fn a_renamed_directory_names_itself_and_all_that_is_in_it() {
    let mut fixture = Fixture::with(&TREE);
    let reported = fixture.step(|root| rename(root.join("a"), root.join("n")));
    assert_eq!(
        reported,
        Source::chosen().expected(&[
            "a>n/",
            "a/1>n/1",
            "a/b>n/b/",
            "a/b/2>n/b/2",
            "a/b/c>n/b/c/",
            "a/b/c/3>n/b/c/3",
            "a/b/c/4>n/b/c/4"
        ])
    );
}

#[test]
fn an_edit_deep_in_a_renamed_directory_is_seen() {
    let mut fixture = Fixture::with(&TREE);
    fixture.agrees();
    rename(fixture.at("a"), fixture.at("n"));
    assert_eq!(fixture.step(|root| write(&root.join("n/b/c/3"), "new")), ["~n/b/c/3"]);
    rename(fixture.at("n"), fixture.at("m"));
    fixture.agrees();
    assert_eq!(fixture.step(|root| write(&root.join("m/b/c/3"), "newer")), ["~m/b/c/3"]);
    assert_eq!(fixture.step(|root| write(&root.join("m/b/x/y"), "added")), ["+m/b/x/", "+m/b/x/y"]);
}

#[test]
fn a_rename_and_an_edit_deep_in_it_before_one_question_are_both_reported() {
    let mut fixture = Fixture::with(&TREE);
    let reported = fixture.step(|root| {
        rename(root.join("a"), root.join("n"));
        write(&root.join("n/b/c/3"), "new");
        write(&root.join("n/b/c/5"), "added");
        fs::remove_file(root.join("n/b/2")).expect("a removal");
    });
    assert_eq!(
        reported,
        Source::chosen().expected(&[
            "-a/b/2",
            "a>n/",
            "a/1>n/1",
            "a/b>n/b/",
            "a/b/c>n/b/c/",
            "a/b/c/3>n/b/c/3",
            "a/b/c/4>n/b/c/4",
            "+n/b/c/5"
        ])
    );
}

#[test]
fn there_and_back_again_leaves_every_path_as_it_was() {
    let mut fixture = Fixture::with(&TREE);
    for _ in 0..20 {
        let reported = fixture.step(|root| {
            rename(root.join("a"), root.join("n"));
            rename(root.join("n"), root.join("a"));
        });
        assert!(reported.iter().all(|change| change.starts_with('~')), "{reported:?}");
        assert_eq!(fixture.step(|root| write(&root.join("a/b/c/3"), "new")), ["~a/b/c/3"]);
    }
}

#[test]
fn there_and_back_again_with_an_edit_on_the_way_reports_the_edit() {
    let mut fixture = Fixture::with(&TREE);
    let reported = fixture.step(|root| {
        rename(root.join("a"), root.join("n"));
        write(&root.join("n/b/2"), "new");
        rename(root.join("n"), root.join("a"));
    });
    assert!(reported.contains(&"~a/b/2".to_owned()), "{reported:?}");
}

#[test]
fn two_directories_that_are_swapped_by_way_of_a_third_name_are_both_right() {
    let mut fixture = Fixture::with(&["a/same", "a/only", "b/same", "b/other", "b/deep/er/f"]);
    let swap = |root: &Path| {
        rename(root.join("a"), root.join("t"));
        rename(root.join("b"), root.join("a"));
        rename(root.join("t"), root.join("b"));
    };
    for _ in 0..10 {
        fixture.step_within(&["a", "b"], swap);
        assert_eq!(fixture.step(|root| write(&root.join("a/same"), "1")), ["~a/same"]);
        assert_eq!(fixture.step(|root| write(&root.join("b/same"), "2")), ["~b/same"]);
        let deep = ["a", "b"].into_iter().find(|dir| fixture.at(dir).join("deep").exists());
        let deep = format!("{}/deep/er/f", deep.expect("one of them"));
        assert_eq!(fixture.step(|root| write(&root.join(&deep), "3")), [format!("~{deep}")]);
    }
}

#[test]
fn two_directories_that_are_exchanged_in_one_call_are_both_right() {
    let mut fixture = Fixture::with(&["a/same", "a/only/x", "b/same", "b/other/y"]);
    for _ in 0..10 {
        fixture.step_within(&["a", "b"], |root| exchange(&root.join("a"), &root.join("b")));
        assert_eq!(fixture.step(|root| write(&root.join("a/same"), "1")), ["~a/same"]);
        assert_eq!(fixture.step(|root| write(&root.join("b/same"), "2")), ["~b/same"]);
    }
    // One within the other's sibling, and a file with a directory.
    fixture.step_within(&["a", "b"], |root| exchange(&root.join("a/same"), &root.join("b")));
    let file = if fixture.at("b").is_file() { "b" } else { "a/same" };
    assert_eq!(fixture.step(|root| write(&root.join(file), "3")), [format!("~{file}")]);
    fixture.step(|root| write(&root.join("a/same/new/deep"), "4"));
    assert_eq!(
        fixture.step(|root| write(&root.join("a/same/new/deep"), "5")),
        ["~a/same/new/deep"]
    );
}

#[test]
fn a_chain_of_renames_is_one_rename() {
    let mut fixture = Fixture::with(&["a", "d/x"]);
    let reported = fixture.step(|root| {
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "e"), ("d", "f"), ("f", "g")] {
            rename(root.join(from), root.join(to));
        }
    });
    assert_eq!(reported, Source::chosen().expected(&["a>e", "d>g/", "d/x>g/x"]));
}

#[test]
fn what_only_looks_like_a_rename_is_none() {
    let mut fixture = Fixture::with(&["a", "b", "c", "d", "e/x"]);
    // Over something that was there: that is another content there, and nothing here.
    assert_eq!(fixture.step(|root| rename(root.join("a"), root.join("b"))), ["-a", "~b"]);
    // The old name is in use again.
    let reported = fixture.step(|root| {
        rename(root.join("c"), root.join("n"));
        write(&root.join("c"), "another");
    });
    assert_eq!(reported, ["~c", "+n"]);
    // One goes, another comes: the system likes to give it the same inode.
    let reported = fixture.step(|root| {
        fs::remove_file(root.join("d")).expect("a removal");
        write(&root.join("new"), "d");
    });
    assert_eq!(reported, ["-d", "+new"]);
    let reported = fixture.step(|root| {
        fs::remove_dir_all(root.join("e")).expect("a removal");
        write(&root.join("f/x"), "e/x");
    });
    assert_eq!(reported, ["-e/", "-e/x", "+f/", "+f/x"]);
}

#[test]
fn what_came_and_went_is_nothing() {
    let mut fixture = Fixture::with(&["a", "d/x"]);
    let reported = fixture.step(|root| {
        write(&root.join("t"), "");
        write(&root.join("u/v/w"), "");
        rename(root.join("t"), root.join("u/t"));
        fs::remove_dir_all(root.join("u")).expect("a removal");
    });
    assert_eq!(reported, [""; 0]);
}

#[test]
fn a_directory_that_is_moved_in_is_there_with_all_that_is_in_it_and_is_watched() {
    let mut fixture = Fixture::with(&["a"]);
    let outside = fixture.outside("new");
    write(&outside.join("1"), "1");
    write(&outside.join("deep/er/2"), "2");
    let reported = fixture.step(|root| rename(&outside, root.join("new")));
    assert_eq!(reported, ["+new/", "+new/1", "+new/deep/", "+new/deep/er/", "+new/deep/er/2"]);
    assert_eq!(fixture.step(|root| write(&root.join("new/deep/er/2"), "x")), ["~new/deep/er/2"]);
    assert_eq!(fixture.step(|root| write(&root.join("new/deep/3"), "x")), ["+new/deep/3"]);
}

#[test]
fn a_directory_that_is_moved_out_is_gone_and_what_happens_there_is_silent() {
    let mut fixture = Fixture::with(&TREE);
    let outside = fixture.outside("gone");
    let watches = fixture.info().watches;
    let reported = fixture.step(|root| rename(root.join("a"), &outside));
    assert_eq!(reported, ["-a/", "-a/1", "-a/b/", "-a/b/2", "-a/b/c/", "-a/b/c/3", "-a/b/c/4"]);
    fixture.unmoved(|_| {
        write(&outside.join("b/c/3"), "edited");
        write(&outside.join("b/new/x"), "added");
        fs::remove_file(outside.join("1")).expect("a removal");
        rename(outside.join("b"), outside.join("n"));
    });
    if bd_tests::Source::chosen().has_watches() {
        assert_eq!(fixture.info().watches + 3, watches, "its three watches are still held");
    }
    // And in again, as it is now.
    let reported = fixture.step(|root| rename(&outside, root.join("a")));
    assert_eq!(
        reported,
        ["+a/", "+a/n/", "+a/n/2", "+a/n/c/", "+a/n/c/3", "+a/n/c/4", "+a/n/new/", "+a/n/new/x"]
    );
    assert_eq!(fixture.step(|root| write(&root.join("a/n/c/3"), "x")), ["~a/n/c/3"]);
}

#[test]
fn a_directory_that_goes_out_and_comes_in_again_before_a_question_is_right() {
    let mut fixture = Fixture::with(&TREE);
    let outside = fixture.outside("gone");
    for round in 0..20 {
        fixture.step_within(&["a"], |root| {
            rename(root.join("a"), &outside);
            write(&outside.join("b/c/3"), &format!("{round}"));
            rename(&outside, root.join("a"));
        });
        assert_eq!(fixture.step(|root| write(&root.join("a/b/c/4"), "x")), ["~a/b/c/4"]);
    }
}

#[test]
fn a_directory_that_is_moved_between_two_roots_changes_both() {
    let mut one = Fixture::with(&TREE);
    let mut two = Fixture::with(&["x"]);
    two.agrees();
    let target = two.at("a");
    one.step(|root| rename(root.join("a"), &target));
    two.agrees();
    assert_eq!(two.step(|root| write(&root.join("a/b/c/3"), "x")), ["~a/b/c/3"]);
    one.unmoved(|_| write(&target.join("b/c/4"), "x"));
}

#[test]
fn a_new_directory_in_the_place_of_an_old_one_is_watched() {
    let mut fixture = Fixture::with(&TREE);
    for round in 0..30 {
        fixture.step_within(&["a"], |root| {
            fs::remove_dir_all(root.join("a")).expect("a removal");
            write(&root.join("a/b/new"), &format!("{round}"));
        });
        assert_eq!(fixture.step(|root| write(&root.join("a/b/new"), "x")), ["~a/b/new"]);
    }
    // The same by other processes, and over a name that is in use.
    fixture.step_within(&["a"], |root| sh(root, "cp -r a ../c; rm -r a; mv ../c a; echo y >a/b/n"));
    assert_eq!(fixture.step(|root| write(&root.join("a/b/n"), "x")), ["~a/b/n"]);
}
