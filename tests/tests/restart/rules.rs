//! `on_change` of `bd.toml`, over restarts.

use crate::fixture::Fixture;
use bd_tests::eventually;
use std::fs;

fn lines(fixture: &Fixture) -> usize {
    fs::read_to_string(fixture.sandbox.outside().join("ran")).map_or(0, |text| text.lines().count())
}

fn rule(fixture: &Fixture, on: &str, script: &str) {
    fixture.write(
        "bd.toml",
        &format!("[[on_change]]\non = [\"{on}\"]\nrun = [\"sh\", \"-c\", \"{script}\"]\n"),
    );
}

fn ran_after(fixture: &Fixture, file: &str) {
    let before = lines(fixture);
    let mut round = 0;
    eventually("it is run", || {
        // Whatever was written before it watches is no change.
        round += 1;
        if round % 100 == 1 {
            fixture.write(file, &format!("{before} {round}"));
        }
        lines(fixture) > before
    });
}

#[test]
fn what_is_run_on_change_is_run_from_ws_add_to_ws_remove_over_restarts() {
    let fixture = Fixture::new();
    rule(&fixture, "*.in", "echo ran >> ../ran");
    fixture.agrees();
    fixture.write("x.in", "1");
    fixture.agrees();
    assert_eq!(fixture.sandbox.history().len(), 0, "nobody has said that it may run");
    let _ = fixture.sandbox.ok(&["ws", "add"]);
    ran_after(&fixture, "x.in");
    let _ = fixture.sandbox.ok(&["daemon", "restart"]);
    fixture.agrees();
    ran_after(&fixture, "x.in");
    fixture.sandbox.kill_daemon();
    fixture.agrees();
    ran_after(&fixture, "x.in");
    // Other rules are nobody's yet.
    rule(&fixture, "*.other", "echo ran >> ../ran");
    fixture.agrees();
    let _ = fixture.sandbox.ok(&["ws", "trust"]);
    ran_after(&fixture, "y.other");
    let _ = fixture.sandbox.ok(&["ws", "remove"]);
    fixture.agrees();
    eventually("it rests", || fixture.sandbox.live().is_empty());
    let builds = fixture.sandbox.history().len();
    fixture.write("y.other", "nobody runs");
    fixture.agrees();
    let _ = fixture.sandbox.ok(&["run", "--", "true"]);
    assert_eq!(fixture.sandbox.history().len(), builds + 1);
}

#[test]
fn consent_that_an_earlier_version_remembered_is_asked_for_again() {
    let fixture = Fixture::new();
    rule(&fixture, "*.in", "echo ran >> ../ran");
    let state = fixture.sandbox.home().join("state");
    let journal = state.join("journal");
    fs::create_dir_all(&journal).expect("a journal");
    let root = fixture.sandbox.workspace();
    let record = serde_json::json!({ "trust": { "root": root, "trusted": true } }).to_string();
    let sum = &blake3::hash(record.as_bytes()).as_bytes()[..4].to_vec();
    let value = [&[1][..], sum, record.as_bytes()].concat();
    let length = u32::try_from(value.len()).expect("a length").to_be_bytes();
    fs::write(journal.join("0000000001.journal"), [&length[..], &value].concat()).expect("a file");
    fixture.agrees();
    eventually("it asks again", || state_of(&fixture) == "changed");
    fixture.write("x.in", "1");
    fixture.agrees();
    assert_eq!(fixture.sandbox.history().len(), 0, "nobody has seen these commands");
    let _ = fixture.sandbox.ok(&["ws", "trust"]);
    ran_after(&fixture, "x.in");
}

fn state_of(fixture: &Fixture) -> String {
    let info = fixture.sandbox.json(&["ws", "info"]);
    info["on_change"]["state"].as_str().expect("a state").to_owned()
}

#[test]
fn a_mistake_is_named_with_its_line_and_key() {
    let fixture = Fixture::new();
    fixture.write("bd.toml", "ignore = []\n[[on_change]]\nrum = [\"true\"]\n");
    let info = fixture.sandbox.json(&["ws", "info"]).to_string();
    assert!(info.contains("bd.toml:3: rum: "), "{info}");
}

#[test]
fn what_changes_its_own_input_comes_to_rest() {
    let fixture = Fixture::new();
    rule(&fixture, "*.in", "echo ran >> ../ran; echo x >> x.in");
    fixture.agrees();
    let _ = fixture.sandbox.ok(&["ws", "add"]);
    ran_after(&fixture, "x.in");
    eventually("it is named", || {
        let log = fixture.sandbox.daemon_log();
        log.lines().any(|line| line.contains("changes its own files") && line.contains("x.in"))
    });
    eventually("it rests", || fixture.sandbox.live().is_empty());
    let ran = lines(&fixture);
    // Whatever was written until now is known, and starts nothing.
    fixture.agrees();
    let _ = fixture.sandbox.ok(&["run", "--", "true"]);
    assert!(fixture.sandbox.live().is_empty() && lines(&fixture) == ran, "it goes on");
}
