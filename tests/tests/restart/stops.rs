//! What is known after a daemon ended cleanly: its clocks, and the exact changes since.

use crate::fixture::Fixture;
use bd_tests::explain::brief;
use std::fs;

/// One of each kind.
fn edit_unseen(fixture: &Fixture, round: usize) {
    fixture.write("a/f1", &format!("edited unseen {round}"));
    fixture.write(&format!("new{round}/deep/file"), "new");
    fs::rename(fixture.at("b"), fixture.at("c")).expect("a rename");
    fs::rename(fixture.at("c"), fixture.at(format!("b{round}"))).expect("a rename");
    fs::rename(fixture.at(format!("b{round}")), fixture.at("b")).expect("a rename");
    fs::rename(fixture.at("a/b"), fixture.at(format!("moved{round}"))).expect("a rename");
    fs::rename(fixture.at(format!("moved{round}")), fixture.at("a/b")).expect("a rename");
    let _ = fs::remove_file(fixture.at("f4"));
}

#[test]
fn a_clock_of_daemons_that_stopped_is_known_and_the_changes_are_exact() {
    let mut fixture = Fixture::new();
    fixture.mark();
    for round in 0..4 {
        fixture.write("f3", &format!("edited while it looked, {round}"));
        fixture.mark();
        let _ = fixture.sandbox.ok(&["daemon", if round % 2 == 0 { "stop" } else { "restart" }]);
        if round % 2 == 0 {
            edit_unseen(&fixture, round);
            fs::rename(fixture.at("a/f1"), fixture.at("f1")).expect("a rename");
            fs::rename(fixture.at("b"), fixture.at("other")).expect("a rename");
        }
        fixture.all_exact();
        fixture.mark();
        if round % 2 == 0 {
            fs::rename(fixture.at("f1"), fixture.at("a/f1")).expect("a rename");
            fs::rename(fixture.at("other"), fixture.at("b")).expect("a rename");
        }
    }
    assert!(fixture.sandbox.daemons_started() >= 5);
}

#[test]
fn what_nobody_touched_is_not_reported_after_a_restart() {
    let mut fixture = Fixture::new();
    fixture.mark();
    let _ = fixture.sandbox.ok(&["daemon", "stop"]);
    let reported = fixture.since(0);
    assert!(!reported.fresh);
    assert_eq!(brief(&reported), [""; 0]);
    fixture.write("f3", "edited");
    assert_eq!(brief(&fixture.since(0)), ["~f3"]);
}

/// However soon the kill comes after the answer.
#[test]
fn a_clock_that_somebody_was_given_is_known_after_a_kill() {
    let mut fixture = Fixture::new();
    fixture.mark();
    let _ = fixture.sandbox.ok(&["daemon", "stop"]);
    for round in 0..10 {
        fixture.write("f3", &format!("edited {round}"));
        fixture.write(&format!("later{round}"), "x");
        if round % 3 == 2 {
            fs::rename(fixture.at("a"), fixture.at("c")).expect("a rename");
            fs::rename(fixture.at("c"), fixture.at("a")).expect("a rename");
            fs::remove_file(fixture.at(format!("later{}", round - 1))).expect("a removal");
        }
        fixture.mark();
        fixture.sandbox.kill_daemon();
        fixture.write("f4", &format!("edited unseen {round}"));
        fixture.all_exact();
        fixture.agrees();
        fixture.past.drain(..fixture.past.len().saturating_sub(3));
    }
}

#[test]
fn verify_finds_nothing_wrong_with_what_is_right() {
    let mut fixture = Fixture::new();
    fixture.mark();
    for _ in 0..2 {
        let verified = fixture.sandbox.json(&["state", "verify"]);
        assert_eq!(verified["differences"], serde_json::json!([]), "{verified}");
        assert_eq!(
            (&verified["believed"], &verified["repaired"]),
            (&verified["found"], &false.into())
        );
        let _ = fixture.sandbox.ok(&["daemon", "restart"]);
        fixture.write("f3", "edited");
    }
}
