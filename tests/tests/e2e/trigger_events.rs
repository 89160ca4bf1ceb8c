//! What `bdctl watch` makes of any events of a trigger. A fake daemon sends them.

use bd_protocol::events::{Kind, push};
use bd_tests::fake_daemon::{FakeBehavior, FakeDaemon};
use bd_tests::{Sandbox, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A daemon whose builds print a word and end like this, and that answers like this.
fn behavior(status: &str, code: Option<i32>, answer: fn(&Value) -> Value) -> FakeBehavior {
    let outcome = json!({
        "status": status, "exit_code": code, "signal": null, "inputs_moved": null,
        "duration_ms": 1200, "cpu_ms": null, "peak_rss_bytes": null, "source": "executed",
        "message": null,
    });
    let build = json!({
        "id": "b1", "state": "ended", "command": ["make"], "tasks": [], "cwd": "/somewhere",
        "session": "user:test", "priority": "user",
        "submitted_at": "2031-01-01T00:00:00.000Z", "started_at": "2031-01-01T00:00:00.000Z",
        "ended_at": "2031-01-01T00:00:01.200Z", "wait": null, "joined": null,
        "execution": "x1", "outcome": outcome,
    });
    let mut events = Vec::new();
    push(&mut events, Kind::Stdout, 0, b"out\n");
    push(&mut events, Kind::Stderr, 4, b"err\n");
    push(&mut events, Kind::Build, 1, build.to_string().as_bytes());
    push(&mut events, Kind::Done, 0, b"");
    let version = env!("CARGO_PKG_VERSION");
    FakeBehavior {
        version,
        protocol: (1, 1),
        idle: false,
        more: json!({}),
        answer,
        events: vec![events],
    }
}

/// The answer to a call of a daemon with these events, and none after them.
fn answer_with(call: &Value, asked: &AtomicUsize, events: &[Value]) -> Value {
    if call.get("Watched").is_none() {
        return json!({ "reply": { "Watch": { "Ok": { "watch": "w", "root": "/r\u{1b}oot" } } } });
    }
    assert_eq!(call["Watched"], json!({ "watch": "w", "wait_ms": 20_000 }));
    let next = events.get(asked.fetch_add(1, Ordering::SeqCst)).unwrap_or(&Value::Null);
    json!({ "reply": { "Watched": { "Ok": next } } })
}

fn started(changed: &[&str]) -> Value {
    json!({ "news": "started", "build": "b1", "changed": changed,
        "changed_count": changed.len(), "message": null })
}

fn ended() -> Value {
    json!({ "news": "ended", "message": "the root is gone" })
}

/// What `bdctl watch OPTIONS -- make` says to such a daemon.
fn watch(options: &[&str], behavior: FakeBehavior) -> (Output, String) {
    let sandbox = Sandbox::new();
    let _fake = FakeDaemon::start(&sandbox, behavior);
    let output = sandbox.run(&[&["watch"], options, &["--", "make"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// A run, a warning, what is not known, a refusal, another run, the end.
fn story(call: &Value, asked: &AtomicUsize) -> Value {
    let looping = json!({ "news": "loop", "changed": ["log\n"], "changed_count": 1,
        "message": "log\n changes by its own runs" });
    let refused = json!({ "news": "refused", "message": "the queue is full" });
    let events = [
        started(&[]),
        looping,
        json!({ "news": "dreamt", "message": "of sheep" }),
        refused,
        started(&["a", "b", "c\u{1b}"]),
        ended(),
    ];
    answer_with(call, asked, &events)
}

#[test]
fn each_of_the_news_is_a_line_and_the_output_is_passed_on() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (output, said) = watch(&[], behavior("failed", Some(3), |call| story(call, &ASKED)));
    assert_eq!((output.status.code(), &*output.stdout), (Some(125), &b"out\nout\n"[..]));
    assert_eq!(
        said,
        "bdctl: watching /r\\u{1b}oot for changes; Ctrl-C ends\n\
         bdctl: first run\nerr\nbdctl: exit 3 in 1.2 s\n\
         bdctl: warning: log\\n changes by its own runs\n\
         bdctl: warning: the queue is full\n\
         bdctl: 3 files changed: a, b, …\nerr\nbdctl: exit 3 in 1.2 s\n\
         bdctl: failed to continue watching /r\\u{1b}oot: the root is gone\n"
    );
}

#[test]
fn who_wants_quiet_hears_of_what_went_wrong() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let options = ["--quiet", "--clear", "--notify"];
    let (output, said) = watch(&options, behavior("ok", Some(0), |call| story(call, &ASKED)));
    assert_eq!((output.status.code(), &*output.stdout), (Some(125), &b"out\nout\n"[..]));
    assert_eq!(
        said,
        "err\nbdctl: warning: log\\n changes by its own runs\n\
         bdctl: warning: the queue is full\nerr\n\
         bdctl: failed to continue watching /r\\u{1b}oot: the root is gone\n"
    );
}

#[test]
fn programs_get_the_news_as_lines() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (output, _) = watch(&["--events"], behavior("ok", Some(0), |call| story(call, &ASKED)));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let events: Vec<_> = lines
        .iter()
        .map(|line| {
            assert_eq!(line["schema"], "bd.event/1");
            line["news"].as_str().or(line["event"].as_str()).expect("a word")
        })
        .collect();
    let run = ["started", "stdout", "stderr", "build", "done"];
    let between = ["loop", "refused"];
    assert_eq!(events, [&["watching"][..], &run, &between, &run, &["ended"]].concat());
    assert_eq!(lines[0]["root"], "/r\u{1b}oot");
    assert_eq!((&lines[1]["event"], &lines[1]["build"]), (&json!("watched"), &json!("b1")));
    assert_eq!(lines[8]["changed"], json!(["a", "b", "c\u{1b}"]));
}

#[test]
fn the_first_failure_can_be_the_end_and_what_was_superseded_is_none() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    fn answer(call: &Value) -> Value {
        answer_with(call, &ASKED, &[started(&["a"]), started(&["b"]), ended()])
    }
    let options = ["--exit-on-failure", "--no-initial"];
    let (output, said) = watch(&options, behavior("failed", Some(3), answer));
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.ends_with("bdctl: a changed\nerr\nbdctl: exit 3 in 1.2 s\n"), "{said}");

    ASKED.store(0, Ordering::SeqCst);
    let (output, said) = watch(&options, behavior("cancelled", None, answer));
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert_eq!(said.matches("bdctl: superseded after 1.2 s\n").count(), 2, "{said}");
}

#[test]
fn a_signal_ends_the_wait_for_news() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let sandbox = Sandbox::new();
    let answer = |call: &Value| answer_with(call, &ASKED, &[]);
    let _fake = FakeDaemon::start(&sandbox, behavior("ok", Some(0), answer));
    let client = sandbox.spawn(sandbox.bdctl(["watch", "--", "make"]));
    eventually("it waits for events", || ASKED.load(Ordering::SeqCst) > 2);
    client.signal(Signal::SIGINT);
    let output = client.output();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}

#[test]
fn a_daemon_that_knows_nothing_of_it_says_so() {
    let answer = |call: &Value| {
        let message = format!("it does not know {call}");
        json!({ "failure": { "code": "unsupported", "tier": "user", "message": message,
            "hint": "restart the daemon" } })
    };
    let (output, said) = watch(&[], behavior("ok", Some(0), answer));
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("hint: restart the daemon"), "{said}");
}
