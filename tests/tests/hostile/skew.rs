//! bdctl and bdd of different versions, both ways.

use crate::raw_requests::ask;
use bd_protocol::events::{Kind, push};
use bd_tests::fake_daemon::{FakeBehavior, FakeDaemon};
use bd_tests::wire::{Wire, hello};
use bd_tests::{DaemonProbe, Sandbox};
use serde_json::{Value, json};

/// What a daemon says to a hello with this range of protocols.
fn greeted(sandbox: &Sandbox, min: u32, max: u32) -> (Wire, Value) {
    let mut wire = Wire::connect(&sandbox.socket());
    let mut said = hello("control");
    said["protocol"] = json!({ "min": min, "max": max, "preferred": max });
    said["version"] = "7.1.0-next".into();
    said["capabilities"] = json!(["telepathy", "", "events/9"]);
    said["mood"] = json!({ "deeply": [{ "nested": null }] });
    wire.send(&said);
    let answer = wire.receive();
    (wire, answer)
}

#[test]
fn a_newer_client_is_served_where_the_versions_allow() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let (mut wire, welcome) = greeted(&sandbox, 1, 9);
    assert_eq!((&welcome["bd"], &welcome["protocol"]), (&json!("welcome"), &json!(1)));
    ask(&mut wire, &json!({ "Status": { "verbosity": "high" } })).expect("a status");
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn a_client_of_another_protocol_learns_which_side_to_upgrade() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    for (min, max, remedy) in
        [(2, 3, "restart the daemon"), (0, 0, "upgrade bdctl"), (3, 2, "restart the daemon")]
    {
        let (mut wire, refused) = greeted(&sandbox, min, max);
        assert_eq!(refused["bd"], "refused", "{refused}");
        let failure = &refused["failure"];
        assert_eq!(failure["code"], "protocol_mismatch", "{failure}");
        assert!(failure["message"].as_str().is_some_and(|text| text.contains("7.1.0-next")));
        assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains(remedy)), "{failure}");
        assert_eq!(refused["protocol"], json!({ "min": 1, "max": 1 }));
        assert_eq!(wire.frame(), None);
    }
    probe.assert_unharmed();
}

#[test]
fn a_session_of_a_kind_that_is_not_known_yet_is_served() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = Wire::connect(&sandbox.socket());
    let mut said = hello("control");
    said["session"] = "satellite:x1".into();
    wire.send(&said);
    let welcome = wire.receive();
    assert_eq!(welcome["bd"], "welcome", "{welcome}");
    ask(&mut wire, &json!({ "Status": {} })).expect("a status");
    drop(wire);
    probe.assert_unharmed();
}

fn build(id: &str, state: &str) -> Value {
    json!({
        "id": id, "state": state, "command": ["make"], "tasks": [], "cwd": "/somewhere",
        "session": "user:them", "priority": "user",
        "submitted_at": "2031-01-01T00:00:00.000Z",
        "started_at": null, "ended_at": null, "wait": null, "joined": null, "execution": null,
        "outcome": null,
    })
}

fn status(version: &str, builds: &[Value]) -> Value {
    json!({
        "daemon": { "pid": 1, "version": version, "started_at": "2031-01-01T00:00:00.000Z",
            "uptime_ms": 1, "rss_bytes": 1 },
        "workspaces": [],
        "builds": builds,
    })
}

/// The least that the first daemon of all answered.
fn old_answers(call: &Value) -> Value {
    match call.as_object().and_then(|call| call.keys().next()).map(String::as_str) {
        Some("Status") => {
            json!({ "reply": { "Status": { "Ok": status("0.0.1", &[build("b1", "running")]) } } })
        }
        _ => json!({ "failure": {
            "code": "unsupported", "tier": "user", "message": "never heard of it", "hint": null } }),
    }
}

fn old(protocol: (u32, u32), idle: bool) -> FakeBehavior {
    FakeBehavior {
        version: "0.0.1",
        protocol,
        idle,
        more: json!({}),
        answer: old_answers,
        events: Vec::new(),
    }
}

#[test]
fn an_older_daemon_that_is_idle_is_replaced() {
    // The second shares no protocol, and is replaced all the same.
    for protocol in [(1, 1), (0, 0)] {
        let sandbox = Sandbox::new();
        let fake = FakeDaemon::start(&sandbox, old(protocol, true));
        assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "new"]), "new\n");
        assert!(!fake.is_alive());
        assert_eq!(fake.connections("shutdown"), 1);
        drop(fake);
        let daemon = sandbox.json(&["status"])["daemon"].clone();
        assert_eq!(daemon["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(daemon["pid"], sandbox.daemon_pid().as_raw());
    }
}

#[test]
fn an_older_daemon_that_works_is_used_and_its_age_is_reported() {
    let sandbox = Sandbox::new();
    let fake = FakeDaemon::start(&sandbox, old((1, 1), false));
    let output = sandbox.run(&["status", "--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let status: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(status["builds"][0]["id"], "b1");
    assert!(stderr.contains("older (0.0.1)"), "{stderr}");
    assert!(stderr.contains("when it is idle"), "{stderr}");
    // What it does not understand is reported, with the text.
    let output = sandbox.run(&["history"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("never heard of it"), "{output:?}");
    assert!(fake.is_alive(), "a daemon with builds was ended");
}

#[test]
fn an_older_daemon_that_works_and_is_not_understood_is_left_alone() {
    let sandbox = Sandbox::new();
    let fake = FakeDaemon::start(&sandbox, old((0, 0), false));
    for arguments in [&["status"][..], &["run", "--", "true"]] {
        let output = sandbox.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        for says in ["older (0.0.1)", "builds to finish", "hint: ", "bdctl daemon stop"] {
            assert!(stderr.contains(says), "{says}: {stderr}");
        }
    }
    assert!(fake.is_alive(), "a daemon with builds was ended");
    // The remedy works.
    let _ = sandbox.ok(&["daemon", "stop"]);
    assert!(!fake.is_alive());
    drop(fake);
    assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "new"]), "new\n");
}

/// A build as the daemon of the year 2031 has it.
fn future_build(id: &str, state: &str, outcome: &Value) -> Value {
    let mut build = build(id, state);
    let more = json!({
        "session": "satellite:x1",
        "priority": "emperor",
        "mood": "good",
        "wait": { "reason": "weather", "detail": "it rains", "position": null,
            "estimate_ms": null, "umbrella": true },
        "outcome": outcome,
    });
    build.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("one"));
    build
}

fn future_outcome(status: &str, exit_code: Option<i32>) -> Value {
    json!({
        "status": status, "exit_code": exit_code, "signal": null, "inputs_moved": null,
        "duration_ms": 5, "cpu_ms": 5, "peak_rss_bytes": 5, "source": "dreamt",
        "carbon_grams": 1.5, "message": null,
    })
}

fn future_answers(call: &Value) -> Value {
    let (call, arguments) =
        call.as_object().and_then(|call| call.iter().next()).expect("one method");
    let ended = |id: &str, status, code| future_build(id, "ended", &future_outcome(status, code));
    let answer = match call.as_str() {
        "Status" => {
            let mut status = status("99.0.0", &[future_build("b1", "hibernating", &Value::Null)]);
            status["planets"] = json!([1, 2, 3]);
            status["daemon"]["mood"] = "good".into();
            status
        }
        "Submit" => json!({ "build": "bfuture", "lucky": true }),
        "Build" => match arguments["id"].as_str() {
            Some("bteleported") => ended("bteleported", "teleported", None),
            Some("bfailed") => ended("bfailed", "failed", Some(7)),
            _ => future_build("bfuture", "hibernating", &Value::Null),
        },
        "History" => json!([ended("bteleported", "teleported", None)]),
        "Cancel" => ended("bfuture", "cancelled", None),
        _ => json!(null),
    };
    json!({ "reply": { call: { "Ok": answer } }, "trace": "x" })
}

fn future_events() -> Vec<Vec<u8>> {
    let mut frame = Vec::new();
    let mut build = |state: &str, outcome: &Value| {
        let build = future_build("bfuture", state, outcome);
        push(&mut frame, Kind::Build, 0, build.to_string().as_bytes());
    };
    build("hibernating", &Value::Null);
    build("running", &Value::Null);
    let mut unknown = bd_protocol::events::header(Kind::Stdout, 3, 4);
    (unknown[4], unknown[5], unknown[7]) = (200, 1, 255);
    frame.extend(unknown);
    frame.extend(b"????");
    push(&mut frame, Kind::Stdout, 0, b"out\n");
    push(&mut frame, Kind::Stderr, 4, b"err\n");
    let mut last = Vec::new();
    let ended = future_build("bfuture", "ended", &future_outcome("failed", Some(7)));
    push(&mut last, Kind::Build, 1, ended.to_string().as_bytes());
    push(&mut last, Kind::Done, 0, b"");
    vec![frame, Vec::new(), last]
}

fn newer(protocol: (u32, u32)) -> FakeBehavior {
    FakeBehavior {
        version: "99.0.0",
        protocol,
        idle: true,
        more: json!({ "capabilities": ["telepathy"], "mood": "good" }),
        answer: future_answers,
        events: future_events(),
    }
}

#[test]
fn a_newer_daemon_is_understood() {
    let sandbox = Sandbox::new();
    let fake = FakeDaemon::start(&sandbox, newer((1, 4)));
    let status = sandbox.json(&["status"]);
    assert_eq!(status["daemon"]["version"], "99.0.0");
    assert_eq!(status["builds"][0]["state"], "unknown");
    assert!(sandbox.ok(&["status"]).contains("b1"));

    let output = sandbox.run(&["run", "--", "make"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(output.stdout, b"out\n", "{output:?}");
    assert!(output.stderr.starts_with(b"err\n"), "{output:?}");

    for (build, code) in [("bfailed", 7), ("bteleported", 125), ("bfuture", 7)] {
        let output = sandbox.run(&["wait", "--json", build]);
        assert_eq!(output.status.code(), Some(code), "{build}: {output:?}");
        let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
        assert_eq!(document["build"]["id"], build);
    }
    let history = sandbox.history();
    assert_eq!(history[0]["outcome"]["status"], "unknown");
    assert_eq!(history[0]["outcome"]["source"], "unknown");
    let _ = sandbox.ok(&["history", "--all"]);
    let _ = sandbox.ok(&["cancel", "bfuture"]);
    // It is newer: nobody replaces it.
    assert!(fake.is_alive());
    assert_eq!(fake.connections("shutdown"), 0);
}

#[test]
fn a_newer_daemon_of_another_protocol_stays_and_bdctl_says_what_to_do() {
    let sandbox = Sandbox::new();
    let fake = FakeDaemon::start(&sandbox, newer((2, 4)));
    for arguments in [&["status"][..], &["run", "--", "true"]] {
        let output = sandbox.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        assert!(stderr.contains("upgrade bdctl"), "{stderr}");
        assert!(stderr.contains("99.0.0"), "{stderr}");
    }
    assert!(fake.is_alive());
    assert_eq!(fake.connections("shutdown"), 0);
}
