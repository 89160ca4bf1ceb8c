//! Rules 15 and 16: the root goes, comes, and is another one; clocks of other lines.

use crate::place::{Place, rename, write};
use bd_daemon::index::{Clock, Instance};
use bd_tests::Watched;
use bd_tests::explain::{brief, explain};
use std::fs;

/// The clock is one of another line: everything there is counts as new, and from then on the
/// answers are right.
#[track_caller]
fn begins_anew(watched: &mut Watched, old: Clock) {
    let told = watched.since(old);
    assert_ne!(told.clock.instance, old.instance, "the old line goes on");
    assert!(told.fresh, "{told:?}");
    let real = watched.agrees();
    explain(&real, &real, &told).expect("everything there is");
    assert_eq!(told.changes.len(), real.entries.len());
    let told = watched.step(|root| {
        write(&root.join("after/x"), "1");
        write(&root.join("y"), "1");
    });
    assert_eq!(told, ["+after/", "+after/x", "+y"]);
    assert_eq!(watched.step(|root| write(&root.join("after/x"), "2")), ["~after/x"]);
}

#[test]
fn without_its_root_there_is_no_answer_and_with_it_a_new_line_begins() {
    let mut place = Place::with(&["a", "d/b"]);
    place.agrees();
    let clock = place.clock();
    for _ in 0..3 {
        fs::remove_dir_all(place.root()).expect("a removal");
        let said = place.try_info().expect_err("there is nothing");
        assert!(said.contains(place.root().to_str().expect("UTF-8")), "{said}");
        assert!(place.try_since(clock).is_err());
        write(&place.at("d/b"), "d/b");
        write(&place.at("n"), "new");
        begins_anew(&mut place, clock);
    }
}

#[test]
fn a_root_that_is_deleted_and_made_again_between_two_questions_is_another_one() {
    let mut place = Place::with(&["a", "d/b"]);
    for _ in 0..5 {
        place.agrees();
        let clock = place.clock();
        fs::remove_dir_all(place.root()).expect("a removal");
        write(&place.at("a"), "a");
        write(&place.at("d/b"), "d/b");
        begins_anew(&mut place, clock);
    }
}

#[test]
fn a_root_in_whose_place_another_directory_was_moved_is_another_one() {
    let mut place = Place::with(&["a", "d/b"]);
    place.agrees();
    let clock = place.clock();
    let (other, old) = (place.outside("other"), place.outside("old"));
    write(&other.join("a"), "other");
    write(&other.join("e/c"), "other");
    rename(place.root(), &old);
    rename(&other, place.root());
    begins_anew(&mut place, clock);
    place.unmoved(|_| write(&old.join("d/b"), "edited where nobody looks"));
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
    let mut place = Place::with(&["a", "d/b"]);
    place.agrees();
    let away = place.outside("away");
    rename(place.root(), &away);
    write(&away.join("d/b"), "edited meanwhile");
    rename(&away, place.root());
    place.agrees();
    assert_eq!(place.step(|root| write(&root.join("d/b"), "later")), ["~d/b"]);
}

#[test]
fn a_root_that_is_a_file_now_is_no_root() {
    let mut place = Place::with(&["a"]);
    place.agrees();
    let clock = place.clock();
    fs::remove_dir_all(place.root()).expect("a removal");
    fs::write(place.root(), "a file").expect("a file");
    assert!(place.try_info().is_err());
    fs::remove_file(place.root()).expect("a removal");
    write(&place.at("a"), "a");
    begins_anew(&mut place, clock);
}

#[test]
fn a_clock_of_another_line_or_of_the_future_gives_everything() {
    let mut place = Place::with(&["a", "d/b"]);
    place.agrees();
    let own = place.clock();
    let foreign = [
        Clock { instance: Instance(own.instance.0 ^ 1), tick: own.tick },
        Clock { instance: Instance(own.instance.0 ^ 1), tick: 0 },
        Clock { instance: own.instance, tick: own.tick + 1_000_000 },
        Clock { instance: own.instance, tick: u64::MAX },
    ];
    for clock in foreign {
        let told = place.since(clock);
        assert!(told.fresh, "{clock}");
        assert_eq!(brief(&told), ["+a", "+d/", "+d/b"]);
        assert_eq!(told.clock, own, "a question is no change");
    }
    assert!(!place.since(own).fresh);
}

#[test]
fn a_workspace_that_was_forgotten_has_another_line() {
    let mut place = Place::with(&["a", "d/b"]);
    place.agrees();
    let clock = place.clock();
    assert!(place.forget());
    assert!(!place.forget(), "it is forgotten already");
    begins_anew(&mut place, clock);
}

#[test]
fn clocks_of_two_roots_are_not_mixed_up() {
    let (mut one, mut two) = (Place::with(&["a"]), Place::with(&["b"]));
    let (first, second) = (one.clock(), two.clock());
    assert_ne!(first.instance, second.instance);
    assert!(one.since(second).fresh);
    assert!(two.since(first).fresh);
}

#[test]
fn every_clock_there_was_can_be_asked_with() {
    let mut place = Place::with(&["a"]);
    let mut past = vec![(place.agrees(), place.clock())];
    for round in 0..30 {
        match round % 5 {
            0 => write(&place.at(format!("n{round}/x")), "x"),
            1 => write(&place.at("a"), &format!("{round}")),
            2 => rename(place.at(format!("n{}", round - 2)), place.at(format!("m{round}"))),
            3 => fs::remove_dir_all(place.at(format!("m{}", round - 1))).expect("a removal"),
            _ => rename(place.at("a"), place.at("t")),
        }
        past.push((place.agrees(), place.clock()));
        if round % 5 == 4 {
            rename(place.at("t"), place.at("a"));
        }
        let now = place.agrees();
        for (then, clock) in &past {
            let told = place.since(*clock);
            assert!(!told.fresh, "{clock} is forgotten");
            explain(then, &now, &told).unwrap_or_else(|error| panic!("since {clock}: {error}"));
        }
    }
}
