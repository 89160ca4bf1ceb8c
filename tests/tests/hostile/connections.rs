//! Connections that carry too many requests, or use the protocol in unusual ways.

use crate::raw_requests::{answer, ask, control, ended, frame, submission, submit, submitted};
use crate::scale::many_descriptors;
use bd_tests::wire::Wire;
use bd_tests::{DaemonProbe, Flag, Gate, Sandbox, eventually};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::{Duration, Instant};

#[test]
fn five_thousand_requests_at_once_are_answered_once_each() {
    const REQUESTS: u64 = 5_000;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    let mut writer = Wire(wire.0.try_clone().expect("a second handle"));
    let began = Instant::now();
    let writing = std::thread::spawn(move || {
        for id in 0..REQUESTS {
            writer.send(&json!({ "id": id, "call": { "Status": {} } }));
        }
    });
    let mut answered = BTreeSet::new();
    while answered.len() < REQUESTS as usize {
        let reply = wire.receive();
        answer(&reply).expect("a status");
        assert!(answered.insert(reply["id"].as_u64().expect("an id")), "twice: {reply}");
    }
    writing.join().expect("written");
    println!("{REQUESTS} pipelined requests: {:?}", began.elapsed());
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn a_peer_that_asks_and_never_reads_costs_bounded_memory() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    // So that each answer is of some size.
    for _ in 0..20 {
        let _ = sandbox.ok(&["run", "--quiet", "--", "true", &"word".repeat(5_000)]);
    }
    let before = bd_tests::daemon_probe::resident_bytes(probe.pid);
    let mut stalled = Vec::new();
    for _ in 0..10 {
        let mut wire = control(&sandbox);
        wire.0.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        for id in 0..10_000_u64 {
            let call = json!({ "id": id, "call": { "History": { "query": { "limit": 10_000 } } } });
            if wire.raw(&frame(&call)).is_err() {
                // It reads no more before it is read.
                break;
            }
        }
        stalled.push(wire);
    }
    assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "served"]), "served\n");
    let grown = bd_tests::daemon_probe::resident_bytes(probe.pid).saturating_sub(before);
    println!("10 peers that never read their answers: {} KiB", grown >> 10);
    assert!(grown < 100 << 20, "{grown} bytes");
    drop(stalled);
    probe.assert_unharmed();
}

#[test]
fn a_request_that_was_given_up_gets_no_answer_and_the_others_do() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let gate = Gate::new(sandbox.outside(), "gate");
    let mut wire = control(&sandbox);
    // It passes over SIGTERM, so cancelling it takes as long as its grace.
    let trapped = Flag::new(sandbox.outside(), "trapped");
    let script = format!("trap '' TERM; {}; {}", trapped.raise_in_shell(), gate.pass());
    let build = submitted(&mut wire, &submission(&sandbox, &["sh", "-c", &script]));
    eventually("the command passes over SIGTERM", || trapped.is_up());
    wire.send(&json!({ "id": 5, "call": { "Cancel": { "id": build } } }));
    // Answered after the other was begun.
    answer(&wire.call(6, &json!({ "Status": {} }))).expect("a status");
    wire.send(&json!({ "id": 5, "cancel": true }));
    // Nobody asked these: nothing to give up.
    wire.send(&json!({ "id": 77, "cancel": true }));
    wire.send(&json!({ "id": u64::MAX, "cancel": true, "call": { "Status": {} } }));
    // It is cancelled all the same: only the answer was given up.
    assert_eq!(ended(&sandbox, &build)["outcome"]["status"], "cancelled");
    answer(&wire.call(7, &json!({ "Status": {} }))).expect("a status");
    drop((wire, gate));
    probe.assert_unharmed();
}

#[test]
fn two_requests_of_one_id_do_not_end_the_daemon() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    let mut bytes = Vec::new();
    for _ in 0..200 {
        bytes.extend(frame(&json!({ "id": 1, "call": { "Status": {} } })));
    }
    wire.raw(&bytes).expect("written");
    answer(&wire.receive()).expect("at least one status");
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn a_full_queue_is_reported_and_takes_more_later() {
    let sandbox = Sandbox::with_config("max_builds = 3\nmax_executions = 1");
    let probe = DaemonProbe::new(&sandbox);
    let gate = Gate::new(sandbox.outside(), "gate");
    let mut wire = control(&sandbox);
    let pass = gate.pass();
    let asked = submission(&sandbox, &["sh", "-c", &pass]);
    let builds: Vec<String> = (0..3).map(|_| submitted(&mut wire, &asked)).collect();
    for _ in 0..3 {
        let failure = ask(&mut wire, &submit(&asked)).expect_err("a full queue");
        assert_eq!(failure["code"], "queue_full", "{failure}");
        assert_eq!(failure["tier"], "environment", "{failure}");
        assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("bdctl status")));
    }
    let output = sandbox.run(&["run", "--", "true"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(stderr.contains("3 builds") && stderr.contains("hint: "), "{stderr}");
    for build in &builds {
        sandbox.await_builds("running", 1);
        gate.open();
        assert_eq!(ended(&sandbox, build)["outcome"]["status"], "ok");
    }
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn whoever_never_says_hello_is_shown_out_and_hinders_nobody() {
    const SILENT: usize = 200;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let began = Instant::now();
    let mut silent: Vec<Wire> = Vec::new();
    for n in 0..SILENT {
        let mut wire = Wire::connect(&sandbox.socket());
        // Some begin to say something, and then fall silent.
        wire.raw(&[0, 0, 1, 0, b'{'][..n % 6]).expect("a daemon that listens");
        silent.push(wire);
    }
    let asked = Instant::now();
    let _ = sandbox.ok(&["status"]);
    assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "served"]), "served\n");
    println!("served among {SILENT} silent peers in {:?}", asked.elapsed());
    for wire in &mut silent {
        // It is not answered, for it has not asked.
        let end = loop {
            match wire.0.read(&mut [0; 16]) {
                // A wait with a limit is interrupted by any signal.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.expect("an end, not a timeout"),
            }
        };
        assert_eq!(end, 0);
    }
    let after = began.elapsed();
    assert!(after >= Duration::from_secs(5), "after {after:?}");
    assert!(after < Duration::from_secs(30), "after {after:?}");
    println!("all of them were shown out after {after:?}");
    probe.assert_unharmed();
}

#[test]
fn with_all_connections_taken_a_user_still_sees_what_goes_on_and_ends_it() {
    let sandbox = Sandbox::new();
    many_descriptors();
    let build = sandbox.detach(&["--", "sleep", "600"]);
    // Every connection is held by somebody, until none is left.
    let mut held = Vec::new();
    let refused = loop {
        let mut wire = Wire::connect(&sandbox.socket());
        wire.send(&bd_tests::wire::hello("events"));
        let reply = wire.receive();
        if reply["bd"] != "welcome" {
            break reply;
        }
        held.push(wire);
        assert!(held.len() <= 4096, "there is no end");
    };
    assert_eq!(refused["failure"]["code"], "too_many_connections", "{refused}");
    assert!(held.len() > 100, "only {}", held.len());
    // More that want something, and say nothing, are shown out soon.
    let mut silent: Vec<_> = (0..64).map(|_| Wire::connect(&sandbox.socket())).collect();
    eventually("a connection is to be had for control", || {
        sandbox.run(&["status"]).status.success()
    });
    silent.clear();
    let status = sandbox.json(&["status"]);
    assert_eq!(status["builds"][0]["id"], build.as_str(), "{status}");
    let output = sandbox.run(&["run", "--", "true"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(stderr.contains("connections already") && stderr.contains("hint: "), "{stderr}");
    let _ = sandbox.ok(&["cancel", &build]);
    assert_eq!(sandbox.live().len(), 0);
    assert_eq!(sandbox.ok(&["daemon", "stop"]), "stopped\n");
    drop(held);
}
