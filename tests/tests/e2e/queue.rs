//! What waits for what, and what starts next.

use bd_tests::{Flag, Gate, Sandbox, eventually};
use serde_json::{Value, json};
use std::fs;

/// A daemon that runs one thing at a time, a build that runs until its gate is opened, and a file
/// where what runs after it leaves its name.
struct Busy {
    sandbox: Sandbox,
    gate: Gate,
    blocker: String,
}

impl Busy {
    fn new() -> Self {
        let sandbox = Sandbox::with_config("max_executions = 1");
        let gate = Gate::new(sandbox.outside(), "gate");
        let blocker = sandbox.detach(&["--", "sh", "-c", &gate.pass()]);
        sandbox.await_builds("running", 1);
        Self { sandbox, gate, blocker }
    }

    /// Asks for a build that leaves its name when it runs.
    fn ask(&self, session: &str, name: &str) -> String {
        let script = format!("echo {name} >>'{}/order'", self.sandbox.outside().display());
        self.sandbox.detach(&["--join", "--session", session, "--", "sh", "-c", &script])
    }

    fn live(&self, id: &str) -> Value {
        let found = self.sandbox.live().into_iter().find(|build| build["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not live"))
    }

    /// Waits until so many builds have a place in the queue.
    fn await_queued(&self, count: usize) {
        eventually(&format!("{count} builds have a place"), || {
            let live = self.sandbox.live();
            live.iter().filter(|build| build["wait"]["position"].is_u64()).count() == count
        });
    }

    fn position(&self, id: &str) -> Value {
        self.live(id)["wait"]["position"].clone()
    }

    /// Lets the blocker end, and gives the names in the order in which they ran.
    fn order(&self, ids: &[&str]) -> Vec<String> {
        self.gate.open();
        for id in ids {
            let build = self.sandbox.ended(id);
            assert_eq!(build["outcome"]["status"], "ok", "{build}");
        }
        let order = fs::read_to_string(self.sandbox.outside().join("order")).expect("an order");
        order.lines().map(str::to_owned).collect()
    }
}

#[test]
fn classes_start_strictly_by_rank_and_within_one_as_they_came() {
    let busy = Busy::new();
    let asked: Vec<_> = [
        ("ci", "ci1"),
        ("agent:a", "agent1"),
        ("user", "user1"),
        ("hook", "hook1"),
        ("editor", "editor1"),
        ("agent:b", "agent2"),
        ("user:u", "user2"),
        ("editor:vim", "editor2"),
    ]
    .iter()
    .map(|(session, name)| busy.ask(session, name))
    .collect();
    busy.await_queued(8);
    let positions: Vec<_> = asked.iter().map(|id| busy.position(id)).collect();
    assert_eq!(positions, [7, 5, 1, 8, 3, 6, 2, 4].map(|position| json!(position)));

    let ids: Vec<&str> = asked.iter().map(String::as_str).collect();
    let order = busy.order(&ids);
    let expected = ["user1", "user2", "editor1", "editor2", "agent1", "agent2", "ci1", "hook1"];
    assert_eq!(order, expected);
}

#[test]
fn a_wait_has_its_reason_and_its_position() {
    let busy = Busy::new();
    let (first, second) = (busy.ask("user", "first"), busy.ask("user", "second"));
    busy.await_queued(2);
    for (id, position) in [(&first, 1), (&second, 2)] {
        let build = busy.live(id);
        assert_eq!(build["wait"]["reason"], "workers", "{build}");
        assert_eq!(build["wait"]["position"], position);
        let detail = build["wait"]["detail"].as_str().expect("a sentence");
        assert!(detail.contains('1'), "how many run, or may run: {detail}");
        assert!(build["started_at"].is_null() && build["outcome"].is_null(), "{build}");
    }
    assert!(busy.live(&busy.blocker)["wait"].is_null());
    let text = busy.sandbox.ok(&["status"]);
    assert!(text.contains(&first) && text.contains("waiting"), "{text}");
    assert_eq!(busy.order(&[&first, &second]), ["first", "second"]);
}

#[test]
fn whoever_is_joined_by_a_higher_class_moves_up() {
    let busy = Busy::new();
    let slow = busy.ask("agent:a", "shared");
    let editor = busy.ask("editor", "editor");
    busy.await_queued(2);
    assert_eq!((busy.position(&editor), busy.position(&slow)), (json!(1), json!(2)));
    assert_eq!(busy.live(&slow)["priority"], "agent");

    let person = busy.ask("user:p", "shared");
    eventually("it moves up", || busy.position(&slow) == 1);
    let (slow_now, person_now) = (busy.live(&slow), busy.live(&person));
    assert_eq!(slow_now["execution"], person_now["execution"]);
    assert_eq!((&slow_now["priority"], &person_now["priority"]), (&json!("user"), &json!("user")));
    assert_eq!(busy.position(&editor), json!(2));
    assert_eq!(busy.order(&[&slow, &editor, &person]), ["shared", "editor"]);
}

#[test]
fn whoever_gives_up_waiting_never_runs_and_the_others_move_up() {
    let busy = Busy::new();
    let (first, second) = (busy.ask("user", "first"), busy.ask("user", "second"));
    busy.await_queued(2);
    let said = busy.sandbox.json(&["cancel", &first]);
    let build = &said["build"];
    assert_eq!(
        (&build["state"], &build["outcome"]["status"]),
        (&json!("ended"), &json!("cancelled"))
    );
    assert!(build["started_at"].is_null() && build["outcome"]["duration_ms"].is_null(), "{build}");
    assert_eq!(busy.position(&second), json!(1));
    assert_eq!(busy.order(&[&second]), ["second"]);
    assert_eq!(busy.sandbox.run(&["wait", &first]).status.code(), Some(143));
}

#[test]
fn time_runs_out_for_those_who_wait_as_well() {
    let busy = Busy::new();
    let output = busy.sandbox.run(&["run", "--timeout", "100ms", "--", "touch", "ran"]);
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    let build = &busy.sandbox.history()[0];
    assert_eq!(build["outcome"]["status"], "timed_out", "{build}");
    assert!(build["started_at"].is_null(), "{build}");
    busy.gate.open();
    let _ = busy.sandbox.ended(&busy.blocker);
    assert!(!busy.sandbox.workspace().join("ran").exists());
}

#[test]
fn whoever_waits_is_told_what_takes_the_places() {
    let sandbox = Sandbox::with_config("max_executions = 2");
    let flag = Flag::new(sandbox.outside(), "flag");
    for name in ["vite", "devserver"] {
        let program = sandbox.workspace().join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{}\n", flag.pass())).expect("a program");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("executable");
        let _ = sandbox.detach(&["--", &format!("./{name}"), "--port", "1"]);
    }
    sandbox.await_builds("running", 2);
    let waiting = sandbox.detach(&["--", "true"]);
    let build = sandbox.live().into_iter().find(|build| build["id"] == *waiting).expect("it waits");
    let detail = build["wait"]["detail"].as_str().expect("a reason");
    assert!(detail.starts_with("2 of 2 places are taken by \"./vite --port 1\" ("), "{detail}");
    assert!(detail.contains("\"./devserver --port 1\" ("), "{detail}");
    let status = sandbox.ok(&["status"]);
    assert!(status.contains("./vite --port 1\" (") && status.contains(" DIR "), "{status}");
    flag.raise();
    let _ = sandbox.ended(&waiting);
}
