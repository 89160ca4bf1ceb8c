//! Requests that are well formed and unreasonable.

use crate::raw_requests::{
    answer, ask, code, control, ended, frame, submission, submit, submitted,
};
use bd_tests::wire::Wire;
use bd_tests::{DaemonProbe, Gate, Sandbox, eventually};
use serde_json::{Value, json};

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
    // There are 32 digits, so of 33 builds two begin alike.
    let mut ids: Vec<String> = (0..33).map(|_| sandbox.detach(&["--", "true"])).collect();
    ids.sort();
    let alike = ids.windows(2).find(|two| two[0][..2] == two[1][..2]).expect("two");
    for call in ["Cancel", "Detach", "Build"] {
        let answer = ask(&mut wire, &json!({ call: { "id": &alike[0][..2] } }));
        assert_eq!(code(answer), "ambiguous", "{call}");
    }
    ids.iter().for_each(|id| drop(sandbox.run(&["cancel", id])));
    let live = sandbox.live();
    let one = live[0]["id"].as_str().expect("an id");
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
fn more_than_a_command_line_takes_is_said_with_what_to_do() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["daemon", "start"]);
    let mut wire = control(&sandbox);
    let build = submitted(&mut wire, &submission(&sandbox, &["true", &"x".repeat(300_000)]));
    let outcome = ended(&sandbox, &build)["outcome"].clone();
    assert_eq!(outcome["exit_code"], 126, "{outcome}");
    let message = outcome["message"].as_str().expect("a message");
    assert!(message.contains("a file that lists them"), "{message}");
}
