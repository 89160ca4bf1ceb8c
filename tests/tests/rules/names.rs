//! Names of all kinds, many in one directory, and directories far down.

use crate::fixture::{Fixture, rename, write};
use bd_tests::Source;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

#[test]
fn names_that_are_no_text_are_names() {
    let mut fixture = Fixture::with(&["a"]);
    let long = "x".repeat(255);
    let names: [&[u8]; 14] = [
        b"\xff\xfe",
        b"caf\xc3\xa9",
        b"cafe\xcc\x81",
        b"new\nline",
        b" ",
        b"tab\there",
        b"-rf",
        b"*",
        b"[a]",
        b"!x",
        b"#x",
        b"back\\slash",
        b"\x01",
        long.as_bytes(),
    ];
    for name in names {
        let name = Path::new(OsStr::from_bytes(name));
        let reported = fixture.step_within(&[""], |root| write(&root.join(name), "1"));
        assert_eq!(reported.changes.len(), 1);
        assert_eq!(reported.changes[0].path, name);
        fixture.step(|root| write(&root.join(name), "2"));
        // The same as a directory.
        fixture.step(|root| {
            fs::remove_file(root.join(name)).expect("a removal");
            write(&root.join(name).join(name), "3");
        });
        fixture.step(|root| write(&root.join(name).join(name), "4"));
        fixture.step(|root| rename(root.join(name), root.join("plain")));
        fixture.step(|root| fs::remove_dir_all(root.join("plain")).expect("a removal"));
    }
}

#[test]
fn names_with_bytes_before_the_slash_are_sorted_as_text_and_reported_once_each() {
    let mut fixture = Fixture::with(&["z"]);
    // A dot, a minus and a space come before the slash.
    let reported = fixture.step(|root| {
        for path in ["a/x", "a.b", "a-b/y", "a b", "ab", "a/x.y", "a0"] {
            write(&root.join(path), path);
        }
    });
    assert_eq!(reported.len(), 9);
    let reported = fixture.step(|root| fs::remove_dir_all(root.join("a")).expect("a removal"));
    assert_eq!(reported, ["-a/", "-a/x", "-a/x.y"]);
    let reported = fixture.step(|root| rename(root.join("a-b"), root.join("a")));
    assert_eq!(reported, Source::chosen().expected(&["a-b>a/", "a-b/y>a/y"]));
}

#[test]
fn twenty_thousand_files_in_one_directory_are_all_there() {
    let mut fixture = Fixture::with(&["a"]);
    let file = |root: &Path, n: usize| root.join(format!("many/file-number-{n}"));
    let reported =
        fixture.step(|root| (0..20_000).for_each(|n| write(&file(root, n), &n.to_string())));
    assert_eq!(reported.len(), 20_001);
    assert_eq!(fixture.step(|root| write(&file(root, 12_345), "x")), ["~many/file-number-12345"]);
    let reported = fixture.step(|root| rename(root.join("many"), root.join("all")));
    assert_eq!(reported.len(), 20_001 * Source::chosen().halves_of_a_move());
    let reported = fixture.step(|root| fs::remove_dir_all(root.join("all")).expect("a removal"));
    assert_eq!(reported.len(), 20_001);
}

#[test]
fn two_hundred_levels_down_an_edit_is_seen() {
    let mut fixture = Fixture::with(&["a"]);
    let deep: PathBuf = std::iter::repeat_n("level", 200).collect();
    let reported = fixture.step(|root| write(&root.join(&deep).join("f"), "1"));
    assert_eq!(reported.len(), 201);
    let reported = fixture.step(|root| write(&root.join(&deep).join("f"), "2"));
    assert_eq!(reported, [format!("~{}", deep.join("f").display())]);
    let reported = fixture.step(|root| rename(root.join("level"), root.join("floor")));
    assert_eq!(reported.len(), 201 * Source::chosen().halves_of_a_move());
    let below: PathBuf =
        std::iter::once("floor").chain(std::iter::repeat_n("level", 199)).collect();
    let reported = fixture.step(|root| write(&root.join(&below).join("f"), "3"));
    assert_eq!(reported, [format!("~{}", below.join("f").display())]);
    let reported = fixture.step(|root| fs::remove_dir_all(root.join("floor")).expect("a removal"));
    assert_eq!(reported.len(), 201);
}

#[test]
fn a_path_longer_than_the_system_takes_at_once_is_no_end_of_everything() {
    let mut fixture = Fixture::with(&["a"]);
    // 40 × 200 bytes: only step by step can one get there.
    let name = "n".repeat(200);
    let script = format!("for i in $(seq 40); do mkdir {name}; cd -P {name}; done; echo x >f");
    crate::fixture::sh(fixture.root(), &script);
    // What can not be named is not there for a build either; the rest is.
    assert!(fixture.info().files >= 1);
    let clock = fixture.clock();
    write(&fixture.at("a"), "edited");
    let reported = fixture.since(clock);
    assert!(bd_tests::explain::brief(&reported).contains(&"~a".to_owned()), "{reported:?}");
    crate::fixture::sh(fixture.root(), &format!("rm -rf {name}"));
    fixture.agrees();
}
