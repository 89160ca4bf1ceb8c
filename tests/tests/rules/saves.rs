//! Rule 12: the ways in which editors save are one modification of one file.

use crate::fixture::{Fixture, link, rename, sh, write};
use std::fs;

#[test]
fn a_temporary_file_renamed_over_the_file_is_one_modification() {
    let mut fixture = Fixture::with(&["src/a", "src/b"]);
    for round in 0..50 {
        let reported = fixture.step(|root| {
            write(&root.join("src/.a.tmp"), &format!("{round}"));
            rename(root.join("src/.a.tmp"), root.join("src/a"));
        });
        assert_eq!(reported, ["~src/a"]);
    }
}

#[test]
fn a_temporary_file_from_elsewhere_renamed_over_the_file_is_one_modification() {
    let mut fixture = Fixture::with(&["src/a", "b"]);
    let (outside, inside) = (fixture.outside("tmp"), fixture.at("tmp"));
    for temporary in [&outside, &inside] {
        let reported = fixture.step(|root| {
            write(temporary, "new");
            rename(temporary, root.join("src/a"));
        });
        assert_eq!(reported, ["~src/a"]);
    }
}

#[test]
fn vim_with_a_backup_is_one_modification() {
    let mut fixture = Fixture::with(&["a", "b"]);
    let reported = fixture.step(|root| {
        // `:set backupcopy=no writebackup`: the probe, the backup, the new file, no backup.
        write(&root.join("4913"), "");
        fs::remove_file(root.join("4913")).expect("a removal");
        rename(root.join("a"), root.join("a~"));
        write(&root.join("a"), "new");
        fs::remove_file(root.join("a~")).expect("a removal");
    });
    assert_eq!(reported, ["~a"]);
    let reported = fixture.step(|root| {
        // `:set backup`: it stays.
        rename(root.join("a"), root.join("a~"));
        write(&root.join("a"), "newer");
    });
    assert_eq!(reported, ["~a", "+a~"]);
}

#[test]
fn emacs_with_a_lock_that_is_a_link_to_nowhere_is_one_modification() {
    let mut fixture = Fixture::with(&["a", "b"]);
    let reported = fixture.step(|root| {
        link("me@here.1:1", root.join(".#a"));
        write(&root.join("#a#"), "autosaved");
        fs::copy(root.join("a"), root.join("a~")).expect("a copy");
        fs::write(root.join("a"), "new").expect("a write");
        for left in [".#a", "#a#", "a~"] {
            fs::remove_file(root.join(left)).expect("a removal");
        }
    });
    assert_eq!(reported, ["~a"]);
}

#[test]
fn unlinking_and_creating_again_is_one_modification() {
    let mut fixture = Fixture::with(&["a", "b"]);
    for round in 0..50 {
        let reported = fixture.step(|root| {
            fs::remove_file(root.join("a")).expect("a removal");
            write(&root.join("a"), &format!("{round}"));
        });
        assert_eq!(reported, ["~a"]);
    }
}

#[test]
fn a_file_without_a_name_that_is_linked_into_place_is_seen() {
    let mut fixture = Fixture::with(&["a"]);
    let reported = fixture.step(|root| {
        // `O_TMPFILE` needs no name; a link gives it one, without a write or a close behind it.
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut open = fs::File::options();
        open.write(true).custom_flags(nix::libc::O_TMPFILE);
        let mut file = open.open(root).expect("a file without a name");
        file.write_all(b"whole").expect("a write");
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let (here, follow) = (nix::fcntl::AT_FDCWD, nix::fcntl::AtFlags::AT_SYMLINK_FOLLOW);
        nix::unistd::linkat(here, own.as_str(), here, &root.join("named"), follow).expect("a name");
        file.write_all(b", and more").expect("a write");
    });
    assert_eq!(reported, ["+named"]);
}

#[test]
fn a_delete_that_lasts_is_reported_and_so_is_what_follows_a_question_between_the_halves_of_a_save()
{
    let mut fixture = Fixture::with(&["a", "b"]);
    assert_eq!(fixture.step(|root| rename(root.join("a"), root.join("a~"))), ["a>a~"]);
    assert_eq!(fixture.step(|root| write(&root.join("a"), "new")), ["+a"]);
    assert_eq!(fixture.step(|root| fs::remove_file(root.join("a~")).expect("a removal")), ["-a~"]);
}

#[test]
fn a_save_of_equal_content_does_not_hide_the_next_one() {
    let mut fixture = Fixture::with(&["a", "b"]);
    fixture.step_within(&["a"], |root| sh(root, "cp a ../t; mv ../t a"));
    assert_eq!(fixture.step(|root| write(&root.join("a"), "z")), ["~a"]);
}

#[test]
fn touching_changes_no_digest() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    let digest = fixture.info().tree_digest;
    fixture.step_within(&["a", "d"], |root| sh(root, "touch a d d/b; chmod 600 a; chmod 755 d"));
    assert_eq!(fixture.info().tree_digest, digest);
}
