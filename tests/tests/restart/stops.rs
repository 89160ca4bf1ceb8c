//! Clean ends.

use crate::place::Place;
use bd_tests::explain::brief;
use std::fs;

/// One of each kind.
fn edit_unseen(place: &Place, round: usize) {
    place.write("a/f1", &format!("edited unseen {round}"));
    place.write(&format!("new{round}/deep/file"), "new");
    fs::rename(place.at("b"), place.at("c")).expect("a rename");
    fs::rename(place.at("c"), place.at(format!("b{round}"))).expect("a rename");
    fs::rename(place.at(format!("b{round}")), place.at("b")).expect("a rename");
    fs::rename(place.at("a/b"), place.at(format!("moved{round}"))).expect("a rename");
    fs::rename(place.at(format!("moved{round}")), place.at("a/b")).expect("a rename");
    let _ = fs::remove_file(place.at("f4"));
}

#[test]
fn a_clock_of_daemons_that_stopped_is_known_and_the_changes_are_exact() {
    let mut place = Place::new();
    place.mark();
    for round in 0..4 {
        place.write("f3", &format!("edited while it looked, {round}"));
        place.mark();
        let _ = place.sandbox.ok(&["daemon", if round % 2 == 0 { "stop" } else { "restart" }]);
        if round % 2 == 0 {
            edit_unseen(&place, round);
            fs::rename(place.at("a/f1"), place.at("f1")).expect("a rename");
            fs::rename(place.at("b"), place.at("other")).expect("a rename");
        }
        place.all_exact();
        place.mark();
        if round % 2 == 0 {
            fs::rename(place.at("f1"), place.at("a/f1")).expect("a rename");
            fs::rename(place.at("other"), place.at("b")).expect("a rename");
        }
    }
    assert!(place.sandbox.daemons_started() >= 5);
}

#[test]
fn what_nobody_touched_is_not_told_after_a_restart() {
    let mut place = Place::new();
    place.mark();
    let _ = place.sandbox.ok(&["daemon", "stop"]);
    let told = place.since(0);
    assert!(!told.fresh);
    assert_eq!(brief(&told), [""; 0]);
    place.write("f3", "edited");
    assert_eq!(brief(&place.since(0)), ["~f3"]);
}

#[test]
fn a_clock_that_a_killed_daemon_never_saved_gets_everything() {
    let mut place = Place::new();
    place.mark();
    let _ = place.sandbox.ok(&["daemon", "stop"]);
    place.mark();
    place.write("f3", "edited");
    place.write("later", "x");
    place.mark();
    // Not saved yet: nothing has been quiet for long enough.
    place.sandbox.kill_daemon();
    place.write("f4", "edited unseen");
    assert!(place.since(2).fresh, "a clock after the last save");
    place.agrees();
    assert!(!place.since(0).fresh, "a clock from before the last save");
}

#[test]
fn verify_finds_nothing_wrong_with_what_is_right() {
    let mut place = Place::new();
    place.mark();
    for _ in 0..2 {
        let verified = place.sandbox.json(&["state", "verify"]);
        assert_eq!(verified["differences"], serde_json::json!([]), "{verified}");
        assert_eq!(
            (&verified["believed"], &verified["repaired"]),
            (&verified["found"], &false.into())
        );
        let _ = place.sandbox.ok(&["daemon", "restart"]);
        place.write("f3", "edited");
    }
}
