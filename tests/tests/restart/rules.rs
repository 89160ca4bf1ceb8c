//! `on_change` of `bd.toml`, over restarts.

use crate::place::Place;
use bd_tests::eventually;
use std::fs;

fn lines(place: &Place) -> usize {
    fs::read_to_string(place.sandbox.outside().join("ran")).map_or(0, |text| text.lines().count())
}

fn rule(place: &Place, on: &str, script: &str) {
    place.write(
        "bd.toml",
        &format!("[[on_change]]\non = [\"{on}\"]\nrun = [\"sh\", \"-c\", \"{script}\"]\n"),
    );
}

fn ran_after(place: &Place, file: &str) {
    let before = lines(place);
    let mut round = 0;
    eventually("it is run", || {
        // Whatever was written before it watches is no change.
        round += 1;
        if round % 100 == 1 {
            place.write(file, &format!("{before} {round}"));
        }
        lines(place) > before
    });
}

#[test]
fn what_is_run_on_change_is_run_from_ws_add_to_ws_remove_over_restarts() {
    let place = Place::new();
    rule(&place, "*.in", "echo ran >> ../ran");
    place.agrees();
    place.write("x.in", "1");
    place.agrees();
    assert_eq!(place.sandbox.history().len(), 0, "nobody has said that it may run");
    let _ = place.sandbox.ok(&["ws", "add"]);
    ran_after(&place, "x.in");
    let _ = place.sandbox.ok(&["daemon", "restart"]);
    place.agrees();
    ran_after(&place, "x.in");
    place.sandbox.kill_daemon();
    place.agrees();
    ran_after(&place, "x.in");
    rule(&place, "*.other", "echo ran >> ../ran");
    ran_after(&place, "y.other");
    let _ = place.sandbox.ok(&["ws", "remove"]);
    place.agrees();
    eventually("it rests", || place.sandbox.live().is_empty());
    let builds = place.sandbox.history().len();
    place.write("y.other", "nobody runs");
    place.agrees();
    let _ = place.sandbox.ok(&["run", "--", "true"]);
    assert_eq!(place.sandbox.history().len(), builds + 1);
}

#[test]
fn a_mistake_is_named_with_its_line_and_key() {
    let place = Place::new();
    place.write("bd.toml", "ignore = []\n[[on_change]]\nrum = [\"true\"]\n");
    let info = place.sandbox.json(&["ws", "info"]).to_string();
    assert!(info.contains("bd.toml") && info.contains("line 3") && info.contains("rum"), "{info}");
}

#[test]
fn what_changes_its_own_input_comes_to_rest() {
    let place = Place::new();
    rule(&place, "*.in", "echo ran >> ../ran; echo x >> x.in");
    place.agrees();
    let _ = place.sandbox.ok(&["ws", "add"]);
    ran_after(&place, "x.in");
    eventually("it is named", || {
        let log = place.sandbox.daemon_log();
        log.lines().any(|line| line.contains("changes its own files") && line.contains("x.in"))
    });
    eventually("it rests", || place.sandbox.live().is_empty());
    let ran = lines(&place);
    // Whatever was written until now is seen, and starts nothing.
    place.agrees();
    let _ = place.sandbox.ok(&["run", "--", "true"]);
    assert!(place.sandbox.live().is_empty() && lines(&place) == ran, "it goes on");
}
