//! Rules 15 and 16: the root goes, comes, and is another one; clocks of other lines.

use crate::fixture::{Fixture, rename, write};
use bd_daemon::index::{Clock, Instance};
use bd_tests::Watched;
use bd_tests::explain::{brief, explain};
use std::fs;

/// The clock is one of another line: everything there is counts as new, and from then on the
/// answers are right.
#[track_caller]
fn begins_anew(watched: &mut Watched, old: Clock) {
    let reported = watched.since(old);
    assert_ne!(reported.clock.instance, old.instance, "the old line goes on");
    assert!(reported.fresh, "{reported:?}");
    let real = watched.agrees();
    explain(&real, &real, &reported).expect("everything there is");
    assert_eq!(reported.changes.len(), real.entries.len());
    let reported = watched.step(|root| {
        write(&root.join("after/x"), "1");
        write(&root.join("y"), "1");
    });
    assert_eq!(reported, ["+after/", "+after/x", "+y"]);
    assert_eq!(watched.step(|root| write(&root.join("after/x"), "2")), ["~after/x"]);
}

#[test]
fn without_its_root_there_is_no_answer_and_with_it_a_new_line_begins() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    fixture.agrees();
    let clock = fixture.clock();
    for _ in 0..3 {
        fs::remove_dir_all(fixture.root()).expect("a removal");
        let said = fixture.try_info().expect_err("there is nothing");
        assert!(said.contains(fixture.root().to_str().expect("UTF-8")), "{said}");
        assert!(fixture.try_since(clock).is_err());
        write(&fixture.at("d/b"), "d/b");
        write(&fixture.at("n"), "new");
        begins_anew(&mut fixture, clock);
    }
}

#[test]
fn a_root_that_is_deleted_and_made_again_between_two_questions_is_another_one() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    for _ in 0..5 {
        fixture.agrees();
        let clock = fixture.clock();
        fs::remove_dir_all(fixture.root()).expect("a removal");
        write(&fixture.at("a"), "a");
        write(&fixture.at("d/b"), "d/b");
        begins_anew(&mut fixture, clock);
    }
}

#[test]
fn a_root_in_whose_place_another_directory_was_moved_is_another_one() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    fixture.agrees();
    let clock = fixture.clock();
    let (other, old) = (fixture.outside("other"), fixture.outside("old"));
    write(&other.join("a"), "other");
    write(&other.join("e/c"), "other");
    rename(fixture.root(), &old);
    rename(&other, fixture.root());
    begins_anew(&mut fixture, clock);
    fixture.unmoved(|_| write(&old.join("d/b"), "edited where nobody looks"));
}

#[test]
fn a_root_above_which_a_directory_got_another_name_is_gone() {
    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("above/root");
    write(&root.join("a"), "a");
    let mut watched = Watched::new(&root);
    watched.agrees();
    let clock = watched.clock();
    rename(outer.path().join("above"), outer.path().join("elsewhere"));
    assert!(watched.try_info().is_err(), "there is nothing at {}", root.display());
    write(&root.join("b"), "b");
    begins_anew(&mut watched, clock);
}

#[test]
fn a_root_that_went_and_came_back_is_right() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    fixture.agrees();
    let away = fixture.outside("away");
    rename(fixture.root(), &away);
    write(&away.join("d/b"), "edited meanwhile");
    rename(&away, fixture.root());
    fixture.agrees();
    assert_eq!(fixture.step(|root| write(&root.join("d/b"), "later")), ["~d/b"]);
}

#[test]
fn a_root_that_is_a_file_now_is_no_root() {
    let mut fixture = Fixture::with(&["a"]);
    fixture.agrees();
    let clock = fixture.clock();
    fs::remove_dir_all(fixture.root()).expect("a removal");
    fs::write(fixture.root(), "a file").expect("a file");
    assert!(fixture.try_info().is_err());
    fs::remove_file(fixture.root()).expect("a removal");
    write(&fixture.at("a"), "a");
    begins_anew(&mut fixture, clock);
}

#[test]
fn a_clock_of_another_line_or_of_the_future_gives_everything() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    fixture.agrees();
    let own = fixture.clock();
    let foreign = [
        Clock { instance: Instance(own.instance.0 ^ 1), tick: own.tick },
        Clock { instance: Instance(own.instance.0 ^ 1), tick: 0 },
        Clock { instance: own.instance, tick: own.tick + 1_000_000 },
        Clock { instance: own.instance, tick: u64::MAX },
    ];
    for clock in foreign {
        let reported = fixture.since(clock);
        assert!(reported.fresh, "{clock}");
        assert_eq!(brief(&reported), ["+a", "+d/", "+d/b"]);
        assert_eq!(reported.clock, own, "a question is no change");
    }
    assert!(!fixture.since(own).fresh);
}

#[test]
fn a_workspace_that_was_forgotten_has_another_line() {
    let mut fixture = Fixture::with(&["a", "d/b"]);
    fixture.agrees();
    let clock = fixture.clock();
    assert!(fixture.forget());
    assert!(!fixture.forget(), "it is forgotten already");
    begins_anew(&mut fixture, clock);
}

#[test]
fn clocks_of_two_roots_are_not_mixed_up() {
    let (mut one, mut two) = (Fixture::with(&["a"]), Fixture::with(&["b"]));
    let (first, second) = (one.clock(), two.clock());
    assert_ne!(first.instance, second.instance);
    assert!(one.since(second).fresh);
    assert!(two.since(first).fresh);
}

#[test]
fn every_clock_there_was_can_be_asked_with() {
    let mut fixture = Fixture::with(&["a"]);
    let mut past = vec![(fixture.agrees(), fixture.clock())];
    for round in 0..30 {
        match round % 5 {
            0 => write(&fixture.at(format!("n{round}/x")), "x"),
            1 => write(&fixture.at("a"), &format!("{round}")),
            2 => rename(fixture.at(format!("n{}", round - 2)), fixture.at(format!("m{round}"))),
            3 => fs::remove_dir_all(fixture.at(format!("m{}", round - 1))).expect("a removal"),
            _ => rename(fixture.at("a"), fixture.at("t")),
        }
        past.push((fixture.agrees(), fixture.clock()));
        if round % 5 == 4 {
            rename(fixture.at("t"), fixture.at("a"));
        }
        let now = fixture.agrees();
        for (then, clock) in &past {
            let reported = fixture.since(*clock);
            assert!(!reported.fresh, "{clock} is forgotten");
            explain(then, &now, &reported).unwrap_or_else(|error| panic!("since {clock}: {error}"));
        }
    }
}
