//! Requests that are well formed and unreasonable.

use crate::raw_requests::{answer, ask, ended, submission, submit, submitted};
use bd_tests::wire::Wire;
use bd_tests::{DaemonProbe, Flag, Gate, Sandbox, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::{Duration, Instant};

fn control(sandbox: &Sandbox) -> Wire {
    Wire::open(&sandbox.socket(), "control")
}

/// The code of a refusal, which is complete: fault, sentence and all.
fn code(answer: Result<Value, Value>) -> String {
    let failure = answer.expect_err("a refusal");
    assert!(failure["tier"].is_string() && failure["message"].is_string(), "{failure}");
    failure["code"].as_str().expect("a code").to_owned()
}

#[test]
fn deadlines_of_ages_are_answered_now() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    const THREE_YEARS_MS: u64 = 3 * 365 * 24 * 3_600_000;
    for (id, deadline_ms) in [(1, u64::MAX), (2, THREE_YEARS_MS), (3, i64::MAX as u64)] {
        wire.send(&json!({ "id": id, "deadline_ms": deadline_ms, "call": { "Status": {} } }));
        let reply = wire.receive();
        assert_eq!(reply["id"], id);
        answer(&reply).expect("a status");
    }
    // No time at all is no crash either: an answer, or that it took too long.
    wire.send(&json!({ "id": 4, "deadline_ms": 0, "call": { "Status": {} } }));
    assert_eq!(wire.receive()["id"], 4);
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn a_build_with_a_timeout_of_ages_ends_when_its_command_does() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    for timeout_ms in [u64::MAX, u64::MAX / 2, 1 << 53] {
        let mut asked = submission(&sandbox, &["true"]);
        asked["timeout_ms"] = timeout_ms.into();
        let build = submitted(&mut wire, &asked);
        assert_eq!(ended(&sandbox, &build)["outcome"]["status"], "ok");
    }
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn what_no_command_can_be_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    let good = submission(&sandbox, &["true"]);
    let with = |field: &str, value: Value| {
        let mut asked = good.clone();
        asked[field] = value;
        asked
    };
    for (asked, expected) in [
        (with("command", json!([])), "bad_request"),
        (with("command", json!(["tr\0ue"])), "bad_request"),
        (with("command", json!(["true", { "base64": "AGEA" }])), "bad_request"),
        (with("command", json!(["true", { "base64": "no base64" }])), "bad_request"),
        (with("command", json!("true")), "bad_request"),
        (with("environment", json!([["A", "\0"]])), "bad_request"),
        (with("environment", json!([["A=B", "x"]])), "bad_request"),
        (with("environment", json!([["", "x"]])), "bad_request"),
        (with("environment", json!([["A"]])), "bad_request"),
        (with("cwd", json!("here")), "bad_cwd"),
        (with("cwd", json!("")), "bad_cwd"),
        (with("cwd", json!("/no/such/directory")), "bad_cwd"),
        (with("cwd", json!("/tmp\0")), "bad_cwd"),
        (with("cwd", json!("/".repeat(100_000) + &"x/".repeat(100_000))), "bad_cwd"),
        (with("priority", json!("emperor")), "bad_request"),
        (with("join", json!("sometimes")), "bad_request"),
        (with("stdin", json!("telepathy")), "bad_request"),
        (with("umask", json!(-1)), "bad_request"),
        (with("timeout_ms", json!(1e300)), "bad_request"),
        (with("tty", json!({ "rows": 70_000, "columns": 1 })), "bad_request"),
    ] {
        let shown: String = asked.to_string().chars().take(200).collect();
        assert_eq!(code(ask(&mut wire, &submit(&asked))), expected, "{shown}");
    }
    assert!(sandbox.live().is_empty());
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn what_this_daemon_does_not_know_is_answered_and_the_rest_goes_on() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    for (call, expected) in [
        (json!({ "Teleport": { "to": "mars" } }), "unsupported"),
        (json!({ "Status": { "fields": 5 } }), ""),
        (json!({ "Build": {} }), "bad_request"),
        (json!({ "Build": { "id": 5 } }), "bad_request"),
        (json!({ "Build": { "id": "b0", "why": [1, { "a": null }] } }), "?"),
        (json!({}), "bad_request"),
        (json!({ "Status": {}, "Build": { "id": "b0" } }), "bad_request"),
        (json!([]), "bad_request"),
        (json!("Status"), "bad_request"),
        (json!(7), "bad_request"),
        (Value::Null, "bad_request"),
    ] {
        match (ask(&mut wire, &call), expected) {
            // Fields that this version does not know are ignored.
            (answer, "") => drop(answer.expect("an answer")),
            // Whatever the build is: the request was understood.
            (Err(failure), "?") => assert_ne!(failure["code"], "bad_request", "{failure}"),
            (Ok(_), "?") => {}
            (answer, expected) => assert_eq!(code(answer), expected, "{call}"),
        }
    }
    // Only the daemon itself says so.
    let call = json!({ "NotUnderstood": { "failure": {
        "code": "x", "tier": "user", "message": "y", "hint": null } } });
    assert_eq!(code(ask(&mut wire, &call)), "x");
    ask(&mut wire, &json!({ "Status": {} })).expect("the connection goes on");
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn names_of_megabytes_are_refused_in_few_words() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    let long = "x".repeat(8_000_000);
    // Six bytes each on the wire, as long in an answer.
    let strange = "\u{1}".repeat(1_000_000);
    for name in [&long, &strange] {
        for (call, expected) in [
            (json!({ "Build": { "id": name } }), "not_found"),
            (json!({ "Cancel": { "id": format!("b{name}") } }), "not_found"),
            (json!({ name: {} }), "unsupported"),
            (json!({ "Build": { "id": { name: 1 } } }), "bad_request"),
            (submit(&json!({ "command": ["x"], "cwd": name, "environment": [] })), "bad_cwd"),
            (
                submit(&json!({ "command": ["x"], "cwd": "/", "environment": [[name, "\0"]] })),
                "bad_request",
            ),
            (
                submit(&json!({
                    "command": ["x"], "cwd": "/", "environment": [], "priority": name })),
                "bad_request",
            ),
        ] {
            let reply = wire.call(1, &call);
            assert!(reply.to_string().len() < 10_000, "an echo");
            assert_eq!(code(answer(&reply)), expected);
        }
    }
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn a_hello_that_is_refused_hears_why_however_long_it_was() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let version = "9".repeat(3_000);
    let strange = "\u{1}".repeat(600);
    for (field, value, expected) in [
        ("protocol", json!({ "min": 7, "max": 9 }), "protocol_mismatch"),
        ("session", json!("No body"), "bad_request"),
        ("session", json!(format!("user:{}", "x".repeat(129))), "bad_request"),
        ("session", json!("user:a\nb"), "bad_request"),
        ("session", json!("x".repeat(3_800)), "bad_request"),
        ("session", json!(strange), "bad_request"),
        ("channel", json!("x".repeat(3_800)), "bad_request"),
        ("channel", json!("smoke signals"), "bad_request"),
    ] {
        let mut hello = bd_tests::wire::hello("control");
        if field == "protocol" {
            hello["version"] = version.clone().into();
        }
        hello[field] = value;
        let mut wire = Wire::connect(&sandbox.socket());
        wire.send(&hello);
        let refused = wire.receive();
        assert_eq!(refused["bd"], "refused", "{refused}");
        assert_eq!(refused["failure"]["code"], expected, "{refused}");
        assert_eq!(wire.frame(), None);
    }
    probe.assert_unharmed();
}

#[test]
fn ten_thousand_arguments_reach_the_command_and_nobody_else_is_hurt() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let words: Vec<String> = (0..10_000).map(|n| format!("argument number {n:060}")).collect();
    let mut argv = vec!["run", "--quiet", "--", "sh", "-c", "echo $#; echo \"$1\"", "sh"];
    argv.extend(words.iter().map(String::as_str));
    // The build itself is longer than a frame of events may be.
    assert_eq!(sandbox.ok(&argv), format!("10000\n{}\n", words[0]));
    for query in ["history", "status"] {
        let _ = sandbox.json(&[query]);
    }
    let mut feed = Wire::open(&sandbox.socket(), "events");
    feed.send(&json!({ "feed": {} }));
    assert!(feed.frame().is_some(), "the streams have ended");
    drop(feed);
    probe.assert_unharmed();
}

#[test]
fn many_builds_of_many_words_can_still_be_listed() {
    const BUILDS: usize = 120;
    let sandbox = Sandbox::with_config("max_executions = 1");
    let probe = DaemonProbe::new(&sandbox);
    let gate = Gate::new(sandbox.outside(), "gate");
    let blocker = sandbox.start(&["--", "sh", "-c", &gate.pass()]);
    sandbox.await_builds("running", 1);
    let mut wire = control(&sandbox);
    // Together more than the largest reply, each of them reasonable.
    let word = "word".repeat(25_000);
    let mut builds = Vec::new();
    for _ in 0..BUILDS {
        builds.push(submitted(&mut wire, &submission(&sandbox, &["echo", &word])));
    }
    let live = sandbox.live();
    assert!(live.len() > BUILDS / 2, "{} builds are listed", live.len());
    gate.open();
    assert_eq!(blocker.output().status.code(), Some(0));
    let last = builds.last().expect("a build");
    assert_eq!(ended(&sandbox, last)["outcome"]["status"], "ok");
    assert!(sandbox.history().len() > BUILDS / 2);
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn an_environment_that_no_kernel_takes_fails_that_build_only() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    let path = std::env::var("PATH").expect("a PATH");
    let mut asked = submission(&sandbox, &["true"]);
    for environment in [
        json!([["PATH", path], ["HUGE", "x".repeat(8_380_000)]]),
        json!((0..80).map(|n| json!([format!("V{n}"), "x".repeat(100_000)])).collect::<Vec<_>>()),
    ] {
        asked["environment"] = environment;
        let build = submitted(&mut wire, &asked);
        let outcome = ended(&sandbox, &build)["outcome"].clone();
        assert_ne!(outcome["status"], "ok", "{outcome}");
        assert!(outcome["message"].is_string(), "{outcome}");
    }
    // One byte more than a frame may have ends the connection, and nothing else.
    asked["environment"] = json!([["HUGE", "x".repeat(8 << 20)]]);
    let _ = wire.raw(&frame(&json!({ "id": 9, "call": submit(&asked) })));
    assert_eq!(wire.frame(), None);
    probe.assert_unharmed();
}

fn frame(message: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    bd_protocol::frame::write(&mut bytes, message.to_string().as_bytes()).expect("to memory");
    bytes
}

#[test]
fn builds_that_are_not_there_or_are_many_are_refused_by_name() {
    let sandbox = Sandbox::with_config("max_executions = 2");
    let probe = DaemonProbe::new(&sandbox);
    let gates = ["one", "other"].map(|name| Gate::new(sandbox.outside(), name));
    let both = gates.each_ref().map(|gate| sandbox.start(&["--", "sh", "-c", &gate.pass()]));
    sandbox.await_builds("running", 2);
    let mut wire = control(&sandbox);
    for id in ["bzzzzzzzzzzz", "", "b", "x0", "nonsense", "b\0", "../..", "b0000000000000000"] {
        for call in ["Cancel", "Detach", "Build"] {
            let answer = ask(&mut wire, &json!({ call: { "id": id } }));
            assert_eq!(code(answer), "not_found", "{call} {id:?}");
        }
        let size = json!({ "rows": 1, "columns": 1 });
        let answer = ask(&mut wire, &json!({ "Resize": { "id": id, "size": size } }));
        assert_eq!(code(answer), "not_found");
    }
    // All ids of this decade begin alike.
    let ids: Vec<String> =
        sandbox.live().iter().map(|build| build["id"].as_str().expect("an id").into()).collect();
    let [one, other] = &ids[..] else { panic!("{ids:?}") };
    let common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    for call in ["Cancel", "Detach", "Build"] {
        let answer = ask(&mut wire, &json!({ call: { "id": &one[..common] } }));
        assert_eq!(code(answer), "ambiguous", "{call}");
    }
    // Neither has a terminal; both get a size.
    for size in [(0, 0), (u16::MAX, u16::MAX)] {
        let size = json!({ "rows": size.0, "columns": size.1 });
        ask(&mut wire, &json!({ "Resize": { "id": one, "size": size } })).expect("taken note of");
    }
    assert_eq!(sandbox.live().len(), 2, "one was withdrawn");
    gates.iter().for_each(Gate::open);
    for session in both {
        assert_eq!(session.output().status.code(), Some(0));
    }
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn the_terminal_of_somebody_elses_build_survives_any_size() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let gate = Gate::new(sandbox.outside(), "gate");
    let mut wire = control(&sandbox);
    let mut asked = submission(&sandbox, &["sh", "-c", &gate.pass()]);
    asked["tty"] = json!({ "rows": 24, "columns": 80 });
    let build = submitted(&mut wire, &asked);
    sandbox.await_builds("running", 1);
    let mut stranger = control(&sandbox);
    for rows in [0, 1, u16::MAX] {
        let size = json!({ "rows": rows, "columns": u16::MAX });
        let answer = ask(&mut stranger, &json!({ "Resize": { "id": build, "size": size } }));
        answer.expect("taken note of");
    }
    gate.open();
    assert_eq!(ended(&sandbox, &build)["outcome"]["status"], "ok");
    drop((wire, stranger));
    probe.assert_unharmed();
}

#[test]
fn input_that_nobody_brings_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    for field in ["stdin", "tty"] {
        for _ in 0..20 {
            let mut asked = submission(&sandbox, &["true"]);
            asked[field] = match field {
                "stdin" => json!("forward"),
                _ => json!({ "rows": 24, "columns": 80 }),
            };
            let build = submitted(&mut wire, &asked);
            assert_eq!(ended(&sandbox, &build)["outcome"]["status"], "ok");
        }
    }
    // The connection stays: not its end, but the builds', closes what was opened for them.
    eventually("the pipes are closed", || {
        bd_tests::daemon_probe::descriptors(probe.pid) <= probe.descriptors + 1
    });
    drop(wire);
    probe.assert_unharmed();
}

#[test]
fn a_limit_beyond_reason_is_the_most_there_is() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut wire = control(&sandbox);
    for (limit, expected) in [(u32::MAX, 1), (1, 1), (0, 0)] {
        let answer = ask(&mut wire, &json!({ "History": { "query": { "limit": limit } } }));
        assert_eq!(answer.expect("builds").as_array().map(Vec::len), Some(expected), "{limit}");
    }
    for limit in [json!(-1), json!(1_u64 << 32), json!("all")] {
        let answer = ask(&mut wire, &json!({ "History": { "query": { "limit": limit } } }));
        assert_eq!(code(answer), "bad_request");
    }
    drop(wire);
    probe.assert_unharmed();
}

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
