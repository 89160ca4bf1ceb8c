//! What is ignored changes while it is watched, at every level and in every way.

use crate::fixture::{Fixture, rename, sh, write};
use bd_tests::child_source::ChildSource;
use bd_tests::oracle::TAG;
use bd_tests::{Source, Watched};
use std::fs;

#[test]
fn an_ignore_file_that_comes_changes_and_goes_takes_effect_at_once() {
    for name in [".gitignore", ".ignore", ".bdignore"] {
        let mut fixture = Fixture::with(&["a", "x.log", "d/y.log", "d/e/z", "out/deep/o"]);
        let reported = fixture.step(|root| write(&root.join(name), "*.log\n"));
        assert_eq!(reported, [format!("+{name}").as_str(), "-d/y.log", "-x.log"], "{name}");
        fixture.unmoved(|root| write(&root.join("d/y.log"), "edited"));
        let reported = fixture.step(|root| write(&root.join(name), "out/\n"));
        let all = [&format!("~{name}"), "+d/y.log", "-out/", "-out/deep/", "-out/deep/o", "+x.log"];
        assert_eq!(reported, all, "{name}");
        fixture.unmoved(|root| write(&root.join("out/deep/o"), "edited"));
        let reported = fixture.step(|root| fs::remove_file(root.join(name)).expect("a removal"));
        let all = [&format!("-{name}"), "+out/", "+out/deep/", "+out/deep/o"];
        assert_eq!(reported, all, "{name}");
        // What was not watched is.
        assert_eq!(fixture.step(|root| write(&root.join("out/deep/o"), "later")), ["~out/deep/o"]);
    }
}

#[test]
fn an_ignore_file_below_counts_for_what_is_below_it() {
    let mut fixture = Fixture::with(&["x", "d/x", "d/e/x", "d/e/f/x", "g/x"]);
    let reported = fixture.step(|root| write(&root.join("d/e/.gitignore"), "x\n"));
    assert_eq!(reported, ["+d/e/.gitignore", "-d/e/f/x", "-d/e/x"]);
    let reported = fixture.step(|root| write(&root.join("d/e/.gitignore"), "/x\n"));
    assert_eq!(reported, ["~d/e/.gitignore", "+d/e/f/x"]);
    // It comes and goes with the directory it is in.
    let reported = fixture.step(|root| rename(root.join("d/e"), root.join("g/e")));
    assert_eq!(
        reported,
        Source::chosen().expected(&[
            "d/e>g/e/",
            "d/e/.gitignore>g/e/.gitignore",
            "d/e/f>g/e/f/",
            "d/e/f/x>g/e/f/x"
        ])
    );
    let reported =
        fixture.step(|root| fs::remove_file(root.join("g/e/.gitignore")).expect("a removal"));
    assert_eq!(reported, ["-g/e/.gitignore", "+g/e/x"]);
}

#[test]
fn negations_and_precedence_are_as_git_has_them() {
    let mut fixture = Fixture::with(&["a.log", "keep.log", "d/a.log", "d/keep.log", "b/c/k"]);
    fixture.step_within(&[""], |root| write(&root.join(".gitignore"), "*.log\n!keep.log\n"));
    assert_eq!(fixture.agrees().files, 4);
    // Nearer files win; nothing below an ignored directory can come back.
    fixture.step_within(&[""], |root| write(&root.join("d/.gitignore"), "!a.log\nkeep.log\n"));
    fixture.step_within(&[""], |root| write(&root.join(".gitignore"), "*.log\nb/\n!b/c/k\n"));
    assert!(!fixture.agrees().entries.contains_key(std::path::Path::new("b")));
    // `.ignore` is stronger than `.gitignore`, and `.bdignore` than both.
    fixture.step_within(&[""], |root| write(&root.join(".ignore"), "!*.log\n"));
    fixture.step_within(&[""], |root| write(&root.join(".bdignore"), "keep.log\n"));
    fixture.step_within(&[""], |root| fs::remove_file(root.join(".ignore")).expect("a removal"));
}

#[test]
fn an_ignore_file_that_is_saved_atomically_or_moved_in_counts() {
    let mut fixture = Fixture::with(&["a", "x.log", "d/x.log", "lists/one"]);
    let reported = fixture.step(|root| {
        write(&root.join("tmp"), "*.log\n");
        rename(root.join("tmp"), root.join(".gitignore"));
    });
    assert_eq!(reported, ["+.gitignore", "-d/x.log", "-x.log"]);
    let reported = fixture.step(|root| rename(root.join(".gitignore"), root.join("d/.gitignore")));
    assert_eq!(reported, Source::chosen().expected(&[".gitignore>d/.gitignore", "+x.log"]));
    let outside = fixture.outside("far");
    write(&outside.join(".ignore"), "a\n");
    write(&outside.join("a"), "a");
    write(&outside.join("b"), "b");
    let reported = fixture.step(|root| rename(&outside, root.join("far")));
    assert_eq!(reported, ["+far/", "+far/.ignore", "+far/b"]);
    // A list that is a link is read through it.
    fixture.step_within(&[""], |root| sh(root, "echo b >far/list; ln -s list far/.bdignore"));
}

#[test]
fn an_ignore_file_written_with_equal_time_and_size_counts() {
    let mut fixture = Fixture::with(&["a.one", "a.two", ".gitignore"]);
    write(&fixture.at(".gitignore"), "*.one\n");
    crate::fixture::calm(&fixture.at(".gitignore"));
    let time = fs::metadata(fixture.at(".gitignore")).and_then(|at| at.modified()).expect("a time");
    let reported = fixture.step(|root| {
        fs::write(root.join(".gitignore"), "*.two\n").expect("a write");
        crate::fixture::set_modified(&root.join(".gitignore"), time);
    });
    assert_eq!(reported, ["~.gitignore", "+a.one", "-a.two"]);
}

#[test]
fn a_rename_into_what_is_ignored_is_a_removal_and_out_of_it_an_addition() {
    let mut fixture = Fixture::with(&[".gitignore", "a", "d/x", "d/e/y"]);
    write(&fixture.at(".gitignore"), "*.off\n");
    assert_eq!(fixture.step(|root| rename(root.join("a"), root.join("a.off"))), ["-a"]);
    assert_eq!(fixture.step(|root| rename(root.join("a.off"), root.join("b"))), ["+b"]);
    let reported = fixture.step(|root| rename(root.join("d"), root.join("d.off")));
    assert_eq!(reported, ["-d/", "-d/e/", "-d/e/y", "-d/x"]);
    fixture.unmoved(|root| write(&root.join("d.off/e/y"), "edited"));
    let reported = fixture.step(|root| rename(root.join("d.off"), root.join("n")));
    assert_eq!(reported, ["+n/", "+n/e/", "+n/e/y", "+n/x"]);
    assert_eq!(fixture.step(|root| write(&root.join("n/e/y"), "later")), ["~n/e/y"]);
}

#[test]
fn the_excludes_of_the_repository_count_and_change() {
    let mut fixture = Fixture::with(&[".git/HEAD", "a", "secret", "d/secret"]);
    let reported = fixture.step(|root| write(&root.join(".git/info/exclude"), "secret\n"));
    assert_eq!(reported, ["-d/secret", "-secret"]);
    let reported = fixture.step(|root| write(&root.join(".git/info/exclude"), "/secret\n"));
    assert_eq!(reported, ["+d/secret"]);
    let reported = fixture.step(|root| fs::remove_dir_all(root.join(".git")).expect("a removal"));
    assert_eq!(reported, ["+secret"]);
    // As `git init` leaves it.
    fixture.step(|root| sh(root, "git init -q . && echo a >>.git/info/exclude"));
    assert!(!fixture.agrees().entries.contains_key(std::path::Path::new("a")));
}

#[test]
fn the_global_excludes_of_git_count() {
    let fixture = Fixture::with(&["a", "b.global", "d/c.global", "d/e"]);
    let config = fixture.outside("config");
    write(&config.join("git/ignore"), "*.global\n");
    let home = config.to_str().expect("UTF-8");
    let environment = [("XDG_CONFIG_HOME", home), ("HOME", home)];
    let child = ChildSource::start("child", &[], &environment);
    let mut watched = Watched::by(fixture.root(), Box::new(child));
    // The oracle of this process has another home.
    assert_eq!(watched.info().files, 2);
    let clock = watched.clock();
    write(&fixture.at("d/x.global"), "x");
    assert_eq!(watched.since(clock).clock, clock);
}

#[test]
fn ignore_files_above_the_root_do_not_count_outside_of_a_checkout() {
    let mut fixture = Fixture::with(&["a", "x.log"]);
    write(&fixture.outside(".gitignore"), "*.log\n");
    write(&fixture.outside(".git/info/exclude"), "a\n");
    assert_eq!(fixture.agrees().files, 2);
}

#[test]
fn a_tagged_cache_is_none_of_it_from_its_tag_on_and_until_it_goes() {
    let mut fixture = Fixture::with(&["a", "out/x", "out/deep/y", "notes/CACHEDIR.TAG"]);
    let tag = String::from_utf8(TAG.to_vec()).expect("UTF-8") + "\n# made by a tool\n";
    let reported = fixture.step(|root| write(&root.join("out/CACHEDIR.TAG"), &tag));
    assert_eq!(reported, ["-out/", "-out/deep/", "-out/deep/y", "-out/x"]);
    fixture.unmoved(|root| write(&root.join("out/deep/y"), "edited"));
    let reported = fixture.step(|root| write(&root.join("out/CACHEDIR.TAG"), "no tag"));
    assert_eq!(reported, ["+out/", "+out/CACHEDIR.TAG", "+out/deep/", "+out/deep/y", "+out/x"]);
    fixture.step(|root| write(&root.join("out/CACHEDIR.TAG"), &tag));
    fixture.step(|root| fs::remove_file(root.join("out/CACHEDIR.TAG")).expect("a removal"));
    assert_eq!(fixture.step(|root| write(&root.join("out/deep/y"), "later")), ["~out/deep/y"]);
    // The root itself may be one.
    assert_eq!(fixture.step(|root| write(&root.join("CACHEDIR.TAG"), &tag)), ["+CACHEDIR.TAG"]);
}

#[test]
fn a_build_that_makes_a_tagged_target_directory_leaves_nothing() {
    let mut fixture = Fixture::with(&["src/main.rs"]);
    let tag = String::from_utf8(TAG.to_vec()).expect("UTF-8");
    let reported = fixture.step(|root| {
        // The tag comes first, as cargo has it, or last.
        write(&root.join("target/CACHEDIR.TAG"), &tag);
        write(&root.join("target/debug/deps/x.o"), "x");
        write(&root.join("late/debug/deps/x.o"), "x");
        write(&root.join("late/CACHEDIR.TAG"), &tag);
    });
    assert_eq!(reported, [""; 0]);
}
