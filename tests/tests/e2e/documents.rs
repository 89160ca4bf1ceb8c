//! The documents of `--json`: what programs rely on.

use bd_tests::times::{now_ms, unix_ms};
use bd_tests::{Gate, Sandbox, eventually};
use serde_json::{Value, json};

/// Fields of a build and their types; a `?` may be `null`.
const BUILD: &[(&str, &str)] = &[
    ("id", "string"),
    ("state", "string"),
    ("command", "strings"),
    ("tasks", "strings"),
    ("cwd", "string"),
    ("session", "string"),
    ("priority", "string"),
    ("submitted_at", "time"),
    ("started_at", "time?"),
    ("ended_at", "time?"),
    ("wait", "object?"),
    ("joined", "string?"),
    ("execution", "string?"),
    ("outcome", "object?"),
];
const WAIT: &[(&str, &str)] = &[
    ("reason", "string"),
    ("detail", "string"),
    ("position", "number?"),
    ("estimate_ms", "number?"),
];
const OUTCOME: &[(&str, &str)] = &[
    ("status", "string"),
    ("exit_code", "number?"),
    ("signal", "number?"),
    ("inputs_moved", "strings?"),
    ("duration_ms", "number?"),
    ("cpu_ms", "number?"),
    ("peak_rss_bytes", "number?"),
    ("source", "string"),
];
const DAEMON: &[(&str, &str)] = &[
    ("pid", "number"),
    ("version", "string"),
    ("started_at", "time"),
    ("uptime_ms", "number"),
    ("rss_bytes", "number"),
];

#[test]
fn an_ended_build_says_how_it_ended() {
    let sandbox = Sandbox::with_config("stop_grace = \"200ms\"");
    let gate = Gate::new(sandbox.outside(), "gate");
    let cases = [
        ("ok", &["--", "true"][..], json!(0), json!(null), 0),
        ("failed", &["--", "sh", "-c", "exit 3"], json!(3), json!(null), 3),
        ("failed", &["--", "sh", "-c", "kill -9 $$"], json!(null), json!(9), 137),
        ("failed", &["--", "no-such-program"], json!(127), json!(null), 127),
        ("timed_out", &["--timeout", "100ms", "--", "sleep", "100"], json!(null), json!(15), 124),
    ];
    for (status, arguments, code, signal, exit) in cases {
        let id = sandbox.detach(arguments);
        let build = sandbox.ended(&id);
        is_build(&build);
        let outcome = &build["outcome"];
        assert_eq!(outcome["status"], status, "{build}");
        assert_eq!((&outcome["exit_code"], &outcome["signal"]), (&code, &signal), "{build}");
        assert_eq!(
            (&outcome["source"], &outcome["inputs_moved"]),
            (&json!("executed"), &json!(null))
        );
        assert!(build["wait"].is_null() && build["joined"].is_null(), "{build}");
        assert_eq!(sandbox.run(&["wait", &id]).status.code(), Some(exit), "{build}");
        let run = sandbox.run(&[&["run", "--json"], arguments].concat());
        assert_eq!(run.status.code(), Some(exit), "{run:?}");
        let document: Value = serde_json::from_slice(&run.stdout).expect("JSON");
        assert_eq!(document["schema"], "bd.run/1");
        is_build(&document["build"]);
        assert_eq!(document["build"]["outcome"]["status"], status, "{document}");
    }
    let id = sandbox.detach(&["--", "sh", "-c", &gate.pass()]);
    sandbox.await_builds("running", 1);
    let cancelled = sandbox.json(&["cancel", &id]);
    assert_eq!(cancelled["schema"], "bd.cancel/1");
    is_build(&cancelled["build"]);
    assert_eq!(cancelled["build"]["outcome"]["status"], "cancelled");
    assert_eq!(cancelled["build"]["outcome"]["signal"], 15);
}

#[test]
fn a_document_says_what_was_asked_and_by_whom() {
    let sandbox = Sandbox::new();
    let begun = now_ms();
    let id = sandbox.detach(&["--session", "editor:vim", "--", "sh", "-c", "exit 2"]);
    let document: Value =
        serde_json::from_slice(&sandbox.run(&["wait", "--json", &id]).stdout).expect("JSON");
    assert_eq!(document["schema"], "bd.wait/1");
    let build = &document["build"];
    let ws = std::fs::canonicalize(sandbox.workspace()).expect("a workspace");
    for (field, value) in [
        ("id", json!(id)),
        ("state", json!("ended")),
        ("command", json!(["sh", "-c", "exit 2"])),
        ("tasks", json!([])),
        ("cwd", json!(ws)),
        ("session", json!("editor:vim")),
        ("priority", json!("editor")),
    ] {
        assert_eq!(build[field], value, "{build}");
    }
    let times = ["submitted_at", "started_at", "ended_at"].map(|field| unix_ms(&build[field]));
    assert!(times.is_sorted() && begun <= times[0] && times[2] <= now_ms(), "{times:?}");

    let history = sandbox.json(&["history"]);
    assert_eq!((&history["schema"], &history["builds"][0]), (&json!("bd.history/1"), build));
    // A prefix that names one build names it.
    let short = sandbox.json_of(&["wait", "--json", &id[..11]]);
    assert_eq!(short["build"]["id"], *id);
}

#[test]
fn status_tells_of_the_daemon_and_of_what_has_not_ended() {
    let sandbox = Sandbox::with_config("max_executions = 1");
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = gate.pass();
    let first = sandbox.detach(&["--join", "--", "sh", "-c", &script]);
    sandbox.await_builds("running", 1);
    let joined = sandbox.detach(&["--join", "--", "sh", "-c", &script]);
    sandbox.await_builds("running", 2);
    let waiting = sandbox.detach(&["--", "true"]);
    sandbox.await_builds("waiting", 1);
    let status = sandbox.json(&["status"]);
    assert_eq!(status["schema"], "bd.status/1");
    has(&status["daemon"], DAEMON);
    assert_eq!(status["daemon"]["pid"], sandbox.daemon_pid().as_raw());
    assert!(status["workspaces"].is_array(), "{status}");
    let builds = status["builds"].as_array().expect("builds");
    builds.iter().for_each(is_build);
    let of = |id: &str| builds.iter().find(|build| build["id"] == id).expect(id);
    assert_eq!(builds.len(), 3);
    assert!(of(&first)["joined"].is_null());
    assert_eq!(of(&joined)["joined"], of(&first)["execution"]);
    has(&of(&waiting)["wait"], WAIT);
    gate.open();
    for (id, source) in [(&first, "executed"), (&joined, "joined"), (&waiting, "executed")] {
        assert_eq!(sandbox.ended(id)["outcome"]["source"], source);
    }
}

#[test]
fn events_are_lines_of_json_that_end_with_the_end() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["run", "--events", "--", "sh", "-c", "echo a; echo b >&2; exit 3"]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().all(|line| line["schema"] == "bd.event/1"), "{text}");
    let written = |stream| -> String {
        let lines = lines.iter().filter(|line| line["event"] == stream);
        lines.map(|line| line["text"].as_str().expect("text")).collect()
    };
    assert_eq!((written("stdout"), written("stderr")), ("a\n".to_owned(), "b\n".to_owned()));
    let builds: Vec<_> = lines.iter().filter(|line| line["event"] == "build").collect();
    builds.iter().for_each(|line| is_build(&line["build"]));
    assert_eq!(builds.last().expect("a build")["build"]["outcome"]["exit_code"], 3);
    assert_eq!(lines.last().expect("lines")["event"], "done");
}

#[test]
fn what_a_command_costs_is_measured() {
    let sandbox = Sandbox::new();
    let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 0.2";
    let id = sandbox.detach(&["--", "sh", "-c", work]);
    let outcome = sandbox.ended(&id)["outcome"].clone();
    assert!(outcome["duration_ms"].as_u64().is_some_and(|ms| ms >= 200), "{outcome}");
    assert!(outcome["cpu_ms"].as_u64().is_some_and(|ms| ms >= 10), "{outcome}");
    assert!(outcome["peak_rss_bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{outcome}");
    let text = sandbox.ok(&["history"]);
    eventually("history shows it", || text.contains(&id) && text.contains("ok"));
}

trait Json {
    fn json_of(&self, arguments: &[&str]) -> Value;
}

impl Json for Sandbox {
    fn json_of(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.run(arguments).stdout).expect("JSON")
    }
}

fn is_build(build: &Value) {
    has(build, BUILD);
    match &build["outcome"] {
        Value::Null => assert_ne!(build["state"], "ended", "{build}"),
        outcome => has(outcome, OUTCOME),
    }
    match &build["wait"] {
        Value::Null => assert_ne!(build["state"], "waiting", "{build}"),
        wait => has(wait, WAIT),
    }
}

/// Every promised field is there, `null` or not, and of its type.
fn has(object: &Value, fields: &[(&str, &str)]) {
    let of_strings =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    for (field, kind) in fields {
        let value = object.get(field).unwrap_or_else(|| panic!("no {field} in {object}"));
        if let (Value::Null, Some(_)) = (value, kind.strip_suffix('?')) {
            continue;
        }
        let right = match kind.trim_end_matches('?') {
            "string" => value.is_string(),
            "number" => value.is_u64(),
            "strings" => of_strings(value),
            "object" => value.is_object(),
            "time" => unix_ms(value) > 0,
            other => unreachable!("no type: {other}"),
        };
        assert!(right, "{field} is no {kind} in {object}");
    }
}

#[test]
fn an_error_is_a_document_where_json_is_asked_for() {
    let sandbox = Sandbox::new();
    for (arguments, status, code) in [
        (&["wait", "--json", "b00000000000"][..], 125, "not_found"),
        (&["logs", "--json"], 125, "not_found"),
        (&["run", "--json", "--cwd", "/no/such/place", "--", "true"], 125, "bad_cwd"),
        (&["changes", "--json", "--since", "nonsense"], 2, "bad_clock"),
        (&["run", "--json"], 2, "usage"),
        (&["status", "--json", "--session", "nobody"], 2, "session"),
        (&["history", "--json", "--no-such-option"], 2, "usage"),
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
        let document: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        assert_eq!(document["schema"], "bd.error/1", "{document}");
        assert_eq!(document["error"]["code"], code, "{arguments:?}: {document}");
        assert_eq!(document["error"]["exit_code"], status, "{document}");
        assert!(!output.stderr.is_empty(), "the sentence is there as well");
    }
    let mut command = sandbox.bdctl(["status", "--json"]);
    command.env("BD_DAEMON", "/no/such/bdd").env("BD_HOME", sandbox.outside().join("other"));
    let output = command.output().expect("bdctl runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"start_failed\""), "{output:?}");
}

#[test]
fn a_wait_that_expires_at_once_describes_the_build() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["run", "--wait", "0", "--json", "--", "sleep", "2"]);
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["schema"], "bd.run/1");
    let id = document["build"]["id"].as_str().expect("an id");
    assert_eq!(sandbox.run(&["cancel", id]).status.code(), Some(0));
}
