//! Git and we see the same files, whatever says what is ignored: lines, links, sizes, places of
//! files, configuration. Git is asked in the same environment.

use crate::fixture::{Fixture, link, sh, write};
use bd_daemon::index::{Clock, Instance};
use bd_tests::Watched;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A clock that nobody gave: in answer to it, all there is is new.
const FOREIGN: Clock = Clock { instance: Instance(1), tick: 1 };

/// Files that git takes for new in a directory: all that are not ignored, as nothing was added.
fn theirs(root: &Path) -> BTreeSet<PathBuf> {
    let arguments = ["ls-files", "--others", "--exclude-standard", "-z"];
    let output = Command::new("git").args(arguments).current_dir(root).output();
    let output = output.expect("git starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect()
}

fn ours(watched: &mut Watched) -> BTreeSet<PathBuf> {
    let reported = watched.since(FOREIGN);
    assert!(reported.fresh, "{reported:?}");
    let files = reported.changes.iter().filter(|change| !watched.at(&change.path).is_dir());
    files.map(|change| change.path.clone()).collect()
}

/// Does something, and holds our answer against git's; gives the files.
#[track_caller]
fn same(watched: &mut Watched, act: impl FnOnce(&Path)) -> BTreeSet<PathBuf> {
    act(watched.root());
    let (ours, theirs) = (ours(watched), theirs(watched.root()));
    assert_eq!(ours, theirs);
    theirs
}

#[track_caller]
fn has(files: &BTreeSet<PathBuf>, present: &[&str], absent: &[&str]) {
    for file in present {
        assert!(files.contains(Path::new(file)), "{file} is missing: {files:?}");
    }
    for file in absent {
        assert!(!files.contains(Path::new(file)), "{file} is there: {files:?}");
    }
}

/// A checkout with these files.
fn checkout(files: &[&str]) -> Fixture {
    let fixture = Fixture::with(files);
    sh(fixture.root(), "git init -q .");
    fixture
}

#[test]
fn what_shells_and_others_have_in_globs_is_taken_as_git_takes_it() {
    let names =
        ["app.js", "a.py", "a.py{}", "{{x}}", "x", "foo1/bar", "foobar", "t\t", "t", "é", "C"];
    let mut checkout = checkout(&names);
    for (line, present, absent) in [
        ("*.{js,css}", &["app.js"][..], &[][..]),
        ("*.py{}", &["a.py"], &["a.py{}"]),
        ("{{x}}", &["x"], &["{{x}}"]),
        ("foo**/bar", &[], &["foo1/bar", "foobar"]),
        ("t\t", &["t"], &["t\t"]),
        ("[[:alpha:]]", &[], &["x", "t", "C"]),
        ("[[:nothing:]]", &["x"], &[]),
    ] {
        let files = same(&mut checkout, |root| write(&root.join(".gitignore"), line));
        has(&files, present, absent);
        // An edit of what is not ignored is seen.
        for file in present {
            let clock = checkout.clock();
            write(&checkout.at(file), line);
            assert_ne!(checkout.since(clock).clock, clock, "{line}: {file}");
        }
    }
    let not_utf8 =
        |root: &Path| fs::write(root.join(".gitignore"), b"\xc3*\n\xff\n").expect("a file");
    has(&same(&mut checkout, not_utf8), &["x"], &["é"]);
}

#[test]
fn a_linked_gitignore_has_no_rules() {
    let mut checkout = checkout(&["x", "list", "d/x"]);
    same(&mut checkout, |root| write(&root.join("list"), "x\n"));
    let files = same(&mut checkout, |root| link("list", root.join(".gitignore")));
    has(&files, &["x", "d/x"], &[]);
    let files = same(&mut checkout, |root| {
        fs::remove_file(root.join(".gitignore")).expect("a removal");
        write(&root.join(".gitignore"), "x\n");
    });
    has(&files, &[], &["x", "d/x"]);
}

#[test]
fn what_is_above_the_root_counts_up_to_the_top_of_the_checkout() {
    let fixture =
        checkout(&["sub/root/x", "sub/root/y", "sub/root/d/x", "sub/root/z.log", "sub/root/s"]);
    let mut watched = Watched::new(&fixture.at("sub/root"));
    has(&same(&mut watched, |_| {}), &["x", "y", "d/x", "z.log"], &[]);
    let at = |path: &str| fixture.at(path);
    let files = same(&mut watched, |_| write(&at(".gitignore"), "*.log\n/sub/root/x\n"));
    has(&files, &["y", "d/x"], &["x", "z.log"]);
    let files = same(&mut watched, |_| write(&at("sub/.gitignore"), "root/d\n!z.log\n"));
    has(&files, &["y", "z.log"], &["x", "d/x"]);
    let files = same(&mut watched, |_| write(&at(".git/info/exclude"), "/sub/*/y\n/s\n"));
    has(&files, &["s"], &["y"]);
    let files = same(&mut watched, |root| write(&root.join(".gitignore"), "!/x\n!d\n/d/x\n"));
    has(&files, &["x"], &["d/x"]);
    // Where the root is ignored, somebody works in it nevertheless.
    write(&at(".gitignore"), "root/\n*.log\n");
    has(&ours(&mut watched), &["x", "y", "z.log"], &["d/x"]);
}

#[test]
fn the_excludes_that_the_configuration_names_count_and_change() {
    let mut checkout = checkout(&["x", "y", "Z", "deep/y", "list", "inc", "other"]);
    let root = checkout.root().display().to_string();
    let set = |values: &'static str| {
        move |root: &Path| {
            sh(root, "git config --unset-all core.excludesFile || true");
            let config = root.join(".git/config");
            let old = fs::read_to_string(&config).expect("a configuration");
            let old = old.split("# ours").next().expect("a part").to_owned();
            let home = root.display().to_string();
            fs::write(config, old + "# ours\n" + &values.replace("ROOT", &home)).expect("a file");
        }
    };
    write(&checkout.at("list"), "x\n");
    write(&checkout.at("other"), "y\n");
    write(&checkout.at("inc"), &format!("[core]\n\texcludesFile = {root}/other ; c\n"));
    has(&same(&mut checkout, set("[core] excludesFile = list # c\n")), &["y"], &["x"]);
    has(&same(&mut checkout, |root| write(&root.join("list"), "/y\n")), &["x", "deep/y"], &["y"]);
    let included = "[core] excludesFile = list\n[include]\n\tpath = ROOT/inc\n";
    has(&same(&mut checkout, set(included)), &["x"], &["y", "deep/y"]);
    let met = "[includeIf \"gitdir:ROOT/\"]\n\tpath = ROOT/inc\n";
    has(&same(&mut checkout, set(met)), &[], &["y"]);
    let unmet = "[includeIf \"gitdir:ROOT/deep/\"]\n\tpath = ROOT/inc\n";
    has(&same(&mut checkout, set(unmet)), &["y"], &[]);
    let branch = "[includeIf \"onbranch:a/\"]\n\tpath = ROOT/inc\n";
    has(&same(&mut checkout, set(branch)), &["y"], &[]);
    let on_branch = |root: &Path| sh(root, "git symbolic-ref HEAD refs/heads/a/b");
    has(&same(&mut checkout, on_branch), &[], &["y", "deep/y"]);
    has(&same(&mut checkout, set("[other]\n\texcludesFile = other\n")), &["y"], &[]);
    has(
        &same(&mut checkout, set("[core]\n\texcludesFile = other\n\texcludesFile =\n")),
        &["y"],
        &[],
    );
    write(&checkout.at(".gitignore"), "z\n");
    has(&same(&mut checkout, set("[core]\n\tignoreCase = true\n")), &[], &["Z"]);
    has(&same(&mut checkout, set("")), &["Z"], &[]);
}

#[test]
fn a_configuration_that_changes_otherwise_moves_no_clock() {
    let mut checkout = checkout(&["x"]);
    checkout.agrees();
    let clock = checkout.clock();
    sh(checkout.root(), "git config a.b c");
    assert_eq!(checkout.clock(), clock);
}

#[test]
fn a_file_with_rules_that_is_too_large_is_reported_and_ignores_nothing() {
    let mut fixture = Fixture::with(&["x", "d/x", "d/y"]);
    write(&fixture.at(".gitignore"), "x\n");
    assert_eq!(ours(&mut fixture), [".gitignore", "d/y"].map(PathBuf::from).into());
    let many = "x\n".to_owned() + &"# nothing\n".repeat(120_000);
    write(&fixture.at("d/.gitignore"), &many);
    let files = ours(&mut fixture);
    has(&files, &["d/x", "d/y"], &["x"]);
    let warnings = fixture.info().warnings;
    assert!(warnings.iter().any(|line| line.contains("d/.gitignore is larger")), "{warnings:?}");
    write(&fixture.at("d/.gitignore"), "y\n");
    assert_eq!(ours(&mut fixture), [".gitignore", "d/.gitignore"].map(PathBuf::from).into());
    // Without events there is always a warning that says so.
    let warnings = fixture.info().warnings;
    assert!(!warnings.iter().any(|line| line.contains("larger")), "{warnings:?}");
}
