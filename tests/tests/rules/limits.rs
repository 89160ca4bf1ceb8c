//! Rule 8: where the system refuses a watch, the directory is polled, and a warning says so. The
//! limits are lowered in a user namespace, for the source in another process alone.

use crate::fixture::{Fixture, rename, write};
use bd_daemon::watch::SourceKind;
use bd_tests::child_source::ChildSource;
use bd_tests::explain::{brief, explain};
use bd_tests::{Source, Watched, skip};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where limits of the system can be lowered for one process.
const OWN_LIMITS: [&str; 5] = ["unshare", "--user", "--map-root-user", "sh", "-ec"];

/// A source for which shell text has lowered something; `None`, with a printed reason, where that
/// is not permitted.
fn lowered(fixture: &Fixture, text: &str, own: bool) -> Option<Watched> {
    let script = format!("{text}; exec \"$0\" \"$@\"");
    let mut wrapper = if own { OWN_LIMITS.to_vec() } else { vec!["sh", "-ec"] };
    wrapper.push(&script);
    let probe = Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skip(&format!("{text:?} is not permitted here"));
        return None;
    }
    let child = ChildSource::start("child", &wrapper, &[]);
    Some(Watched::by(fixture.root(), Box::new(child)))
}

/// Sixty directories, of which far fewer can be watched.
fn fixture() -> Fixture {
    let files: Vec<_> = (0..60).map(|n| format!("d{}/e{}/f", n / 10, n % 10)).collect();
    Fixture::with(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Whatever happens anywhere is seen at once.
fn stays_right(watched: &mut Watched) {
    for dir in 0..6 {
        for sub in 0..10 {
            let path = format!("d{dir}/e{sub}/f");
            let reported = watched.step(|root| write(&root.join(&path), "edited"));
            assert_eq!(reported, [format!("~{path}")]);
        }
    }
    let reported = watched.step(|root| write(&root.join("d5/new/deep/er/f"), "x"));
    assert_eq!(reported, ["+d5/new/", "+d5/new/deep/", "+d5/new/deep/er/", "+d5/new/deep/er/f"]);
    assert_eq!(
        watched.step(|root| write(&root.join("d5/new/deep/er/f"), "y")),
        ["~d5/new/deep/er/f"]
    );
    watched.step(|root| fs::remove_dir_all(root.join("d0")).expect("a removal"));
    watched.step(|root| rename(root.join("d4"), root.join("d0")));
    assert_eq!(watched.step(|root| write(&root.join("d0/e9/f"), "z")), ["~d0/e9/f"]);
    watched.unmoved(|_| {});
}

/// Some of it is polled, and a warning says so and what to do about it.
fn is_said(watched: &mut Watched, names: &str) {
    if !Source::chosen().has_watches() {
        return;
    }
    let said = watched.info();
    assert!(matches!(said.source, SourceKind::Mixed | SourceKind::Poll), "{said:?}");
    let warned = said.warnings.iter().any(|text| text.contains(names));
    assert!(warned, "no warning names {names}: {:?}", said.warnings);
}

#[test]
fn too_few_watches_for_the_tree_are_no_silent_loss() {
    let fixture = fixture();
    let lower = "echo 20 >/proc/sys/user/max_inotify_watches";
    let Some(mut watched) = lowered(&fixture, lower, true) else { return };
    watched.agrees();
    is_said(&mut watched, "max_user_watches");
    assert!(watched.info().watches <= 20, "{:?}", watched.info());
    stays_right(&mut watched);
    is_said(&mut watched, "max_user_watches");
}

#[test]
fn watches_that_run_out_later_are_no_silent_loss() {
    let fixture = Fixture::with(&["a", "d/b"]);
    let lower = "echo 10 >/proc/sys/user/max_inotify_watches";
    let Some(mut watched) = lowered(&fixture, lower, true) else { return };
    watched.agrees();
    let said = watched.info();
    assert!(said.warnings.is_empty() || !Source::chosen().has_watches(), "too early: {said:?}");
    watched.step(|root| {
        (0..60).for_each(|n| write(&root.join(format!("d{}/e{}/f", n / 10, n % 10)), "x"))
    });
    is_said(&mut watched, "max_user_watches");
    stays_right(&mut watched);
}

#[test]
fn not_a_single_watch_is_no_silent_loss() {
    let fixture = fixture();
    let lower = "echo 0 >/proc/sys/user/max_inotify_watches";
    let Some(mut watched) = lowered(&fixture, lower, true) else { return };
    is_said(&mut watched, "max_user_watches");
    stays_right(&mut watched);
}

#[test]
fn no_instance_of_inotify_at_all_is_no_silent_loss() {
    let fixture = fixture();
    let lower = "echo 0 >/proc/sys/user/max_inotify_instances";
    let Some(mut watched) = lowered(&fixture, lower, true) else { return };
    is_said(&mut watched, "max_user_instances");
    stays_right(&mut watched);
}

#[test]
fn few_descriptors_are_enough_for_many_directories() {
    let fixture = fixture();
    for dir in 0..20 {
        for depth in 1..20 {
            write(&fixture.at(format!("w{dir}/{}f", "d/".repeat(depth))), "x");
        }
    }
    let Some(mut watched) = lowered(&fixture, "ulimit -n 24", false) else { return };
    stays_right(&mut watched);
}

/// A directory that a source in another process knows, and that source, which can be denied descriptors.
fn known() -> (Fixture, ChildSource, Watched) {
    let fixture = Fixture::with(&[".gitignore", "d/a", "d/b", "x.log", "e/deep/er/c"]);
    write(&fixture.at(".gitignore"), "*.log\n");
    let child = ChildSource::start("child", &[], &[]);
    let watched = Watched::by(fixture.root(), Box::new(child.clone()));
    (fixture, child, watched)
}

/// Without descriptors there is no answer, or a right one; with them again the line goes on.
fn comes_through(act: impl FnOnce(&Path)) -> Vec<String> {
    let (_fixture, child, mut watched) = known();
    let before = watched.agrees();
    let clock = watched.clock();
    child.set_can_open(false);
    act(watched.root());
    let reported = watched.try_info().map(|said| said.files);
    child.set_can_open(true);
    let after = watched.agrees();
    let error = reported.expect_err("contents can not have been read");
    assert!(error.contains("Too many open files") && error.contains("ulimit"), "{error}");
    let reported = watched.since(clock);
    assert!(!reported.fresh, "the line is broken");
    explain(&before, &after, &reported).unwrap_or_else(|error| panic!("{error}\n{reported:#?}"));
    brief(&reported)
}

#[test]
fn contents_that_can_not_be_read_for_want_of_descriptors_are_read_later() {
    assert_eq!(comes_through(|root| write(&root.join("d/a"), "edited")), ["~d/a"]);
}

#[test]
fn directories_that_can_not_be_listed_for_want_of_descriptors_do_not_lose_what_is_in_them() {
    let reported = comes_through(|root| {
        rename(root.join("e"), root.join("f"));
        write(&root.join("new/dir/d"), "new");
    });
    let moved = ["e>f/", "e/deep>f/deep/", "e/deep/er>f/deep/er/", "e/deep/er/c>f/deep/er/c"];
    let new = ["+new/", "+new/dir/", "+new/dir/d"];
    assert_eq!(reported, Source::chosen().expected(&[&moved[..], &new[..]].concat()));
}

#[test]
fn ignore_files_that_can_not_be_read_for_want_of_descriptors_still_hold() {
    let reported = comes_through(|root| {
        write(&root.join(".gitignore"), "*.log\nb\n");
        write(&root.join("y.log"), "ignored");
    });
    assert_eq!(reported, ["~.gitignore", "-d/b"]);
}
