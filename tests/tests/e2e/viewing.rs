//! What can be seen later of what was printed and what ran.

use bd_tests::{Gate, Sandbox};
use serde_json::Value;

#[test]
fn logs_show_what_a_build_printed_stream_by_stream() {
    let sandbox = Sandbox::new();
    let id = printed(&sandbox, "printf 'out\\000\\377'; echo err >&2");
    let output = sandbox.run(&["logs", &id]);
    assert_eq!((&*output.stdout, &*output.stderr), (&b"out\0\xff"[..], &b"err\n"[..]));
    let output = sandbox.run(&["logs", "--stderr", &id]);
    assert_eq!((&*output.stdout, &*output.stderr), (&b""[..], &b"err\n"[..]));
    // The newest build here is meant where none is named.
    assert_eq!(sandbox.run(&["logs", "--stdout"]).stdout, b"out\0\xff");
    let document = sandbox.json(&["logs", &id]);
    assert_eq!(
        (&document["schema"], &document["build"]["id"]),
        (&"bd.logs/1".into(), &Value::from(&*id))
    );
    assert_eq!((&document["stderr"], &document["stderr_base64"]), (&"err\n".into(), &Value::Null));
    assert_eq!(document["stdout_base64"], "b3V0AP8=");
}

#[test]
fn logs_show_the_last_lines_and_the_lines_that_match() {
    let sandbox = Sandbox::new();
    let id = printed(&sandbox, "seq 1 100; printf 'no newline'");
    assert_eq!(sandbox.ok(&["logs", "--tail", "3", &id]), "99\n100\nno newline");
    assert_eq!(sandbox.ok(&["logs", "--tail", "0", &id]), "");
    assert_eq!(sandbox.ok(&["logs", "--grep", "^.7$", "--tail", "2", &id]), "87\n97\n");
    assert_eq!(sandbox.ok(&["logs", "--grep", "newline|^100$", &id]), "100\nno newline");
    let wrong = sandbox.run(&["logs", "--grep", "(", &id]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn logs_of_an_earlier_daemon_are_kept() {
    let sandbox = Sandbox::new();
    let id = printed(&sandbox, "echo kept");
    let _ = sandbox.ok(&["daemon", "restart"]);
    assert_eq!(sandbox.ok(&["logs", &id]), "kept\n");
    sandbox.kill_daemon();
    assert_eq!(sandbox.ok(&["logs", &id]), "kept\n");
}

#[test]
fn logs_of_a_running_build_are_what_there_is_so_far() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("echo one; echo two; {}; echo three", gate.pass());
    let mut client = sandbox.start(&["--", "sh", "-c", &script]);
    assert_eq!((client.line(), client.line()), ("one".to_owned(), "two".to_owned()));
    let id = sandbox.live()[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(sandbox.ok(&["logs", &id]), "one\ntwo\n");
    assert_eq!(sandbox.ok(&["logs", "--tail", "1", &id]), "two\n");
    let mut follower = sandbox.spawn(sandbox.bdctl(["logs", "--follow", &id]));
    let mut tail = sandbox.spawn(sandbox.bdctl(["logs", "--follow", "--tail", "1", &id]));
    assert_eq!((follower.line(), follower.line()), ("one".to_owned(), "two".to_owned()));
    assert_eq!(tail.line(), "two");
    gate.open();
    for follower in [follower, tail, client] {
        let output = follower.output();
        assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"three\n"[..]));
    }
}

#[test]
fn history_tells_what_ran_where_and_how_it_ended() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.ok(&["history"]), "no builds\n");
    std::fs::create_dir(sandbox.workspace().join("sub")).expect("a directory");
    let _ = sandbox.run(&["run", "--", "sh", "-c", "exit 3"]);
    let _ = sandbox.ok(&["run", "--session", "agent:a1", "--cwd", "sub", "--", "echo", "hi"]);
    let text = sandbox.ok(&["history"]);
    let (reasons, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with(' '));
    assert_eq!(lines.len(), 3, "a heading and two builds:\n{text}");
    assert!(reasons.iter().all(|reason| reason.contains("not shared")), "{text}");
    assert!(lines[1].contains("echo hi") && lines[1].contains("agent:a1"), "{text}");
    assert!(lines[2].contains("exit 3") && lines[2].contains('3'), "{text}");
    assert!(!sandbox.ok(&["history", "--limit", "1"]).contains("exit 3"));
    let below = sandbox.json(&["history", "--under", "sub"]);
    let below = below["builds"].as_array().expect("builds");
    assert_eq!((below.len(), &below[0]["session"]), (1, &"agent:a1".into()));
    let nowhere = sandbox.json(&["history", "--under", "/"]);
    assert_eq!(nowhere["builds"].as_array().expect("builds").len(), 2);
}

#[test]
fn a_watcher_sees_builds_come_and_go() {
    let sandbox = Sandbox::new();
    let mut watcher = sandbox.spawn(sandbox.bdctl(["status", "--watch", "--json"]));
    let id = sandbox.detach(&["--", "sh", "-c", "exit 3"]);
    let mut states = Vec::new();
    while states.last() != Some(&"ended".to_owned()) {
        let line: Value = serde_json::from_str(&watcher.line()).expect("JSON");
        if line["build"]["id"] == *id {
            states.push(line["build"]["state"].as_str().expect("a state").to_owned());
        }
    }
    assert!(states.contains(&"running".to_owned()), "{states:?}");
    watcher.0.kill().expect("a watcher to end");
    let _ = watcher.0.wait();
}

/// A build that printed something and has ended.
fn printed(sandbox: &Sandbox, script: &str) -> String {
    let id = sandbox.detach(&["--", "sh", "-c", script]);
    assert_eq!(sandbox.ended(&id)["outcome"]["status"], "ok");
    id
}
